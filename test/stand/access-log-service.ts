import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";

/**
 * A collector of `envoy.service.accesslog.v3.AccessLogService`, small enough to need no gRPC library. It accepts one stream of
 * messages and keeps their bytes. Look-ups walk the protobuf.
 */
export class AccessLogService {
  readonly #server: Http2Server;
  readonly #messages: Buffer[] = [];

  private constructor(server: Http2Server) {
    this.#server = server;
  }

  static async start(): Promise<AccessLogService> {
    const server = createServer();
    const service = new AccessLogService(server);
    server.on("stream", (stream) => service.#take(stream));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return service;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The filter state objects of all entries so far: each key with the text of its value. */
  get filterState(): Record<string, string>[] {
    return this.#messages.flatMap((message) => entriesOf(message).map(filterStateOf));
  }

  stop(): void {
    this.#server.close();
  }

  #take(stream: ServerHttp2Stream): void {
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    let rest: Buffer = Buffer.alloc(0);
    stream.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      // A gRPC message: one byte for compression, four for the length.
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
        const end = 5 + rest.readUInt32BE(1);
        this.#messages.push(rest.subarray(5, end));
        rest = rest.subarray(end);
      }
    });
    stream.on("error", () => undefined);
  }
}

type Fields = Map<number, Buffer[]>;

/** The length-delimited fields of a protobuf message, by number. Other fields are skipped. */
function fieldsOf(message: Buffer): Fields {
  const fields: Fields = new Map();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const [number, type] = [Math.floor(tag / 8), tag % 8];
    if (type === 0) varint();
    else if (type === 1) at += 8;
    else if (type === 5) at += 4;
    else {
      const length = varint();
      fields.set(number, [...(fields.get(number) ?? []), message.subarray(at, at + length)]);
      at += length;
    }
  }
  return fields;
}

function all(message: Buffer, number: number): Buffer[] {
  return fieldsOf(message).get(number) ?? [];
}

/** StreamAccessLogsMessage.tcp_logs (3) . log_entry (1) . common_properties (1). */
function entriesOf(message: Buffer): Buffer[] {
  return all(message, 3).flatMap((logs) => all(logs, 1).flatMap((entry) => all(entry, 1)));
}

/** AccessLogCommon.filter_state_objects (21), a map of Any. The value is a BytesValue, whose field is 1. */
function filterStateOf(common: Buffer): Record<string, string> {
  const state: Record<string, string> = {};
  for (const entry of all(common, 21)) {
    const key = all(entry, 1)[0]?.toString() ?? "";
    const any = all(entry, 2)[0] ?? Buffer.alloc(0);
    state[key] = all(all(any, 2)[0] ?? Buffer.alloc(0), 1)[0]?.toString() ?? "";
  }
  return state;
}
