/** One frame that nats-server sends. */
export interface Frame {
  /** The first word, in capitals: INFO, MSG, HMSG, PING, PONG, +OK, -ERR. */
  verb: string;
  /** The control line without its CRLF, as latin-1. */
  line: string;
  /** For MSG and HMSG: the payload, without the headers of an HMSG. */
  payload?: Buffer;
  /** For HMSG: the header block with its closing empty line. */
  headers?: Buffer;
}

const CRLF = "\r\n";

/**
 * Cuts a server's bytes into frames. It is written for tests from the protocol's documentation, independent of the filter's parser.
 */
export class FrameReader {
  #bytes: Buffer = Buffer.alloc(0);
  /** Chunks after `#bytes`, which are joined once they complete a frame, because a large payload comes in many chunks. */
  #more: Buffer[] = [];
  #size = 0;
  /** Length of the next frame in bytes, if its control line is complete. */
  #wanted = 0;

  /** Bytes that do not make a whole frame yet. */
  get rest(): Buffer {
    return Buffer.concat([this.#bytes, ...this.#more]);
  }

  /** Accepts the next bytes. Returns the frames that are now complete. */
  feed(chunk: Buffer): Frame[] {
    this.#more.push(chunk);
    this.#size += chunk.length;
    if (this.#size < this.#wanted) return [];
    this.#bytes = this.rest;
    this.#more = [];
    this.#wanted = 0;
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame; frame = this.#next()) frames.push(frame);
    this.#size = this.#bytes.length;
    return frames;
  }

  #next(): Frame | undefined {
    const end = this.#bytes.indexOf(CRLF);
    if (end < 0) return undefined;
    const line = this.#bytes.toString("latin1", 0, end);
    const words = line.split(/[ \t]+/);
    const verb = (words[0] ?? "").toUpperCase();
    const begin = end + CRLF.length;
    if (verb !== "MSG" && verb !== "HMSG") {
      this.#bytes = this.#bytes.subarray(begin);
      return { verb, line };
    }

    const total = Number(words.at(-1));
    if (this.#bytes.length < begin + total + CRLF.length) {
      this.#wanted = begin + total + CRLF.length;
      return undefined;
    }
    const body = this.#bytes.subarray(begin, begin + total);
    const headerSize = verb === "HMSG" ? Number(words.at(-2)) : 0;
    this.#bytes = this.#bytes.subarray(begin + total + CRLF.length);
    const frame: Frame = { verb, line, payload: body.subarray(headerSize) };
    if (verb === "HMSG") frame.headers = body.subarray(0, headerSize);
    return frame;
  }
}
