/** Policies that change while clients subscribe and messages are under way: random steps, and what each client may read. */
import { HURRIED, policyOf, REST, TICK } from "../host/changing-policy.ts";
import { configure } from "../host/configure.ts";
import { filterModule } from "../host/filter.ts";
import { Host, SharedData } from "../host/host.ts";
import type { Random } from "../host/random.ts";
import { MEMORY } from "../host/memory.ts";
import { CONNECT, INFO, PEER, PING, PONG, stat, Wire } from "../host/wire.ts";
import { playBySeed, type Run } from "./by-seed.ts";
import { Session, type Content } from "./changes-session.ts";
import { Shed } from "./shed.ts";
import type { SubscribePolicy } from "./subscribe-judge.ts";

/** One event. `of` is the number of a connection. */
export type Step =
  /** Another policy, with so many rules for others. */
  | { policy: SubscribePolicy; rulesOfOthers?: number }
  /** Its client sends these lines in one chunk, without so many bytes of the last one, which come with its next lines. */
  | { of: number; sends: string[]; without?: number }
  /** Messages on these subjects arrive at nats-server. */
  | { of: number; isSent: string[]; content?: Content }
  /** Its client reads at most this many of the frames that nats-server has written, and so many bytes of the next. */
  | { of: number; reads: number; more?: number }
  /** Three more connections of the crowd subscribe to so many of its long subjects each. */
  | { crowd: number }
  /** The host drops this one of its older roots, if it has that many. */
  | { dropsRoot: number }
  | "tick";

export interface ChangesCase {
  /** Nanoseconds that pass whenever the filter reads the clock. It works in slices of 10 ms. */
  clockStep: number;
  /** The host configures each further policy in another VM. That of the connections hears of it, and reads a long one in slices. */
  isElsewhere?: boolean;
  /** The last connection is one of a crowd, which may use up what there is to hold for everybody. */
  isCrowded?: boolean;
  steps: Step[];
}

export interface Outcome {
  /** Messages that reached a client, and messages that did not. */
  passed: number;
  keptBack: number;
  /** SUBs and messages that passed, and that DRY_RUN counted as refused. */
  observed: number;
  /** Connections that gave back what they held. */
  shed: number;
  problem: string | undefined;
}

const CONNECTIONS = 2;
const ALLOWS = ["a.>", "b.>", "c.*", "c.> q1", "a.1", "d.>", "b.* q2"];
const DENIES = ["a.secret", "b.secret", "c.2 q1", "b.> q1", "d.secret.>"];
/** What a rule in DRY_RUN denies. */
const TRIED = [...DENIES, "a.1", "b.*", "c.> q2", "d.>"];
const FIRST = ["a", "b", "c", "d"];
const PATTERNS = ["1", "2", "*", ">", "secret", "*.x", "secret.y", "secret.*"];
const LITERALS = ["1", "2", "secret", "1.x", "secret.y"];
/** Of messages. Some contain what looks like the next frame. */
const CONTENTS: readonly Content[] = [
  {},
  {},
  { reply: "r.1", rest: "\r\nMSG d.secret.y 1 2\r\nxy\r\n" },
  { headers: "NATS/1.0\r\n\r\n" },
  { headers: "NATS/1.0\r\nA: b\r\n\r\n", reply: "r.1" },
  { headers: "NATS/1.0 503\r\n\r\n", rest: "\r\nPONG\r\n" },
  { headers: "NATS/1.0\r\nHMSG a.1 1 12 12\r\n\r\n", rest: "\r\n" },
];
const CROWD = "spiffe://cluster.local/ns/shop/sa/crowd";
/** A subject that the crowd may always subscribe to, of which two hundred fill a connection's share of the budget. */
const LONG = `crowd.${"x".repeat(4000)}`;
const CLOCK_STEPS = [0, 1_000_000, 20_000_000];
/** Subscriptions at once: so few that sids are often met again, or more than the filter judges without a clock read. */
const SUBS = [4, 200];
/** What makes a policy of nothing longer, up to some 200 KiB. It is read in slices from 64 KiB on (docs/adr/0016). */
const RULES_OF_OTHERS = [0, 0, 700, 1500];

/** What rules in DRY_RUN deny, one at a time, where there are few subscriptions. */
const WIDE = ["a.1", "b.*", "c.>", "d.>"];
const FEW = 6;

/**
 * A case of few subscriptions and rules in DRY_RUN that deny little. So a filter that is on for the sake of one is often needed by none
 * of them under a later policy, and must stay on for what that denies.
 */
