import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Identity } from "./certificates.ts";
import { CLIENT_ALPN, SERVER_NAME } from "./mesh.ts";
import { FrameReader, type Frame } from "./server-frames.ts";
import { PATIENCE } from "./wait.ts";

export interface RawClientOptions {
  /** Speak TLS from the first byte with this certificate, to any server that the same authority signed. */
  tls?: Identity;
  /** A local address to bind, for example 127.1.2.3. */
  localAddress?: string;
  /** ALPN to offer with TLS; Istio's by default. */
  alpn?: string[];
  /** How long any wait may take, in milliseconds. */
  timeout?: number;
  /**
   * Answer the server's PINGs as they come, and take none of them for a frame. Without it only waits answer, so that nats-server
   * closes a client that rests for three of its `ping_interval`s.
   */
  answersPings?: boolean;
}

interface Opened {
  /** The stream that is written to and read from. */
  socket: Socket;
  /** The TCP connection below, if TLS lies over it. */
  transport: Socket;
  ready: "connect" | "secureConnect";
}

function open(port: number, { tls, localAddress, alpn }: RawClientOptions): Opened {
  const transport = connectPlain({ port, host: "127.0.0.1", localAddress });
  if (!tls) return { socket: transport, transport, ready: "connect" };
  const socket = connectTls({
    socket: transport,
    servername: SERVER_NAME,
    ALPNProtocols: alpn ?? CLIENT_ALPN,
    cert: tls.certificate,
    key: tls.key,
    ca: readFileSync(tls.authorityFile),
    // Istio's certificates have no host name. The authority is still verified.
    checkServerIdentity: () => undefined,
  });
  return { socket, transport, ready: "secureConnect" };
}

/** A client that writes whatever a test wants and reads frames. It is for bytes that no library would ever send. */
export class RawClient {
  readonly #socket: Socket;
  readonly #transport: Socket;
  readonly #timeout: number;
  readonly #frames: Frame[] = [];
  /** The number of frames that were taken. `shift` would move all that a flood has left, once for each frame. */
  #taken = 0;
  readonly #reader = new FrameReader();
  #wake: () => void = () => undefined;
  #closed = false;
  #error: Error | undefined;

  private constructor({ socket, transport }: Opened, timeout: number, answersPings: boolean) {
    this.#socket = socket;
    this.#transport = transport;
    this.#timeout = timeout;
    transport.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      for (const frame of this.#reader.feed(chunk)) {
        if (answersPings && frame.verb === "PING") socket.write("PONG\r\n");
        else this.#frames.push(frame);
      }
      this.#wake();
    });
    socket.on("error", (error) => {
      this.#error = error;
    });
    // `end` is the server's half. After a reset only `close` comes.
    for (const event of ["end", "close"]) {
      socket.on(event, () => {
        this.#closed = true;
        this.#wake();
      });
    }
  }

  /** Connects to a port of 127.0.0.1. With TLS, it resolves after the handshake. */
  static async connect(port: number, options: RawClientOptions = {}): Promise<RawClient> {
    const opened = open(port, options);
    const client = new RawClient(opened, options.timeout ?? PATIENCE, options.answersPings ?? false);
    await once(opened.socket, opened.ready, { signal: AbortSignal.timeout(client.#timeout) });
    return client;
  }

  /** Whether the server has ended the connection or half of it. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Writes bytes; a string is latin-1. Resolves when the kernel has accepted them. */
  send(bytes: string | Uint8Array): Promise<void> {
    const data = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
    return new Promise((resolve, reject) => {
      this.#socket.write(data, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }

  /** The next frame, whatever it is, or undefined if the server has closed and everything was read. */
  async next(): Promise<Frame | undefined> {
    const deadline = performance.now() + this.#timeout;
    for (;;) {
      const frame = this.#take();
      if (frame) return frame;
      if (this.#closed) return undefined;
      await this.#wait(deadline, "a frame");
    }
  }

  #take(): Frame | undefined {
    if (this.#taken === this.#frames.length) {
      this.#frames.length = 0;
      this.#taken = 0;
    }
    const frame = this.#frames[this.#taken];
    if (frame) this.#taken += 1;
    return frame;
  }

  /**
   * The next frame, which must have this verb. If `line` is given, its control line must equal or match it. A PING of the server is
   * answered and passed over, because the first comes about two seconds after CONNECT, whatever a test is waiting for then.
   */
  async expect(verb: string, line?: string | RegExp): Promise<Frame> {
    let frame = await this.next();
    while (frame?.verb === "PING" && verb !== "PING") {
      await this.send("PONG\r\n");
      frame = await this.next();
    }
    const matches = typeof line === "string" ? frame?.line === line : (line?.test(frame?.line ?? "") ?? true);
    if (frame?.verb === verb && matches) return frame;
    const wanted = line === undefined ? verb : String(line);
    throw new Error(`wanted ${wanted}, got ${frame ? JSON.stringify(frame.line) : this.#closing()}`);
  }

  /** The frames before the next one with that verb. PINGs of the server on the way are answered and left out. */
  async until(verb: string): Promise<Frame[]> {
    const frames: Frame[] = [];
    for (;;) {
      const frame = await this.next();
      if (!frame)
        throw new Error(`wanted ${verb}, got ${this.#closing()} after ${JSON.stringify(frames.map((f) => f.line))}`);
      if (frame.verb === verb) return frames;
      if (frame.verb === "PING") await this.send("PONG\r\n");
      else frames.push(frame);
    }
  }

  /** Reads INFO, sends CONNECT with `fields` and a PING, and reads the PONG, and a second INFO if it comes. */
  async handshake(fields: object = {}): Promise<void> {
    await this.expect("INFO");
    const connect = { verbose: false, pedantic: false, headers: true, no_responders: true, protocol: 1, lang: "raw" };
    await this.send(`CONNECT ${JSON.stringify({ ...connect, ...fields })}\r\nPING\r\n`);
    const frames = await this.until("PONG");
    const refusal = frames.find((frame) => frame.verb === "-ERR");
    if (refusal) throw new Error(`the handshake was answered with ${refusal.line}`);
    // A server that has something to say answers the first PING with a second INFO after the PONG.
    await this.flush();
  }

  /** Sends PING. Returns the frames that came before its PONG, without INFO. */
  async flush(): Promise<Frame[]> {
    await this.send("PING\r\n");
    const frames = await this.until("PONG");
    return frames.filter((frame) => frame.verb !== "INFO");
  }

  /** Everything until the server closes the connection. */
  async untilClosed(): Promise<Frame[]> {
    const frames: Frame[] = [];
    for (let frame = await this.next(); frame; frame = await this.next()) frames.push(frame);
    return frames;
  }

  /** Stops reading, so that the kernel's buffers fill. `resume` continues. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Ends our half. The server may still answer. */
  end(): void {
    this.#socket.end();
  }

  /** Ends the connection with RST. */
  reset(): void {
    this.#transport.resetAndDestroy();
  }

  close(): void {
    this.#socket.destroy();
  }

  #closing(): string {
    if (!this.#closed) return "nothing";
    return this.#error ? `the connection's end (${this.#error.message})` : "the connection's end";
  }

  async #wait(deadline: number, what: string): Promise<void> {
    const left = deadline - performance.now();
    if (left <= 0) {
      const rest = JSON.stringify(this.#reader.rest.toString("latin1", 0, 1000));
      throw new Error(`${what} did not come within ${this.#timeout} ms; unfinished: ${rest}`);
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, left);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
