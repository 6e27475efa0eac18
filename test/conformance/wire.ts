import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { PATIENCE } from "../stand/wait.ts";

/** Splits what a server sends into frames: lines, and for MSG and HMSG the line with its payload. */
class Framer {
  #rest = "";

  feed(data: string): string[] {
    this.#rest += data;
    const frames: string[] = [];
    for (let end = this.#rest.indexOf("\r\n"); end >= 0; end = this.#rest.indexOf("\r\n")) {
      const line = this.#rest.slice(0, end);
      const tokens = line.split(/\s+/);
      const verb = (tokens[0] ?? "").toUpperCase();
      const size = verb === "MSG" || verb === "HMSG" ? Number(tokens.at(-1)) : NaN;
      const whole = Number.isInteger(size) ? end + 2 + size : end;
      if (this.#rest.length < whole + 2) break;
      frames.push(this.#rest.slice(0, whole));
      this.#rest = this.#rest.slice(whole + 2);
    }
    return frames;
  }

  get rest(): string {
    return this.#rest;
  }
}

/** A connection that sends raw bytes and collects frames. */
export class Wire {
  frames: string[] = [];
  closed = false;
  readonly #socket: Socket;
  readonly #framer = new Framer();
  #wake: () => void = () => undefined;

  /** `openedAt` is a time before the server can have accepted the connection, by `performance.now()`. */
  private constructor(
    socket: Socket,
    private readonly openedAt: number,
  ) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (data) => {
      this.frames.push(...this.#framer.feed(data.toString("latin1")));
      this.#wake();
    });
    const ended = (): void => {
      this.closed = true;
      this.#wake();
    };
    socket.on("end", ended).on("close", ended).on("error", ended);
  }

  static async open(port: number, localAddress?: string): Promise<Wire> {
    const openedAt = performance.now();
    const socket = connect({ host: "127.0.0.1", port, localAddress });
    const wire = new Wire(socket, openedAt);
    if (socket.connecting) await once(socket, "connect");
    return wire;
  }

  /** Milliseconds since it was opened, which is never less than since it was accepted. */
  get age(): number {
    return performance.now() - this.openedAt;
  }

  /** Bytes that do not make a whole frame yet. */
  get rest(): string {
    return this.#framer.rest;
  }

  send(data: string): void {
    if (!this.closed && data !== "") this.#socket.write(data, "latin1");
  }

  /** Sends no more, and goes on reading. */
  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Waits at most this long for anything new, and returns whether something came. */
  async change(milliseconds: number): Promise<boolean> {
    if (this.closed) return false;
    return new Promise((resolve) => {
      // Once Node has looked for data, which it does only behind timers: in a process that stood still both are due.
      const timer = setTimeout(() => setImmediate(() => resolve(false)), milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  /** Waits until nothing has arrived for this long. */
  async quiet(milliseconds: number, atMost = 2000): Promise<void> {
    const end = performance.now() + atMost;
    while (performance.now() < end && (await this.change(milliseconds)));
  }

  async waitFor(condition: () => boolean, milliseconds: number): Promise<boolean> {
    const end = performance.now() + milliseconds;
    while (!condition()) {
      const left = end - performance.now();
      if (left <= 0 || !(await this.change(left))) return condition();
    }
    return true;
  }

  /** `closed`, read again after something was awaited. */
  private ended(): boolean {
    return this.closed;
  }

  /**
   * Sends a PING and waits for its PONG, which comes after those of `pings` others that were sent since there were `mark` frames.
   * Removes it from the frames.
   */
  async barrier(pings = 0, mark = this.frames.length): Promise<void> {
    if (this.closed) return;
    this.send("PING\r\n");
    const pongs = (): number[] =>
      this.frames.flatMap((frame, index) => (index >= mark && frame === "PONG" ? [index] : []));
    if (await this.waitFor(() => pongs().length > pings, PATIENCE)) this.frames.splice(pongs()[pings] ?? 0, 1);
    else if (!this.ended()) throw new Error(`no PONG after ${JSON.stringify(this.frames.slice(mark))}`);
  }
}