function inheritedCase(random: Random): ChangesCase {
  const allow = [...FIRST.map((first) => `${first}.>`), "crowd.>"];
  const subject = (rest: readonly string[]): string => `${random.pick(FIRST)}.${random.pick(rest)}`;
  // What is enforced has a filter of its own, which would be on as well before long.
  const isMixed = random.isOneIn(4);
  let sids = 0;
  const step = (): Step => {
    const of = random.below(CONNECTIONS);
    switch (random.below(8)) {
      case 0:
        if (sids === FEW) return { of, sends: [PING] };
        return { of, sends: [`SUB ${subject(random.isOneIn(2) ? PATTERNS : LITERALS)} ${++sids}\r\n`] };
      case 1:
        return { of, sends: random.isOneIn(2) ? [PING] : [`UNSUB ${1 + random.below(FEW)}\r\n`] };
      case 2:
      case 3: {
        const mode = isMixed && random.isOneIn(4) ? "DRY_RUN" : "ENFORCE";
        const deny = isMixed && random.isOneIn(4) ? [random.pick(DENIES)] : [];
        return { policy: { mode, allow, deny, trial: { allow: [], deny: [random.pick(WIDE)] } } };
      }
      case 4:
      case 5:
        return { of, isSent: Array.from({ length: 4 }, () => subject(LITERALS)) };
      case 6:
        return { of, reads: 1000 };
    }
    return "tick";
  };
  return { clockStep: random.pick(CLOCK_STEPS), steps: Array.from({ length: 150 + random.below(150) }, step) };
}

/** A case from one seed. Some cases contain DRY_RUN, rules in DRY_RUN, queue groups, maxima, sids that are used again and further CONNECTs. */
export function changesCase(random: Random): ChangesCase {
  if (random.isOneIn(6)) return inheritedCase(random);
  const several = <T>(most: number, make: () => T): T[] => Array.from({ length: 1 + random.below(most) }, make);
  const has = {
    dryRun: random.isOneIn(3),
    queues: random.isOneIn(2),
    maxima: random.isOneIn(2),
    reuse: random.isOneIn(2),
  };
  const hasTrials = random.isOneIn(4);
  const connectsAgain = random.isOneIn(3);
  const isCut = random.isOneIn(2);
  const mostSubs = random.pick(SUBS);
  const isElsewhere = random.isOneIn(4);
  const isCrowded = random.isOneIn(12);
  // Of a maximum nobody can tell from outside when it has made room for another subscription.
  const isLimited = !has.maxima && !isCrowded && random.isOneIn(2);
  let sids = 1;
  const sub = (): string => {
    const sid = has.reuse && random.isOneIn(5) ? 1 + random.below(sids) : ++sids;
    const queue = has.queues && random.isOneIn(3) ? random.pick(["q1 ", "q2 "]) : "";
    return `SUB ${random.pick(FIRST)}.${random.pick(PATTERNS)} ${queue}${sid}\r\n`;
  };
  const unsub = (): string => {
    const maximum = has.maxima && random.isOneIn(2) ? ` ${1 + random.below(4)}` : "";
    return `UNSUB ${1 + random.below(sids)}${maximum}\r\n`;
  };
  const policy = (): SubscribePolicy => ({
    mode: has.dryRun && random.isOneIn(2) ? "DRY_RUN" : "ENFORCE",
    allow: [random.pick(ALLOWS), ...ALLOWS.filter(() => !random.isOneIn(3)), "crowd.>"],
    deny: DENIES.filter(() => random.isOneIn(3)),
    ...(hasTrials && {
      trial: { allow: ALLOWS.filter(() => random.isOneIn(3)), deny: TRIED.filter(() => random.isOneIn(4)) },
    }),
    ...(isLimited && random.isOneIn(2) && { most: random.pick([1, 2, 5, 10, 100]) }),
  });
  /** Bytes of a line behind or before a cut. */
  const part = (): number => (isCut && random.isOneIn(2) ? 1 + random.below(30) : 0);
  const sends = (of: number, lines: string[]): Step => ({ of, sends: lines, without: part() });
  const step = (): Step => {
    const of = random.below(CONNECTIONS);
    if (isCrowded && random.isOneIn(6)) {
      if (random.isOneIn(2)) return { crowd: 50 + random.below(180) };
      const long = Array.from({ length: 1 + random.below(100) }, () => `SUB ${LONG} ${++sids}\r\n`);
      return sends(CONNECTIONS - 1, long);
    }
    switch (random.below(13)) {
      case 0:
      case 1:
      case 2:
        return sends(of, several(mostSubs, sub));
      case 3:
        // Now and then more end than the filter remembers.
        if (random.isOneIn(4))
          return sends(
            of,
            Array.from({ length: sids }, (_, i) => `UNSUB ${i + 1}\r\n`),
          );
        return sends(of, several(Math.ceil(mostSubs / 3), unsub));
      case 4:
        return sends(of, [PING]);
      case 5: {
        if (!connectsAgain) return sends(of, several(5, sub));
        const ping = (): string[] => (random.isOneIn(2) ? [PING] : []);
        // Like a client that starts again, with the sids of before.
        if (has.reuse) sids = 1;
        return sends(of, [...ping(), CONNECT, ...ping(), ...several(5, sub)]);
      }
      case 6:
      case 7:
        return isElsewhere ? { policy: policy(), rulesOfOthers: random.pick(RULES_OF_OTHERS) } : { policy: policy() };
      case 8:
      case 9:
        return {
          ...{ of, isSent: several(3, () => `${random.pick(FIRST)}.${random.pick(LITERALS)}`) },
          ...{ content: random.pick(CONTENTS) },
        };
      case 10:
        return { of, reads: random.pick([1, 10, 100, 1000]), more: part() };
      case 11:
        return random.isOneIn(3) ? { dropsRoot: random.below(8) } : "tick";
    }
    return "tick";
  };
  return {
    clockStep: random.pick(CLOCK_STEPS),
    isElsewhere,
    isCrowded,
    steps: Array.from({ length: 30 + random.below(60) }, step),
  };
}

