/**
 * What nats-server reads from a client's bytes. This is its parser (server/parser.go of v2.15.2, `client.parse` for a CLIENT),
 * ported state by state, quirks included, because it is the oracle for what the filter lets through. A state that Go names by the
 * letters read so far (OP_PU, OP_CONNEC) is those letters here. reader.test.ts checks this port against a real nats-server.
 */
import { ConnectOptions } from "./connect-options.ts";
import { isJson } from "./is-json.ts";

export interface Limits {
  /** nats-server's `max_control_line`. */
  controlLine: number;
  /** nats-server's `max_payload`. */
  payload: number;
}

/** One operation that nats-server executes. All texts are latin-1: a character is a byte. */
export interface Operation {
  verb: "CONNECT" | "PUB" | "HPUB" | "SUB" | "UNSUB" | "PING" | "PONG" | "OK" | "INFO" | "ERR" | "HMSG";
  /** The argument as the parser cut it out. */
  argument: string;
  subject: string;
  reply: string;
  queue: string;
  sid: string;
  /** For PUB and HPUB: bytes of the payload, headers included, and bytes of the headers. */
  size: number;
  headers: number;
  /** For PUB and HPUB: the payload, once it and its CR LF have arrived. Undefined before. */
  payload?: string;
}

/** Letters that lead from one state to the next. A complete verb has a state of its own below. */
const VERBS = ["PUB", "HPUB", "HMSG", "SUB", "UNSUB", "PING", "PONG", "CONNECT", "INFO", "+OK", "-ERR"];
const PREFIXES = new Set(VERBS.flatMap((verb) => Array.from({ length: verb.length }, (_, i) => verb.slice(0, i + 1))));
/** States after which at least one blank must come, and those after which blanks may come. */
const NEEDS_BLANK = new Set(["PUB", "HPUB", "HMSG", "SUB", "UNSUB", "-ERR"]);
const MAY_HAVE_BLANK = new Set(["CONNECT", "INFO"]);
/** Everything up to the LF is skipped. */
const SKIPS_LINE = new Set(["PING", "PONG", "+OK"]);

/** parser.go `scratch`: payloads that fit after the argument are collected there. */
const SCRATCH_SIZE = 4096;
const [TAB, LF, CR, SPACE, CONNECT_START] = [0x09, 0x0a, 0x0d, 0x20, 0x43];
/** In `error`. */
export const UNAUTHORIZED = "Authorization Violation";
export const LINE_TOO_LONG = "maximum control line exceeded";
export const PAYLOAD_TOO_LARGE = "Maximum Payload Violation";

type State = "START" | "LETTERS" | "SKIP" | "SPACES" | "ARGUMENT" | "PAYLOAD" | "END_R" | "END_N";

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** util.go `parseSize`: -1 for what is not a size. */
function parseSize(text: string): number {
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : -1;
}

/** The parser of one connection. `feed` is one read of the server's. The cuts between reads matter to some quirks. */
export class NatsParser {
  readonly operations: Operation[] = [];
  /** Why the server closed the connection. Nothing is read after that. */
  error: string | undefined;

  readonly #options = new ConnectOptions();
  #state: State = "START";
  /** The letters of the verb so far, in capitals. */
  #verb = "";
  #as = 0;
  #drop = 0;
  #argBuf: number[] | undefined;
  #msgBuf: number[] | undefined;
  #publish: Operation | undefined;

  constructor(
    readonly limits: Limits,
    /** Clients must say who they are. Until they have, nothing but CONNECT is read. */
    private awaitsConnect = false,
  ) {}

  /** The letters so far of the verb that was read last, in capitals. */
  get verb(): string {
    return this.#verb;
  }

  /** The server is in the middle of an operation. */
  get isUnfinished(): boolean {
    return this.error === undefined && this.#state !== "START";
  }

