/**
 * What a client must read when its operations went through the filter and a broker answers. It is a few lines of bookkeeping over
 * whole frames, independent of the filter's streaming pipelines.
 */
import { Info, type Unwanted } from "./infos.ts";
import { NaivePolicy, type Policy } from "./naive-policy.ts";
import { LINE_TOO_LONG, type Operation } from "./nats-parser.ts";

/** Responses of `allow_responses` in the policies of this fuzz test, which have at most one such rule. */
function responsesOf(policy: Policy): number | undefined {
  return policy.rules.find(({ allow_responses }) => allow_responses !== undefined)?.allow_responses?.max;
}

/** What a CONNECT says. */
interface Connect {
  lang: string;
  verbose: boolean;
  headers: boolean;
}

interface Subscription {
  /** Undefined once its sid was used again with another queue, because then nobody is sure which of the two the server has. */
  queue: string | undefined;
  isLive: boolean;
  /** A maximum that the server does not know is reached, so whatever still comes is too much, after an UNSUB of the client's too. */
  isFull: boolean;
  received: number;
  max: number;
  /** The server does not know the maximum. */
  countedHere: boolean;
  pendingMaxima: number;
  /** Its sid was used again while it was live, so nobody knows what the server has counted. */
  reused: boolean;
  /** Messages of a former holder of its sid may still come. */
  hasFormer: boolean;
  /** Those must not reach the client, because the former one had reached its maximum. */
  isWithheld: boolean;
  keptBack: number;
  inGroup: boolean;
}

/**
 * Bytes of the longest line that the filter reads: those of MQTT's longest subject, of a longest sid and a reply subject
 * (assembly/nats/server-line.ts). The CR of an INFO or an error counts.
 */
export const LONGEST_SERVER_LINE = 4 * 65_536;

/** Exactly what nats-server writes (client.go `msgHeader`, `sendPong` and so on). `index` is where it begins. */
const FRAME =
  /(PONG|PING|\+OK)\r\n|-ERR ('[^'\r\n]*')\r\n|INFO ([^\n]*)\r\n|(MSG|HMSG) ([!-~\v\f\x80-\xff]+) ([!-~]+)(?: ([!-~\v\f\x80-\xff]+))?(?: (\d{1,9}))? (\d{1,9})\r\n/y;

/** How a line begins that may be longer than any that is read. */
const ENDLESS = /^(?:H?MSG [!-~]|INFO |-ERR )/;

/**
 * Whether the client's library parts the line elsewhere than nats-server, or reads nothing behind the headers, of so many bytes
 * (docs/reference/parity.md, "blanks of libraries").
 */
function misreads(lang: string, names: string, headers: number | undefined): boolean {
  const isRust = lang.startsWith("rust");
  if (!isRust && !/^(?:python|ruby|jruby|truffleruby)/.test(lang)) return false;
  if (headers !== undefined && isRust && /\p{White_Space}/u.test(Buffer.from(names, "latin1").toString())) return true;
  return /[\v\f]/.test(names) || (headers !== undefined && !isRust && headers < 12);
}

function begun(queue: string, former: Subscription | undefined): Subscription {
  const isWithheld = former?.isFull === true || former?.isWithheld === true;
  return {
    ...{ queue, inGroup: queue !== "", isLive: true, isFull: false, reused: false },
    ...{ hasFormer: former !== undefined, isWithheld },
    ...{ received: 0, keptBack: 0, max: 0, countedHere: false, pendingMaxima: 0 },
  };
}

/**
 * What a PONG is for: the client's own PING, a text, with which a connection may end, a maximum that holds from there on, for which
 * there may be a `+OK`, a subscription that begins there, or one that is over there, of which nothing more comes. The next `+OK`
 * behind it may be for a line of the filter's.
 */
type Pong =
  | "own"
  | "swallows"
  /** `isAwaited`: an Authorization Violation, too, becomes the text. */
  | { text: string; isLast?: boolean; isAwaited?: boolean }
  | { sub: Subscription; max?: number; isAnswered?: boolean }
  | { over: Subscription };

/** What counts for a maximum. The server also counts what is withheld. */
function counted(sub: Subscription, here: boolean): number {
  return here ? sub.received : sub.received + sub.keptBack;
}

