/** One frame that nats-server sends. */
export interface Frame {
  /** The first word, in capitals: INFO, MSG, HMSG, PING, PONG, +OK, -ERR. */
  verb: string;
  /** The control line without its CRLF, bytes as latin-1. */
  line: string;
  /** MSG and HMSG: the payload, for HMSG behind its headers. */
  payload?: Buffer;
  /** HMSG: the header block with its closing empty line. */
  headers?: Buffer;
}

const CRLF = "\r\n";

/** Cuts a server's bytes into frames. Written for tests, by the protocol's documentation, apart from the filter's parser. */
export class FrameReader {
  #bytes: Buffer = Buffer.alloc(0);
  /** Chunks behind `#bytes`, joined once they complete a frame: a large payload comes in many. */
  #more: Buffer[] = [];
  #size = 0;
  /** Bytes that the next frame has, where its control line is there to tell. */
  #wanted = 0;

  /** Bytes that do not make a whole frame yet. */
  get rest(): Buffer {
    return Buffer.concat([this.#bytes, ...this.#more]);
  }

  /** Takes the next bytes; returns the frames that are whole now. */
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