  /** One read of the server's. */
  feed(buf: Uint8Array): void {
    if (this.#isClosed()) return;
    this.#as = 0;
    for (let i = 0; i < buf.length && !this.#isClosed(); i++) i = this.#step(buf, i);
    if (!this.#isClosed()) this.#keepSplitArgument(buf);
    if (!this.#isClosed()) this.#keepSplitMessage(buf);
  }

  /** A method, because the compiler otherwise considers settled what it has once checked. */
  #isClosed(): boolean {
    return this.error !== undefined;
  }

  /** Reads the byte at `i`. Returns the index of the last byte read, which payloads advance. */
  #step(buf: Uint8Array, i: number): number {
    const b = buf[i]!;
    switch (this.#state) {
      case "START":
        this.#verb = "";
        if (this.awaitsConnect && (b & 0xdf) !== CONNECT_START) return this.#close(UNAUTHORIZED, i);
        this.#state = "LETTERS";
        this.#letter(b);
        return i;
      case "LETTERS":
        this.#letterOrBlank(b, i);
        return i;
      case "SKIP":
        if (b === LF) this.#carryOut(new Uint8Array(0), i);
        return i;
      case "SPACES":
        if (b !== SPACE && b !== TAB) {
          this.#state = "ARGUMENT";
          this.#as = i;
        }
        return i;
      case "ARGUMENT":
        return this.#argument(buf, i, b);
      case "PAYLOAD":
        return this.#payload(buf, i, b);
      case "END_R":
        if (b !== CR) return this.#fail(i);
        this.#msgBuf?.push(b);
        this.#state = "END_N";
        return i;
      case "END_N":
        if (b !== LF) return this.#fail(i);
        this.#publish!.payload =
          this.#msgBuf === undefined
            ? latin1(buf.subarray(this.#as, i - 1))
            : latin1(Uint8Array.from(this.#msgBuf)).slice(0, -1);
        this.#publish = undefined;
        this.#argBuf = undefined;
        this.#msgBuf = undefined;
        this.#drop = 0;
        this.#as = i + 1;
        this.#state = "START";
        return i;
    }
  }

  #letter(b: number): void {
    const letter = b >= 0x61 && b <= 0x7a ? b - 0x20 : b;
    this.#verb += String.fromCharCode(letter);
    if (!PREFIXES.has(this.#verb)) this.#fail(0);
    else if (SKIPS_LINE.has(this.#verb)) this.#state = "SKIP";
  }

  #letterOrBlank(b: number, i: number): void {
    if (NEEDS_BLANK.has(this.#verb)) {
      if (b === SPACE || b === TAB) this.#state = "SPACES";
      else this.#fail(i);
    } else if (MAY_HAVE_BLANK.has(this.#verb)) {
      if (b === SPACE || b === TAB) return;
      this.#state = "ARGUMENT";
      this.#as = i;
    } else this.#letter(b);
  }

  #argument(buf: Uint8Array, i: number, b: number): number {
    if (b === CR) this.#drop = 1;
    else if (b === LF) {
      // If a CR is the only byte, Go cuts from the argument's start to before it, but never backwards.
      const argument =
        this.#argBuf === undefined ? buf.subarray(this.#as, i - this.#drop) : Uint8Array.from(this.#argBuf);
      this.#argBuf = undefined;
      if (argument.length > this.limits.controlLine) return this.#close(LINE_TOO_LONG, i);
      return this.#carryOut(argument, i);
    } else this.#argBuf?.push(b);
    return i;
  }

  /** A whole line has been read: does what `traceInOp` and the `process…` functions do. */
  #carryOut(argument: Uint8Array, i: number): number {
    const verb = this.#verb === "+OK" ? "OK" : this.#verb === "-ERR" ? "ERR" : (this.#verb as Operation["verb"]);
    const operation: Operation = {
      ...{ verb, argument: latin1(argument), subject: "", reply: "", queue: "", sid: "", size: 0, headers: -1 },
    };
    this.#drop = 0;
    this.#as = i + 1;
    this.#state = "START";
    const problem = this.#process(operation, argument);
    if (problem !== undefined) return this.#close(problem, i);
    this.operations.push(operation);
    if (verb !== "PUB" && verb !== "HPUB" && verb !== "HMSG") return i;
    this.#publish = operation;
    this.#state = "PAYLOAD";
    return this.#msgBuf === undefined ? this.#as + operation.size - 2 : i;
  }

  /** Fills the operation in, or returns why the server closes the connection instead. */
  #process(operation: Operation, argument: Uint8Array): string | undefined {
    switch (operation.verb) {
      case "CONNECT":
        if (!this.#options.read(argument)) return "CONNECT";
        this.awaitsConnect = false;
        return undefined;
      case "INFO":
        return isJson(argument) ? undefined : "INFO";
      case "ERR":
        // client.go processErr closes the connection, but what the buffer still holds is executed.
        return undefined;
      case "PUB":
      case "HPUB":
        return this.#processPub(operation);
      case "SUB":
        return processSub(operation);
      case "UNSUB": {
        const words = operation.argument.split(/[ \t\r\n]+/).filter((word) => word !== "");
        operation.sid = words[0] ?? "";
        return words.length === 1 || words.length === 2 ? undefined : "processUnsub";
      }
    }
    return undefined;
  }

  #processPub(operation: Operation): string | undefined {
    const withHeaders = operation.verb === "HPUB";
    if (withHeaders && !this.#options.headers) return "message headers not supported";
    const words = operation.argument.split(/[ \t]+/).filter((word) => word !== "");
    const sizes = withHeaders ? 2 : 1;
    if (words.length !== 1 + sizes && words.length !== 2 + sizes) return "processPub";
    operation.subject = words[0]!;
    operation.reply = words.length === 2 + sizes ? words[1]! : "";
    operation.size = parseSize(words.at(-1)!);
    if (withHeaders) operation.headers = parseSize(words.at(-2)!);
    if (operation.size < 0 || (withHeaders && (operation.headers < 0 || operation.headers > operation.size))) {
      return "processPub";
    }
    return operation.size > this.limits.payload ? PAYLOAD_TOO_LARGE : undefined;
  }

  #payload(buf: Uint8Array, i: number, b: number): number {
    const size = this.#publish!.size;
    const msg = this.#msgBuf;
    let at = i;
    if (msg !== undefined) {
      const wanted = Math.min(size - msg.length, buf.length - i);
      if (wanted > 0) {
        for (const byte of buf.subarray(i, i + wanted)) msg.push(byte);
        at = i + wanted - 1;
      } else msg.push(b);
      if (msg.length >= size) this.#state = "END_R";
    } else if (i - this.#as + 1 >= size) this.#state = "END_R";
    return at;
  }

  #keepSplitArgument(buf: Uint8Array): void {
    if (this.#state !== "ARGUMENT") return;
    this.#argBuf ??= [...buf.subarray(this.#as, Math.max(buf.length - this.#drop, this.#as))];
    if (this.#argBuf.length > this.limits.controlLine) this.#close(LINE_TOO_LONG, 0);
  }

  #keepSplitMessage(buf: Uint8Array): void {
    const inMessage = this.#state === "PAYLOAD" || this.#state === "END_R" || this.#state === "END_N";
    if (!inMessage || this.#msgBuf !== undefined) return;
    const { size, argument } = this.#publish!;
    // clonePubArg reads the argument a second time, with the same result.
    const rest = buf.subarray(this.#as);
    if (size > SCRATCH_SIZE - argument.length && rest.length > size + 2) this.#close("Unknown Protocol Operation", 0);
    else this.#msgBuf = [...rest];
  }

  #fail(i: number): number {
    return this.#close("Unknown Protocol Operation", i);
  }

  #close(why: string, i: number): number {
    this.error = why;
    return i;
  }
}

function processSub(operation: Operation): string | undefined {
  const words = operation.argument.split(/[ \t\r\n]+/).filter((word) => word !== "");
  if (words.length !== 2 && words.length !== 3) return "processSub";
  operation.subject = words[0]!;
  operation.queue = words.length === 3 ? words[1]! : "";
  operation.sid = words.at(-1)!;
  return undefined;
}

/** Reads a stream as the server does if its reads are these chunks. */
export function parseChunks(chunks: readonly Uint8Array[], limits: Limits, awaitsConnect = false): NatsParser {
  const parser = new NatsParser(limits, awaitsConnect);
  for (const chunk of chunks) parser.feed(chunk);
  return parser;
}