export class BrokerModel {
  readonly #policy: NaivePolicy;
  readonly #responses: number | undefined;
  /** One for each PING that the server gets. */
  readonly #pongs: Pong[] = [];
  /** Whose the first PING was. After its PONG nats-server says INFO once more, which is for the client's first. */
  #firstPing: "client" | "filter" | undefined;
  /** The INFO that waits for the client's first PING. */
  #held: Info | undefined;
  #hasTls = false;
  #serverHeaders = true;
  /** What holds until nats-server has said something else (docs/reference/policy.md, `limits.payload`). */
  #maxPayload = 1_048_576;
  /** Undefined until INFO has come, which nats-server has sent before it reads anything. */
  #authRequired: boolean | undefined;
  /** The client has sent something, and a CONNECT, which says these. nats-server's defaults hold until then. */
  #isKnown = false;
  #isConnected = false;
  #options: Connect = { lang: "", verbose: true, headers: false };
  #hasSubscribed = false;
  /** The next `+OK` is for a line of the filter's. */
  #swallowsOk = false;
  /** What the client sends does not go on any more. */
  #isEnding = false;
  /** Nothing passes any more. */
  isOver = false;
  /**
   * A maximum was reached: with the client's next operation the server gets an UNSUB, and, if it does not know the maximum, a PING
   * behind that.
   */
  #untold: Subscription[] = [];
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #grants = new Map<string, number>();
  #filters = false;
  /** Refusals so far. */
  refusals = 0;
  /** How often something was left out of an INFO. */
  changedInfos = 0;

  constructor(
    policy: Policy,
    /** What is left out of INFO; `tls` where the proxy itself speaks TLS, which it is only asked once INFO has a word of it. */
    private readonly unwanted: Unwanted,
  ) {
    this.#policy = new NaivePolicy(policy);
    this.#responses = responsesOf(policy);
  }

