/**
 * Connections of three principals that make a VM hold blocks of all sizes and give them back in any order, so that its budget is used
 * up and its memory is full of gaps: random steps, and who ends by that as docs/reference/policy.md (`limits.memory`) and docs/adr/0015 say.
 */
import { configure } from "../host/configure.ts";
import { filterModule } from "../host/filter.ts";
import { Host } from "../host/host.ts";
import { MEMORY, wornHost } from "../host/memory.ts";
import type { Random } from "../host/random.ts";
import { CONNECT, INFO, msg, PING, PONG, pub, stat, Wire } from "../host/wire.ts";
import { playBySeed, type Run } from "./by-seed.ts";

/** `of` is the number of a connection. One that has gone is replaced by a new one of the same principal. */
type Sending =
  /** Its client subscribes to so many subjects of this length. */
  | { of: number; subscribes: number; length: number }
  /** It unsubscribes from one of so many. */
  | { of: number; unsubscribesOneOf: number }
  /** It sends the beginning of a message, up to this byte of its headers, of so many if that is said, and the rest with its next words. */
  | { of: number; begins: number; headers?: number }
  /** It is refused so many publishes with subjects of this length, of which nats-server has not read one. */
  | { of: number; isRefused: number; length: number }
  /** It sends one of so many of the replies for which it was asked. */
  | { of: number; repliesToOneOf: number };
type Step =
  | Sending
  /** nats-server answers all PINGs. */
  | { of: number; isAnswered: true }
  /** It is asked for so many replies with subjects of this length. */
  | { of: number; isAsked: number; length: number }
  | { of: number; closes: true }
  /** So much time passes that nobody remembers subscriptions that have ended. */
  | "rest"
  | "tick";

export interface SheddingCase {
  /** Linear memory is full of policies, so that it cannot grow any more for the budget. */
  isWorn: boolean;
  steps: Step[];
}

const OF = "spiffe://cluster.local/ns/shop/sa/";
const [FIRST, SECOND, MODEST] = [`${OF}first`, `${OF}second`, `${OF}modest`] as const;
/** Those of the last have little, and ask for little. */
const PEERS = [...Array.from({ length: 24 }, (_, i) => (i < 12 ? FIRST : SECOND)), MODEST, MODEST];
const HEAVY = 24;
const LONGEST = 65_000;
const LONG = "x".repeat(LONGEST);
const SHARE = MEMORY / 8;
/** Bytes of the budget that a subscription takes beside its subject. */
const BESIDE = 110;
/** Bytes of replies that a connection may send, beside those of their table. */
const GRANTS = MEMORY / 32;
/** Bytes that such a reply takes at least, beside its subject, and in a table. */
const [GRANT, BESIDE_GRANT] = [80, 64];
/** Bytes of a read. */
const CHUNK = 8192;
/** docs/reference/policy.md (`limits.memory`): one and a half times that, 64 MiB and 208 MiB, doubling each time. */
const MOST_LINEAR = 2 * (1.5 * MEMORY + (272 << 20));

/** The longest that its principal sends, unless so many bytes of headers are said. */
function message(peer: string, bytes = peer === MODEST ? 4000 : 60_000): string {
  const headers = `NATS/1.0\r\nK: ${LONG.slice(0, bytes)}\r\n\r\n`;
  return `HPUB ok.1 ${headers.length} ${headers.length}\r\n${headers}\r\n`;
}

const RULE = {
  ...{ name: "all", from: [{ principals: ["*"] }] },
  ...{ publish: { allow: ["ok.>"] }, subscribe: { allow: ["ok.>"] } },
  allow_responses: { expires: "1h" },
};
const LIMITS = {
  memory: MEMORY,
  controlLine: 65_536,
  headers: 65_536,
  subscriptions: 1 << 20,
  outstandingReplies: 1 << 24,
};

/**
 * Steps by which one principal makes gaps of nearly all that is free: it gives back every second of its subscriptions, and takes the
 * rest with long ones. Meanwhile others ask for more than one of the gaps has.
 */