/** Plays a case in a VM of its own. Whatever is thrown, for example by a trap, is a problem like any other. */
export function play(changes: ChangesCase): Outcome {
  const stage = new Stage(changes);
  let problem: string | undefined;
  try {
    for (const step of changes.steps) problem ??= stage.take(step);
    problem ??= stage.settle();
  } catch (error) {
    problem = String(error);
  }
  const total = (key: "passed" | "keptBack"): number => stage.sessions.reduce((sum, each) => sum + each[key], 0);
  return {
    passed: total("passed"),
    keptBack: total("keptBack"),
    observed: stage.observed,
    shed: stage.shed.size,
    problem,
  };
}

class Stage {
  readonly #host: Host;
  /** The VM that the host configures; that of the connections, or a new one. */
  readonly #configured: Host;
  /** All but the first, which the host keeps for its connections. */
  readonly #roots: number[] = [];
  /** The configurations that are in force, and that the host has given last. What comes into force by a tick is the last. */
  #inForce: { policy: SubscribePolicy; text: string };
  #newest: { policy: SubscribePolicy; text: string } | undefined;
  readonly sessions: readonly Session[];
  readonly shed: Shed;
  /** The other connections of the crowd. */
  readonly #crowd: { wire: Wire; id: number; mayHaveEnded: boolean }[] = [];
  readonly #root: number;
  /** SUBs and messages that DRY_RUN has counted as refused, if they were compared. */
  observed = 0;

