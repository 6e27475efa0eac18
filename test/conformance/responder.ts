import { matches } from "./subjects.ts";

/** An operation as nats-server's parser would read it from a stream of complete, well-formed ones. */
export interface Read {
  verb: string;
  args: string[];
  /** Everything after the verb on its line. */
  rest: string;
  body: string;
}

const INFO = 'INFO {"server_id":"N","version":"2.15.2","headers":true,"max_payload":1048576,"auth_required":true} \r\n';
const CONNECT_INFO = INFO.replace("{", '{"connect_info":true,');

/** Reads operations from bytes as they come, and keeps what is unfinished. */
export class Reader {
  #rest = "";

  *read(bytes: string): Generator<Read> {
    this.#rest += bytes;
    for (let end = this.#rest.indexOf("\n"); end >= 0; end = this.#rest.indexOf("\n")) {
      const line = this.#rest.slice(0, end).replace(/\r$/, "");
      const verb = (/^[A-Za-z+-]+/.exec(line)?.[0] ?? "").toUpperCase();
      const rest = line.slice(verb.length);
      const args = rest.split(/[ \t]+/).filter((arg) => arg !== "");
      const sized = /^H?PUB$/.test(verb) && /^\d{1,9}$/.test(args.at(-1) ?? "");
      const size = sized ? Number(args.at(-1)) : -2;
      const next = end + 1 + size + 2;
      if (this.#rest.length < next) return;
      yield { verb, args, rest, body: size < 0 ? "" : this.#rest.slice(end + 1, end + 1 + size) };
      this.#rest = this.#rest.slice(next);
    }
  }
}

/**
 * Answers like a nats-server that refuses nothing, for tests that only check whether the filter does the same however its bytes are
 * cut. It is no oracle: the sessions at live servers show what nats-server really answers.
 */
export class Responder {
  closed = false;
  readonly #client = new Reader();
  readonly #peer = new Reader();
  readonly #subjects = new Map<string, string>();
  #verbose = true;
  #echo = true;
  #awaitsFirstPing = false;

  get greeting(): string {
    return INFO;
  }

  /** What the client's connection carries back for bytes that the filter forwarded. */
  answer(bytes: string): string {
    let out = "";
    for (const operation of this.#client.read(bytes)) {
      if (this.closed) break;
      out += this.#take(operation);
    }
    return out;
  }

  /** What the client's connection carries for bytes that a peer sent. */
  deliver(bytes: string): string {
    let out = "";
    for (const operation of this.#peer.read(bytes)) out += this.#messages(operation);
    return out;
  }

  #take(operation: Read): string {
    const { verb, args, rest } = operation;
    const ok = this.#verbose ? "+OK\r\n" : "";
    switch (verb) {
      case "CONNECT":
        return this.#connect(rest);
      case "PING": {
        const info = this.#awaitsFirstPing ? CONNECT_INFO : "";
        this.#awaitsFirstPing = false;
        return `PONG\r\n${info}`;
      }
      case "PONG":
      case "+OK":
      case "INFO":
        return "";
      case "SUB":
        this.#subjects.set(args.at(-1) ?? "", args[0] ?? "");
        return ok;
      case "UNSUB":
        if (args.length === 1) this.#subjects.delete(args[0] ?? "");
        return ok;
      case "PUB":
      case "HPUB":
        if (args.length < 2) break;
        return ok + (this.#echo ? this.#messages(operation) : "");
    }
    this.closed = true;
    return "-ERR 'Unknown Protocol Operation'\r\n";
  }

  #connect(json: string): string {
    try {
      const options = JSON.parse(json) as { verbose?: boolean; echo?: boolean; protocol?: number };
      this.#verbose = options.verbose ?? this.#verbose;
      this.#echo = options.echo ?? this.#echo;
      this.#awaitsFirstPing = options.protocol === 1;
    } catch {
      this.closed = true;
      return "";
    }
    this.#subjects.clear();
    return this.#verbose ? "+OK\r\n" : "";
  }

  #messages({ verb, args, body }: Read): string {
    if (verb !== "PUB" && verb !== "HPUB") return "";
    const [subject = "", ...others] = args;
    let out = "";
    for (const [sid, pattern] of this.#subjects) {
      if (matches(pattern, subject)) {
        out += `${verb === "PUB" ? "MSG" : "HMSG"} ${subject} ${sid} ${others.join(" ")}\r\n${body}\r\n`;
      }
    }
    return out;
  }
}