function combing(random: Random): Step[] {
  const first = random.below(2) * 12;
  const all = Array.from({ length: 12 }, (_, i) => first + i);
  const [combs, fillers] = [all.slice(0, 8), all.slice(8)];
  const length = Math.floor(4000 / 2 ** (random.below(60) / 10));
  // Some of it are replies that they may send.
  const isAsked = random.isOneIn(2) ? Math.floor((GRANTS * 0.95) / Math.max(GRANT, length + 48)) : 0;
  const left = MEMORY * 0.85 - combs.length * isAsked * (Math.max(GRANT, length + 48) + 32);
  const subscribes = Math.floor(left / combs.length / (length + BESIDE));
  return [
    ...combs.flatMap((of) => [
      { of, subscribes, length },
      { of, isAsked, length },
    ]),
    ...combs.flatMap((of) => [
      { of, unsubscribesOneOf: 2 },
      { of, repliesToOneOf: 2 },
    ]),
    "rest",
    ...fillers.map((of) => ({ of, subscribes: 8, length: 64_800 })),
    ...Array.from({ length: 40 }, (_, i) => [
      { of: fillers[i % fillers.length]!, subscribes: 1, length: 64_800 },
      { of: HEAVY + (i % 2), begins: 2000 + random.below(58_000), headers: 60_000 },
    ]).flat(),
  ];
}

/** A case from one seed. */
export function sheddingCase(random: Random): SheddingCase {
  if (random.isOneIn(5)) return { isWorn: true, steps: combing(random) };
  /** Of all magnitudes alike. */
  const length = (most: number): number => Math.max(8, Math.floor(most / 2 ** random.below(11)) - random.below(8));
  /** One of them has more connections that speak. */
  const bias = random.below(3);
  const heavy = (): number => (bias < 2 && random.isOneIn(2) ? bias * 12 : random.below(2) * 12) + random.below(12);
  const step = (): Step => {
    const kind = random.below(45);
    if (kind < 4) {
      const of = HEAVY + random.below(PEERS.length - HEAVY);
      if (random.isOneIn(3)) return { of, begins: random.below(4000) };
      return { of, subscribes: 1 + random.below(4), length: 8 + random.below(200) };
    }
    const of = heavy();
    if (kind < 20) {
      const each = length(LONGEST);
      return { of, subscribes: Math.ceil((random.below(8) * SHARE) / 8 / each) + 1, length: each };
    }
    if (kind < 27) return { of, unsubscribesOneOf: random.pick([1, 2, 2, 3, 4]) };
    if (kind < 29) return { of, begins: length(60_000) };
    if (kind < 33) {
      const each = length(4000);
      return { of, isRefused: 1 + Math.min(50, Math.floor(random.below(SHARE / 2) / each)), length: each };
    }
    if (kind < 35) return { of, isAnswered: true };
    if (kind < 36) return { of, closes: true };
    if (kind < 43) {
      if (random.isOneIn(3)) return { of, repliesToOneOf: random.pick([1, 2, 2, 3, 4]) };
      const each = length(4000);
      return { of, isAsked: 1 + Math.floor(random.below(GRANTS) / Math.max(GRANT, each)), length: each };
    }
    return kind < 44 ? "rest" : "tick";
  };
  return { isWorn: random.isOneIn(4), steps: Array.from({ length: 60 + random.below(60) }, step) };
}

/**
 * Bytes of the budget by a connection's own doing: so many at least, and at most with all that is kept beside it. And bytes of replies
 * that it may send, at most.
 */
interface Bytes {
  least: number;
  most: number;
  granted: number;
}

/** One connection, and what it holds, as plainly as that can be told from outside. */
class Holder {
  readonly wire: Wire;
  readonly #live = new Map<number, number>();
  #sids = 0;
  /** Bytes of subjects of these, and of those that have ended and are not forgotten. */
  #subjects = 0;
  #ended = 0;
  /** How many there have been at once, as many as the filter's tables have room for. */
  #mostLive = 0;
  /** What is left to say of a message that has begun, and bytes of what has been said. */
  #rest = "";
  #begun = 0;
  /** Bytes of subjects that were refused and are not answered, how many there are, and what room there was for them. */
  #refused = 0;
  #pings = 0;
  #mostRefused = 0;
  /** Replies that it may send, if they were not forgotten, in order, how many there have been at once, and all that it was asked for. */
  #replies: string[] = [];
  #mostReplies = 0;
  #asked = 0;