  constructor({ clockStep, isElsewhere = false, isCrowded = false }: ChangesCase) {
    const shared = new SharedData();
    const vm = (): Host => new Host(filterModule(), { clockStep: BigInt(clockStep), shared });
    this.#host = vm();
    this.shed = new Shed(this.#host);
    const everything: SubscribePolicy = { mode: "ENFORCE", allow: [...ALLOWS, "crowd.>"], deny: [] };
    this.#inForce = { policy: everything, text: configurationOf(everything, 0) };
    this.#root = configure(this.#host, this.#inForce.text);
    this.#configured = isElsewhere ? vm() : this.#host;
    this.sessions = Array.from({ length: CONNECTIONS }, (_, i) => {
      const peer = isCrowded && i === CONNECTIONS - 1 ? CROWD : PEER;
      return new Session(this.#host, everything, this.shed, peer, i);
    });
  }

  /** Returns what goes wrong. */
  take(step: Step): string | undefined {
    if (step === "tick") this.#tick();
    else if ("policy" in step) this.#change(step.policy, step.rulesOfOthers);
    else if ("crowd" in step) return this.#gather(step.crowd);
    else if ("dropsRoot" in step) {
      if (step.dropsRoot < this.#roots.length - 1) this.#drop(step.dropsRoot);
    } else {
      const session = this.sessions[step.of]!;
      // A turn of the worker for itself: in one with others it could stay under the former policy (test/host/policy-turns.test.ts).
      this.#host.advance(REST);
      if ("reads" in step) return session.read(step.reads, step.more);
      if ("sends" in step) return session.send(step.sends, step.without);
      for (const subject of step.isSent) session.publish(subject, step.content);
    }
    return undefined;
  }

  /** Everybody has time, speaks and reads. Then the last policy holds for everything that is left. */
  settle(): string | undefined {
    let problem = this.#rest();
    for (const session of this.sessions) {
      for (let i = 0; i < 3; i++) {
        problem ??= session.send([PING]) ?? session.read();
      }
      for (const first of FIRST) for (const rest of LITERALS) session.publish(`${first}.${rest}`);
      problem ??= session.read();
      problem ??= session.send([PING]) ?? session.leftOver();
    }
    // What was counted now may be the first of its stat, of which there is one in each tick where the clock goes fast.
    problem ??= this.#rest();
    for (let i = 0; i < 3; i++) this.#tick();
    for (const session of this.sessions) problem ??= session.staysOpen();
    if (this.#newest !== undefined) problem ??= "the last policy is not in force";
    problem ??= this.#askCrowd() ?? this.#miscounted();
    const held = stat(this.#host, "istio_nats_memory_bytes");
    if (held > MEMORY * 0.9) problem ??= `${held} bytes are held`;
    return problem ?? (this.#host.shortestTickPeriod === TICK ? undefined : "the ticks become fast again");
  }

  /** What the filter counts must be what has passed and what has not. */
  #miscounted(): string | undefined {
    const counts = (name: string, labels: Record<string, string>): number =>
      stat(this.#host, `istio_nats_${name}_total`, { operation: "SUB", source_principal: PEER, ...labels });
    const sessions = this.sessions.filter(({ peer }) => peer === PEER);
    // Of a chunk with which a connection ends nothing passes, though its beginning has been counted.
    if (!sessions.every(({ isOpen }) => isOpen)) return undefined;
    const sum = (key: "sent" | "reached" | "refused" | "tooMany"): number =>
      sessions.reduce((total, { subs }) => total + subs[key], 0);
    const allowed = counts("messages", { verdict: "allowed" });
    if (allowed !== sum("reached")) return `${allowed} SUBs are counted as allowed, ${sum("reached")} have passed`;
    const notPassed = counts("messages", { verdict: "refused" });
    const withheld = sum("sent") - sum("reached");
    if (notPassed > withheld) return `${notPassed} SUBs are counted as refused, ${withheld} were withheld`;
    const observed = counts("dry_run_refusals", {});
    const messages = ["MSG", "HMSG"].reduce((total, operation) => total + counts("dry_run_refusals", { operation }), 0);
    this.observed = observed + messages;
    const isRecord = ({ message }: { message: string }): boolean =>
      message.includes('"event":"would_refuse"') && message.includes(PEER);
    const records = this.#host.logs.filter(isRecord).length;
    if (records !== this.observed) return `DRY_RUN counts ${this.observed} refusals, and records ${records}`;
    const [least, most] = (["least", "most"] as const).map((key) =>
      sessions.reduce((total, session) => total + session.observed[key], 0),
    );
    if (messages < least! || messages > most!)
      return `DRY_RUN counts ${messages} messages as refused, at least ${least} and at most ${most} were`;
    const tooMany = counts("dry_run_refusals", { reason: "too_many_subscriptions" });
    if (sessions.some(({ subs }) => subs.isUnsure)) return undefined;
    if (tooMany !== sum("tooMany")) return `${tooMany} are counted as too many, and are ${sum("tooMany")}`;
    const refused = sum("refused");
    return observed - tooMany === refused
      ? undefined
      : `DRY_RUN counts ${observed - tooMany} SUBs as refused, ${refused} were`;
  }

  /** More of the crowd come. */
  #gather(subs: number): string | undefined {
    const text = Array.from({ length: subs }, (_, sid) => `SUB ${LONG} ${sid}\r\n`).join("");
    for (let i = 0; i < 3; i++) {
      const wire = new Wire(this.#host, CROWD, this.#root);
      const id = CONNECTIONS + this.#crowd.length;
      wire.connection.properties.set("connection.id", id);
      this.#crowd.push({ wire, id, mayHaveEnded: false });
      wire.server(INFO);
      wire.client(CONNECT + text);
    }
    return this.#askCrowd();
  }

  /**
   * Nothing passes for those that have given back what they held, and everything in DRY_RUN. What comes with the bytes that make one
   * give back may pass or not.
   */
  #askCrowd(): string | undefined {
    const observes = this.#inForce.policy.mode === "DRY_RUN";
    for (const { wire, id, mayHaveEnded } of this.#crowd) {
      if (wire.connection.closed) continue;
      for (const [text, pass] of [
        [PING, () => wire.client(PING)],
        [PONG, () => wire.server(PONG)],
      ] as const) {
        const shed = this.shed.of(id);
        const passed = pass();
        if (this.shed.of(id) !== shed || (shed === "UNREAD" && mayHaveEnded && observes)) continue;
        const passes = shed === undefined || (shed === "UNREAD" && observes);
        if (passed !== (passes ? text : "")) return `of the crowd ${JSON.stringify(passed)} passes, ${shed ?? "open"}`;
      }
    }
    return undefined;
  }

  /** Lets the filter tick until nothing is left that it does in slices. */
  #rest(): string | undefined {
    let ticks = 0;
    do {
      if (++ticks > 400) return "the ticks stay fast";
      this.#tick();
    } while (this.#host.shortestTickPeriod === HURRIED);
    return undefined;
  }

  #change(policy: SubscribePolicy, rulesOfOthers = 0): void {
    const text = configurationOf(policy, rulesOfOthers);
    this.#roots.push(configure(this.#configured, text));
    this.#newest = text === this.#inForce.text ? undefined : { policy, text };
    if (this.#configured === this.#host) this.#follow();
    // Of a root without connections that the host keeps, the filter believes that it is the one to follow.
    else if (this.#roots.length > 1) this.#drop(0);
  }

  #follow(): void {
    if (this.#newest === undefined) return;
    for (const session of this.sessions) session.follow(this.#newest.policy);
    const hasEnforced = [this.#inForce, this.#newest].some(({ policy }) => policy.mode === "ENFORCE");
    this.#inForce = this.#newest;
    // What passes unread ends with the next policy in ENFORCE, if it hears of that before another one comes.
    if (hasEnforced) for (const one of this.#crowd) one.mayHaveEnded ||= this.shed.of(one.id) === "UNREAD";
    this.#newest = undefined;
  }

  #drop(place: number): void {
    this.#configured.deleteRoot(this.#roots.splice(place, 1)[0]!);
  }

  #tick(): void {
    const changes = changesIn(this.#host);
    this.#host.advance(this.#host.shortestTickPeriod);
    this.#host.tick();
    if (this.#configured === this.#host) return;
    // By what the filter counts (docs/reference/telemetry.md), since a policy may take any time to be read.
    if (changesIn(this.#host) > changes) this.#follow();
    this.#configured.now = this.#host.now;
    this.#configured.tick();
  }
}

function configurationOf({ mode, allow, deny, most, trial }: SubscribePolicy, rulesOfOthers: number): string {
  const subscribe = { allow, ...(deny.length > 0 && { deny }) };
  const limits = { memory: MEMORY, ...(most !== undefined && { subscriptions: most }) };
  const more = { mode, limits, audit: { burst: 10_000 } };
  const config = policyOf({ publish: { allow: ["a"] }, subscribe }, more) as { rules: object[] };
  if (trial !== undefined) {
    const subscribe = { ...(trial.allow.length > 0 && { allow: trial.allow }), deny: ["never", ...trial.deny] };
    config.rules.push({ name: "trial", mode: "DRY_RUN", from: [{ principals: ["*"] }], subscribe });
  }
  for (let i = 0; i < rulesOfOthers; i++) {
    const from = [{ principals: [`cluster.local/ns/others/sa/account-${i}`] }];
    config.rules.push({ name: `rule-of-others-${i}`, from, publish: { allow: [`others.${i}.>`] } });
  }
  return JSON.stringify(config);
}

function changesIn(host: Host): number {
  for (const [name, value] of host.metrics) if (name.endsWith(";.;istio_nats_policy_changes_total")) return value;
  return 0;
}

export interface ChangesRun extends Run, Omit<Outcome, "problem"> {}

/** Plays at most this many cases, of this seed and the following ones. */
export async function fuzzChanges(seed: number, cases: number): Promise<ChangesRun> {
  const all = { passed: 0, keptBack: 0, observed: 0, shed: 0 };
  const problemOf = (changes: ChangesCase): string | undefined => {
    const { passed, keptBack, observed, shed, problem } = play(changes);
    all.passed += passed;
    all.keptBack += keptBack;
    all.observed += observed;
    all.shed += shed;
    return problem;
  };
  const run = await playBySeed(seed, cases, { make: changesCase, problemOf });
  return { ...run, ...all };
}
