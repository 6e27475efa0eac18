import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { NatsServer } from "../stand/nats-server.ts";
import { RawClient } from "../stand/raw-client.ts";
import type { Frame } from "../stand/server-frames.ts";
import { Started } from "../stand/started.ts";
import { LIMITS } from "./policies.ts";

/** Connections at a time. */
const CONCURRENCY = 48;
/** Each lane connects from an address of its own, so that the ports of 127.0.0.1 do not run out. */
const LANES = Array.from({ length: CONCURRENCY }, (_, lane) => `127.0.7.${lane + 1}`);

/** One operation as nats-server's trace shows it: `PUB foo 1`, and for a payload `= "hello"`, quoted by Go. */
export type TracedLine = string;

/** `[1234] … [TRC] 127.0.0.1:51234 - cid:5 - "name" - <<- [PUB foo 1]` */
const TRACE = /\[TRC\] \S+ - cid:(\d+) - .*?<<- (?:\[(.*)\]|MSG_PAYLOAD: \[(.*)\])\n?$/s;
/** Not every line of the log is an entry: the argument of a CONNECT may begin with a line feed. */
const NEXT_ENTRY = /\n(?=\[\d+\] )/;

/** A real nats-server that traces what it reads, and an observer of everything that is published there. */
export class TracingServer {
  private constructor(
    private readonly started: Started,
    private readonly server: NatsServer,
    private readonly observer: RawClient,
  ) {}

  /** If it is guarded, clients must say in CONNECT that they are the user `u` with the password `p`. */
  static start(isGuarded = false): Promise<TracingServer> {
    // In place of the stand's own authorization, whose patience it keeps.
    const users = isGuarded ? `authorization { user: u, password: p, timeout: 30 }\n` : "";
    const config = `${users}max_control_line: ${LIMITS.controlLine}\nmax_payload: ${LIMITS.payload}\n`;
    return Started.whole(async (started) => {
      const server = await started.add(NatsServer.start(started.folder, { config, jetStream: false, trace: true }));
      // Nobody asks it anything for minutes on a slow machine, and nats-server closes who leaves its PINGs unanswered.
      const observer = await RawClient.connect(server.port, { timeout: 60_000, answersPings: true });
      await observer.handshake({ user: "u", pass: "p" });
      await observer.send("SUB > 1\r\n");
      await observer.flush();
      return new TracingServer(started, server, observer);
    });
  }

  /**
   * Sends each stream over a connection of its own, with a write for each chunk. Returns what the server read of each, by its
   * trace.
   */
  async read(streams: readonly (readonly Uint8Array[])[]): Promise<TracedLine[][]> {
    const connectionOf: number[] = [];
    let next = 0;
    const lane = async (localAddress: string): Promise<void> => {
      while (next < streams.length) {
        const mine = next++;
        connectionOf[mine] = await this.#send(streams[mine]!, localAddress);
      }
    };
    await Promise.all(LANES.map(lane));
    const traced = this.#trace();
    return connectionOf.map((connection) => traced.get(connection) ?? []);
  }

  /** What the observer has received. */
  async published(): Promise<Frame[]> {
    return (await this.observer.flush()).filter(({ verb }) => verb === "MSG" || verb === "HMSG");
  }

  async stop(): Promise<void> {
    this.observer.close();
    await this.started.stop();
  }

  /** Returns the server's number for the connection after it has closed. */
  async #send(chunks: readonly Uint8Array[], localAddress: string): Promise<number> {
    const socket: Socket = connect({ host: "127.0.0.1", port: this.server.port, localAddress, noDelay: true });
    // A server that closes with bytes unread resets the connection. What it read is in its trace.
    socket.on("error", () => undefined);
    const [info] = (await once(socket, "data")) as [Buffer];
    const connection = Number(/"client_id":(\d+)/.exec(info.toString())![1]);
    // Not `once` of events, which rejects on an error.
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.resume();
    for (const chunk of chunks) socket.write(chunk);
    socket.end();
    await closed;
    return connection;
  }

  #trace(): Map<number, TracedLine[]> {
    const lines = new Map<number, TracedLine[]>();
    for (const entry of readFileSync(join(this.started.folder, "nats-server.log"), "latin1").split(NEXT_ENTRY)) {
      const match = TRACE.exec(entry);
      if (match === null) continue;
      const [, connection, operation, payload] = match;
      const text = operation ?? `= ${payload!}`;
      const known = lines.get(Number(connection));
      if (known === undefined) lines.set(Number(connection), [text]);
      else known.push(text);
    }
    return lines;
  }
}