  constructor(
    host: Host,
    readonly peer: string,
    readonly id: number,
  ) {
    this.wire = new Wire(host, peer);
    this.wire.connection.properties.set("connection.id", id);
    this.wire.server(INFO);
    this.wire.client(`${CONNECT}SUB ok.ask ask\r\n`);
  }

  get bytes(): Bytes {
    const beside = this.#mostLive * 192 + this.#mostRefused * 2 + this.#begun * 2 + 4096;
    return {
      least: this.#subjects + this.#begun + this.#refused,
      most: this.#subjects + this.#ended + beside,
      granted:
        this.#mostReplies === 0 ? 0 : Math.min(2 * GRANTS, this.#mostReplies * 4096) + this.#mostReplies * BESIDE_GRANT,
    };
  }

  /** What it sends in this step. */
  take(step: Sending): string {
    const rest = this.#rest;
    this.#rest = "";
    this.#begun = 0;
    if ("subscribes" in step) {
      const name = `ok.${LONG.slice(0, step.length)}`;
      const sids = Array.from({ length: step.subscribes }, () => ++this.#sids);
      for (const sid of sids) this.#live.set(sid, name.length);
      this.#subjects += name.length * sids.length;
      this.#mostLive = Math.max(this.#mostLive, this.#live.size);
      return rest + sids.map((sid) => `SUB ${name} ${sid}\r\n`).join("");
    }
    if ("unsubscribesOneOf" in step) {
      const sids = [...this.#live.keys()].filter((_, i) => i % step.unsubscribesOneOf === 0);
      for (const sid of sids) {
        this.#subjects -= this.#live.get(sid)!;
        this.#ended += this.#live.get(sid)!;
        this.#live.delete(sid);
      }
      return rest + sids.map((sid) => `UNSUB ${sid}\r\n`).join("");
    }
    if ("isRefused" in step) {
      this.#refused += step.isRefused * (step.length + 4);
      this.#pings += step.isRefused;
      this.#mostRefused = Math.max(this.#mostRefused, this.#refused + this.#pings * 32);
      const name = LONG.slice(0, step.length);
      // Each has another, since one that is named like the one before takes less.
      return rest + Array.from({ length: step.isRefused }, (_, i) => pub(`no.${i % 10}${name}`)).join("");
    }
    if ("repliesToOneOf" in step) {
      const sent = this.#replies.filter((_, i) => i % step.repliesToOneOf === 0);
      this.#replies = this.#replies.filter((_, i) => i % step.repliesToOneOf !== 0);
      // What was forgotten is refused.
      this.#pings += sent.length;
      this.#mostRefused = Math.max(this.#mostRefused, this.#refused + sent.join("").length + this.#pings * 32);
      return rest + sent.map((reply) => pub(reply)).join("");
    }
    this.#begun = step.begins;
    const whole = message(this.peer, step.headers);
    this.#rest = whole.slice(step.begins);
    return rest + whole.slice(0, step.begins);
  }

  /** What asks it for so many replies. */
  ask(count: number, length: number): string {
    const replies = Array.from({ length: count }, () => `reply.${++this.#asked}.${LONG.slice(0, length)}`);
    this.#replies.push(...replies);
    this.#mostReplies = Math.max(this.#mostReplies, this.#replies.length);
    return replies.map((reply) => msg("ok.ask", "ask", "", reply)).join("");
  }

  /** nats-server answers all PINGs. */
  answer(): void {
    this.wire.server(PONG.repeat(this.#pings));
    this.#refused = this.#pings = 0;
  }

  /** Nobody remembers what has ended. */
  forget(): void {
    this.#ended = 0;
  }

  /** Whether what it says now reaches nats-server. */
  speaks(): boolean {
    const rest = this.#rest;
    this.#rest = "";
    this.#begun = 0;
    this.#pings++;
    return this.wire.client(rest + PING).endsWith(PING);
  }
}

/** A VM with connections of all principals. */
class Stage {
  readonly #host: Host;
  readonly #pages: number;
  readonly #heldBefore: number;
  #holders: Holder[] = [];
  #ids = 0;
  /** Connections that have ended for want of room. */
  shed = 0;

  constructor(private readonly isWorn: boolean) {
    this.#host = isWorn ? wornHost(MEMORY) : new Host(filterModule());
    const rules = [RULE];
    const audit = { burst: 10_000, refusalsPerSecond: 10_000 };
    // Tables of requests belong to nobody.
    const telemetry = { requests: 0 };
    configure(this.#host, { trustDomains: ["cluster.local"], rules, limits: LIMITS, audit, telemetry });
    this.#pages = this.#host.memoryPages;
    this.#heldBefore = this.#held();
  }

  /** Linear memory is not full any more. */
  get #hasGrown(): boolean {
    return this.#host.memoryPages > this.#pages;
  }

  /** Plays a case. Returns what goes wrong. */
  play(steps: readonly Step[]): string | undefined {
    this.#holders = PEERS.map((peer) => this.#connect(peer));
    let problem = this.#judge();
    // A worn one may grow for something else than the budget, and has room then.
    for (const step of steps) if (!(this.isWorn && this.#hasGrown)) problem ??= this.#take(step);
    problem ??= this.#rest();
    for (const [of, holder] of this.#holders.entries()) {
      const speaks = holder.speaks();
      // One that had to go for room, be it before its own words, has been recorded, and another one has its place.
      problem ??= this.#judge(holder);
      if (!speaks && this.#holders[of] === holder)
        problem ??= `connection ${of} does not speak, and nobody has ended it`;
    }
    for (const { wire } of this.#holders) if (!wire.connection.closed) wire.connection.close("client");
    this.#holders = [];
    const left = this.#held() - this.#heldBefore;
    return problem ?? (left === 0 ? undefined : `${left} bytes are held for nobody`);
  }

  #connect(peer: string): Holder {
    return new Holder(this.#host, peer, ++this.#ids);
  }

  /** Bytes of the budget that are in use, behind a tick. */
  #held(): number {
    return stat(this.#host, "istio_nats_memory_bytes");
  }

  #take(step: Step): string | undefined {
    if (step === "tick") return this.#tick();
    if (step === "rest") return this.#rest();
    const holder = this.#holders[step.of]!;
    if ("closes" in step) {
      holder.wire.connection.close("client");
      this.#holders[step.of] = this.#connect(holder.peer);
      return this.#judge();
    }
    if ("isAnswered" in step) {
      holder.answer();
      return this.#judge();
    }
    if ("isAsked" in step) {
      const asks = holder.ask(step.isAsked, step.length);
      for (let at = 0; at < asks.length; at += CHUNK) holder.wire.server(asks.slice(at, at + CHUNK));
      return this.#judge();
    }
    const { least } = holder.bytes;
    const text = holder.take(step);
    // Envoy may have more at once. The VM needs a gap as large for that, so that a worn one would grow.
    for (let at = 0; at < text.length; at += CHUNK) holder.wire.client(text.slice(at, at + CHUNK));
    return this.#judge(holder, least, text);
  }

  #bytes(): Map<Holder, Bytes> {
    return new Map(this.#holders.map((holder) => [holder, holder.bytes]));
  }

  /** So much time passes that nobody remembers subscriptions that have ended. */
  #rest(): string | undefined {
    let problem: string | undefined;
    for (let i = 0; i < 3; i++) {
      this.#host.advance(11_000);
      problem ??= this.#tick();
    }
    for (const holder of this.#holders) holder.forget();
    return problem;
  }

  #tick(): string | undefined {
    this.#host.advance(500);
    let problem = this.#held() > MEMORY ? "more is held than there is" : this.#judge();
    // Where there are many gaps, some end with each further tick, and each stat is read behind one.
    for (let before = -1; this.isWorn && problem === undefined && before !== this.shed;) {
      before = this.shed;
      this.#held();
      problem = this.#judge();
    }
    if (problem !== undefined) return problem;
    const held = this.#held() - this.#heldBefore;
    if (held > MEMORY * 0.9) return `${held} bytes are held behind a tick`;
    const bounds = [...this.#bytes().values()];
    const [least, most] = [sum(bounds, "least"), sum(bounds, "most") + sum(bounds, "granted")];
    if (held < least || held > most)
      return `${held} bytes are held, and should be ${least} at least and ${most} at most`;
    const counted = stat(this.#host, "istio_nats_protocol_errors_total", { kind: "memory" });
    if (counted !== this.shed) return `${counted} are counted for want of memory, and ${this.shed} have ended`;
    const linear = this.#host.memoryPages << 16;
    return linear > MOST_LINEAR ? `there are ${linear} bytes of linear memory` : undefined;
  }

  /** Who has ended for want of room. `asker` has held so much at least, and then sent this text. */
  #judge(asker?: Holder, least = 0, text = ""): string | undefined {
    const { logs } = this.#host;
    const all = this.#bytes();
    if (asker !== undefined) all.set(asker, { ...asker.bytes, least: Math.min(least, asker.bytes.least) });
    let problem: string | undefined;
    // Who takes the place of one that has ended may end others in turn, so that more is logged meanwhile.
    for (const { message } of logs) {
      if (!message.includes('"kind":"memory"')) continue;
      const { connection_id: id } = JSON.parse(message) as { connection_id: number };
      const of = this.#holders.findIndex((each) => each.id === id);
      const holder = this.#holders[of];
      if (holder === undefined) return `connection ${id} ends, of which nobody knows`;
      this.shed++;
      if (holder !== asker || !mayEndItself(holder, text)) problem ??= this.#wrong(holder, all);
      all.delete(holder);
      if (holder.speaks()) problem ??= "one that has ended speaks";
      holder.wire.connection.close("client");
      this.#holders[of] = this.#connect(holder.peer);
    }
    logs.length = 0;
    return problem;
  }

  /** Why this one should not have ended so that others have room. */
  #wrong(holder: Holder, all: ReadonlyMap<Holder, Bytes>): string | undefined {
    const heldBy = (peer: string): { least: number; most: number } => {
      const its = [...all].filter(([each]) => each.peer === peer).map(([, bytes]) => bytes);
      return { least: sum(its, "least"), most: sum(its, "most") };
    };
    const name = holder.peer.split("/").at(-1)!;
    // Who leaves most gaps, nobody can tell from outside.
    if (this.isWorn) return holder.peer === MODEST ? "the modest one ends" : undefined;
    const own = all.get(holder)!;
    const bounds = [...all.values()];
    if (sum(bounds, "most") + sum(bounds, "granted") < MEMORY * 0.9) return `one of ${name} ends though there is room`;
    const other = [...all].find(([each, { least }]) => each.peer === holder.peer && least > own.most);
    if (other !== undefined) return `one of ${name} ends with ${own.most} bytes, and another has ${other[1].least}`;
    const { most } = heldBy(holder.peer);
    const heavier = [FIRST, SECOND, MODEST].find((peer) => heldBy(peer).least > most);
    return heavier === undefined ? undefined : `one of ${name} ends, and ${heavier} holds more`;
  }
}

function sum(all: readonly Bytes[], key: keyof Bytes): number {
  return all.reduce((total, bytes) => total + bytes[key], 0);
}

/** Whether it may have asked for more than its share, or more than the last tenth, which is free before it speaks. */
function mayEndItself({ bytes }: Holder, text: string): boolean {
  return bytes.most > MEMORY / 8 || text.length * 2 + bytes.most * 2 > MEMORY / 10;
}

export interface SheddingRun extends Run {
  /** Connections that ended for want of room, in a new VM and in a worn one. */
  shed: number;
  shedWorn: number;
}

/** Plays at most this many cases, of this seed and the following ones. */
export async function fuzzShedding(seed: number, cases: number): Promise<SheddingRun> {
  const all = { shed: 0, shedWorn: 0 };
  const problemOf = ({ isWorn, steps }: SheddingCase): string | undefined => {
    // A new one for each case: what an earlier one has left to the runtime's collector would take room of the budget in a worn one.
    const stage = new Stage(isWorn);
    let problem: string | undefined;
    try {
      problem = stage.play(steps);
    } catch (error) {
      problem = String(error);
    }
    all[isWorn ? "shedWorn" : "shed"] += stage.shed;
    return problem;
  };
  const run = await playBySeed(seed, cases, { make: sheddingCase, problemOf });
  return { ...run, ...all };
}