  /** A whole operation of the client. */
  client(operation: Operation): void {
    const { verb, subject, reply, queue, sid, argument, size } = operation;
    if (this.#isEnding || this.isOver) return;
    this.#tell();
    if (verb === "PING") this.#expect("own");
    else if (verb === "CONNECT") this.#connect(JSON.parse(argument) as Connect);
    else if (verb === "UNSUB") this.#unsubscribe(sid, Number(argument.split(" ")[1] ?? 0));
    else if (verb === "HPUB" && !this.#serverHeaders) this.#isEnding = true;
    else if ((verb === "PUB" || verb === "HPUB") && size > this.#maxPayload) {
      this.#isEnding = true;
      this.#pongs.push({ text: "-ERR 'Maximum Payload Violation'\r\n", isLast: true });
    } else if (verb === "PUB" || verb === "HPUB") {
      const granted = new Set(this.#mayPublish(subject) ? [subject] : []);
      if (this.#policy.permits(operation, granted)) return;
      const subjectPermitted = this.#policy.permits({ ...operation, reply: "" }, granted);
      this.#refuse(subjectPermitted ? `Publish with Reply of "${reply}"` : `Publish to "${subject}"`);
    } else if (verb === "SUB") {
      if (!this.#policy.permits(operation)) {
        this.#refuse(`Subscription to "${subject}"${queue === "" ? "" : ` using queue "${queue}"`}`);
        return;
      }
      this.#hasSubscribed = true;
      this.#filters ||= this.#policy.filtersDeliveries(subject, queue);
      const known = this.#subscriptions.get(sid);
      if (known?.isLive !== true) {
        const sub = begun(queue, known);
        this.#subscriptions.set(sid, sub);
        if (sub.hasFormer) this.#expect({ sub });
      } else {
        known.reused = true;
        if (known.queue !== queue) known.queue = undefined;
      }
    }
  }

  /** The client has sent its first bytes. Until then nobody knows who it is, so that all passes. */
  begin(): void {
    this.#isKnown = true;
  }

  /** What the client sends now ends the connection, as nats-parser.ts has found. */
  fail(error: string, verb: string): void {
    if (this.#isEnding || this.isOver) return;
    this.#tell();
    this.#isEnding = true;
    if (error !== LINE_TOO_LONG) return;
    const isAwaited = verb === "CONNECT" && this.#authRequired !== false && !this.#isConnected;
    this.#pongs.push({ text: `-ERR '${LINE_TOO_LONG}'\r\n`, isLast: true, isAwaited });
  }

  /**
   * Reads the broker's stream, as far as nats-server could have written it. Returns what the client reads of that, and where in the
   * stream something else begins.
   */
  broker(stream: string): { output: string; end: number } {
    let output = "";
    let at = 0;
    while (!this.isOver) {
      FRAME.lastIndex = at;
      const match = FRAME.exec(stream);
      if (match === null) {
        const isEndless = ENDLESS.test(stream.slice(at, at + 8)) && !stream.includes("\n", at);
        if (!isEndless || stream.length - at <= LONGEST_SERVER_LINE) return { output, end: at };
        this.isOver = true;
        return { output, end: stream.length };
      }
      const [line, word, error, info, verb, subject, sid, third, fourth, size] = match;
      if (line.length - (verb === undefined ? 1 : 2) > LONGEST_SERVER_LINE) {
        this.isOver = true;
        return { output, end: stream.length };
      }
      let end = at + line.length;
      let passes = true;
      if (verb !== undefined) {
        // MSG has [reply] size, HMSG has [reply] headers size: at most three numbers or names.
        const isHeaders = verb === "HMSG";
        const reply = isHeaders ? (fourth === undefined ? undefined : third) : third;
        const headers = fourth ?? third;
        if (!isHeaders && fourth !== undefined) return { output, end: at };
        if (isHeaders && (!/^\d{1,9}$/.test(headers ?? "") || Number(headers) > Number(size)))
          return { output, end: at };
        end += Number(size) + 2;
        if (stream.slice(end - 2, end) !== "\r\n") return { output, end: at };
        const isMisread = misreads(
          this.#options.lang,
          subject! + (reply ?? ""),
          isHeaders ? Number(headers) : undefined,
        );
        passes = this.#delivers(subject!, sid!, reply, isMisread);
      }
      const due = this.#pongs[0];
      if (word === "PONG") output += this.#pong();
      else if (word === "+OK" && this.#swallowsOk) this.#swallowsOk = false;
      else if (
        error?.startsWith("'Authorization Violation") &&
        typeof due === "object" &&
        "isAwaited" in due &&
        due.isAwaited
      )
        output += this.#pong();
      else if (info !== undefined) output += this.#info(info);
      else if (passes) output += stream.slice(at, end);
      at = end;
    }
    return { output, end: stream.length };
  }

  #expect(pong: Pong): void {
    if (this.#isConnected) this.#firstPing ??= pong === "own" ? "client" : "filter";
    this.#pongs.push(pong);
  }

  /** Behind a SUB a CONNECT must not turn headers on or off (docs/reference/parity.md). */
  #connect(options: Connect): void {
    this.#isConnected = true;
    const { headers } = this.#options;
    Object.assign(this.#options, options);
    this.#isEnding ||= this.#hasSubscribed && this.#options.headers !== headers;
  }

  /** The server hears of maxima that were reached. */
  #tell(): void {
    for (const over of this.#untold) {
      if (this.#options.verbose) this.#expect("swallows");
      if (over.isFull) this.#expect({ over });
    }
    this.#untold = [];
  }

  /** One that comes later must not come before what is held. */
  #info(argument: string): string {
    const released = this.#release();
    const info = Info.read(argument);
    if (info === undefined) {
      this.isOver = true;
      return released;
    }
    this.#serverHeaders = info.headers;
    this.#authRequired = info.authRequired;
    this.#maxPayload = info.maxPayload ?? this.#maxPayload;
    this.#hasTls ||= info.hasTls;
    this.#held = info;
    if (info.connectInfo && this.#firstPing === "filter") {
      this.#firstPing = "client";
      return released;
    }
    return released + this.#release();
  }

  #release(): string {
    const held = this.#held;
    if (held === undefined) return "";
    this.#held = undefined;
    const { urls, tls } = this.unwanted;
    const argument = held.without({ urls, tls: tls && this.#hasTls });
    this.changedInfos += Number(argument !== held.argument);
    return `INFO ${argument}\r\n`;
  }

  #pong(): string {
    const due = this.#pongs.shift();
    if (due === undefined) return "PONG\r\n";
    if (due === "own") return `PONG\r\n${this.#release()}`;
    if (due === "swallows") {
      this.#swallowsOk = true;
      return "";
    }
    if ("text" in due) {
      this.isOver ||= due.isLast === true;
      return due.text;
    }
    if ("over" in due) {
      for (const [sid, sub] of this.#subscriptions) if (sub === due.over) this.#subscriptions.delete(sid);
      return "";
    }
    const { sub, max, isAnswered } = due;
    if (max === undefined) {
      Object.assign(sub, { hasFormer: false, isWithheld: false, received: 0, keptBack: 0 });
      return "";
    }
    const countedHere = sub.pendingMaxima > 0;
    Object.assign(sub, { max, countedHere });
    if (countedHere) sub.pendingMaxima--;
    this.#endIfReached(sub);
    return isAnswered ? "+OK\r\n" : "";
  }

  #unsubscribe(sid: string, max: number): void {
    const sub = this.#subscriptions.get(sid);
    if (!sub?.isLive) return;
    const begins = this.#filters && !sub.inGroup && sub.max === 0;
    const here = sub.countedHere || sub.pendingMaxima > 0 || begins;
    if (max === 0 || (max <= counted(sub, here) && !sub.reused && !sub.hasFormer)) sub.isLive = false;
    else if (here || sub.max > 0) {
      // Until the server has read it, the former one holds, which it may count itself.
      this.#expect({ sub, max, isAnswered: here && this.#options.verbose });
      if (here) sub.pendingMaxima++;
    } else Object.assign(sub, { max, countedHere: false });
  }

  #endIfReached(sub: Subscription): void {
    if (sub.max === 0 || counted(sub, sub.countedHere) < sub.max) return;
    if ((sub.reused || sub.hasFormer) && !sub.countedHere) return;
    if (sub.isLive) this.#untold.push(sub);
    sub.isLive = false;
    sub.isFull = sub.countedHere;
  }

  #delivers(subject: string, sid: string, reply: string | undefined, isMisread: boolean): boolean {
    if (!this.#isKnown) return true;
    const sub = this.#subscriptions.get(sid);
    if (sub?.isFull || sub?.isWithheld) return false;
    if (isMisread || (this.#filters && this.#denies(subject, sub?.queue))) {
      if (sub?.isLive) {
        sub.keptBack++;
        this.#endIfReached(sub);
      }
      return false;
    }
    if (reply !== undefined) this.#noteReply(reply);
    if (sub) {
      sub.received++;
      this.#endIfReached(sub);
    }
    return true;
  }

  /** If the queue is not known, every queue counts. */
  #denies(subject: string, queue: string | undefined): boolean {
    if (queue === undefined) return this.#policy.deniesDeliveryOfAny(subject);
    return this.#policy.deniesDelivery(subject, queue);
  }

  /**
   * Like deliverMsg of nats-server's client.go: the check of a reply subject uses up a live grant, and otherwise the delivery
   * grants one.
   */
  #noteReply(reply: string): void {
    if (this.#responses === undefined || this.#policy.listsPermit(reply) || this.#policy.deniesPublish(reply)) return;
    if (/^\$JS\.(?:[^.]+\.)?API\./.test(reply)) return;
    if (!this.#uses(reply)) this.#grants.set(reply, 0);
  }

  #mayPublish(subject: string): boolean {
    if (this.#policy.listsPermit(subject) || this.#policy.deniesPublish(subject)) return false;
    return this.#uses(subject);
  }

  #uses(subject: string): boolean {
    const uses = this.#grants.get(subject);
    if (uses === undefined) return false;
    if (uses + 1 > this.#responses!) {
      this.#grants.delete(subject);
      return false;
    }
    this.#grants.set(subject, uses + 1);
    return true;
  }

  #refuse(what: string): void {
    this.refusals++;
    this.#expect({ text: `-ERR 'Permissions Violation for ${what}'\r\n` });
  }
}
