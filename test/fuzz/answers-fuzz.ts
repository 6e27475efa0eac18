/**
 * What a client is answered that has asked for a `+OK` to each operation, while policies change: random steps, and each answer in its
 * place. The filter swallows the `+OK` of lines that it sends itself, and sends the one that it keeps from nats-server.
 */
import { HURRIED, policyOf, REST } from "../host/changing-policy.ts";
import { configure } from "../host/configure.ts";
import { filterModule } from "../host/filter.ts";
import { Host } from "../host/host.ts";
import type { Random } from "../host/random.ts";
import { INFO, PING, Wire } from "../host/wire.ts";
import { playBySeed, type Run } from "./by-seed.ts";
import { NatsParser, type Operation } from "./nats-parser.ts";
import { ServerSubscriptions } from "./server-subscriptions.ts";

/** A policy that is in force for everybody: the first tokens below which one may publish or subscribe. */
interface Policy {
  mode: "ENFORCE" | "DRY_RUN";
  publishes: string[];
  subscribes: string[];
  /** SECRET may not be subscribed to. Nobody may ever publish to it. */
  deniesSecret: boolean;
  /** A rule on trial has denies of its own, which only count. */
  tries: boolean;
}

/** An operation that the client sends. */
interface Sent {
  text: string;
  verb: "CONNECT" | "PUB" | "SUB" | "UNSUB" | "PING";
  subject?: string;
  reply?: string;
  /** Of a CONNECT. */
  verbose?: boolean;
}

type Step =
  | { policy: Policy }
  /** The client sends these, and at most so many bytes of all that it has not sent yet. */
  | { sends: Sent[]; most: number }
  /** At most so many bytes come from nats-server. */
  | { reads: number }
  | "tick";

export interface AnswersCase {
  /** Nanoseconds that pass whenever the filter reads the clock. */
  clockStep: number;
  steps: Step[];
}

const FIRST = ["a", "b", "c"];
const SECRET = "a.secret";
const ALL = Number.MAX_SAFE_INTEGER;
const EVERYTHING: Policy = { mode: "ENFORCE", publishes: FIRST, subscribes: FIRST, deniesSecret: true, tries: false };
const TRIAL = {
  ...{ name: "trial", mode: "DRY_RUN", from: [{ principals: ["*"] }] },
  ...{ publish: { deny: ["b.>", "a.1"] }, subscribe: { deny: ["a.1", "c.*", "b.2"] } },
};

function connect(verbose: boolean): Sent {
  const text = `CONNECT {"verbose":${verbose},"pedantic":false,"headers":true,"protocol":1}\r\n`;
  return { text, verb: "CONNECT", verbose };
}

const ASKS: Sent = { text: PING, verb: "PING" };

/** A case from one seed. Some have policies that change, DRY_RUN, maxima, further CONNECTs and cuts. */
export function answersCase(random: Random): AnswersCase {
  const has = {
    changes: !random.isOneIn(4),
    dryRun: random.isOneIn(3),
    maxima: random.isOneIn(2),
    cuts: random.isOneIn(2),
  };
  const connectsAgain = random.isOneIn(3);
  let sids = 0;
  const some = (): string[] => FIRST.filter(() => !random.isOneIn(3));
  const most = (bytes: number): number => (has.cuts && random.isOneIn(2) ? 1 + random.below(bytes) : ALL);
  const sent = (): Sent => {
    const kind = random.below(20);
    if (kind < 7) {
      const subject = `${random.pick(FIRST)}.${random.pick(["1", "2", "secret"])}`;
      const payload = random.pick(["", "x", PING, "y".repeat(40)]);
      const reply = random.isOneIn(4) ? `${random.pick(FIRST)}.9` : "";
      const text = `PUB ${subject} ${reply}${reply && " "}${payload.length}\r\n${payload}\r\n`;
      return { text, verb: "PUB", subject, reply };
    }
    if (kind < 12) {
      const subject = `${random.pick(FIRST)}.${random.pick(["1", "*", "*", "secret"])}`;
      const sid = random.isOneIn(5) && sids > 0 ? 1 + random.below(sids) : ++sids;
      return { text: `SUB ${subject} ${sid}\r\n`, verb: "SUB", subject };
    }
    if (kind < 15) {
      const maximum = has.maxima && random.isOneIn(2) ? ` ${1 + random.below(4)}` : "";
      return { text: `UNSUB ${1 + random.below(sids + 1)}${maximum}\r\n`, verb: "UNSUB" };
    }
    return kind < 18 || !connectsAgain ? ASKS : connect(!random.isOneIn(3));
  };
  const policy = (): Policy => ({
    mode: has.dryRun && random.isOneIn(2) ? "DRY_RUN" : "ENFORCE",
    ...{ publishes: some(), subscribes: some(), deniesSecret: !random.isOneIn(3), tries: random.isOneIn(2) },
  });
  const step = (): Step => {
    switch (random.below(8)) {
      case 0:
      case 1:
      case 2:
        return { sends: Array.from({ length: 1 + random.below(6) }, sent), most: most(60) };
      case 3:
        return { sends: [], most: most(20) };
      case 4:
      case 5:
        return { reads: most(60) };
      case 6:
        return has.changes ? { policy: policy() } : "tick";
    }
    return "tick";
  };
  return { clockStep: random.pick([0, 1_000_000]), steps: Array.from({ length: 40 + random.below(60) }, step) };
}

/** nats-server, which answers what reaches it (client.go `processConnect`, `processInboundPub`). */
class Broker {
  readonly #parser = new NatsParser({ controlLine: 4096, payload: 1048576 });
  #taken = 0;
  #isVerbose = true;
  readonly #subscriptions = new ServerSubscriptions();
  /** Written and not yet read. */
  #written = "";

  get error(): string | undefined {
    return this.#parser.error;
  }

  takes(bytes: string): void {
    this.#parser.feed(Buffer.from(bytes, "latin1"));
    for (; this.#taken < this.#parser.operations.length; this.#taken++) {
      const operation = this.#parser.operations[this.#taken]!;
      if (operation.verb === "PUB" && operation.payload === undefined) return;
      this.#execute(operation);
    }
  }

  /** At most so many bytes of what is written. */
  read(most: number): string {
    const bytes = this.#written.slice(0, most);
    this.#written = this.#written.slice(most);
    return bytes;
  }

  #execute({ verb, argument, subject, sid, payload = "" }: Operation): void {
    if (verb === "PING") {
      this.#written += "PONG\r\n";
      return;
    }
    if (verb === "CONNECT") {
      this.#isVerbose = (JSON.parse(argument) as { verbose: boolean }).verbose;
      this.#subscriptions.forgetAll();
    }
    if (this.#isVerbose) this.#written += "+OK\r\n";
    const live = this.#subscriptions.find(sid);
    if (verb === "SUB") this.#subscriptions.begin({ sid, subject, delivered: 0, max: 0 });
    else if (verb === "UNSUB" && live !== undefined) this.#subscriptions.unsubscribe(live, argument);
    else if (verb === "PUB") {
      for (const sub of this.#subscriptions.all) {
        if (sub.subject !== subject && sub.subject !== `${subject[0]}.*`) continue;
        this.#written += `MSG ${subject} ${sub.sid} ${payload.length}\r\n${payload}\r\n`;
        this.#subscriptions.deliver(sub);
      }
    }
  }
}

/** What the client has sent, with the policies in force when its first byte, and its line, had gone. */
interface Asked extends Sent {
  begunUnder: Policy;
  judgedUnder: Policy;
}

export interface Outcome {
  /** Operations of which each was answered as it must be; 0 if the connection ended. */
  answered: number;
  problem: string | undefined;
}

class Stage {
  readonly #host: Host;
  readonly #wire: Wire;
  readonly #broker = new Broker();
  #policy = EVERYTHING;
  #policies = 0;
  #unsent = "";
  /** Bytes that the client has queued, and those that it has sent. */
  #queued = 0;
  #sent = 0;
  readonly #asked: Partial<Asked & { from: number; lineTo: number }>[] = [];
  #begun = 0;
  #judged = 0;
  #read = "";

  constructor(clockStep: number) {
    this.#host = new Host(filterModule(), { clockStep: BigInt(clockStep) });
    this.#configure(EVERYTHING);
    this.#wire = new Wire(this.#host);
    this.#wire.server(INFO);
    this.#take({ sends: [connect(true)], most: ALL });
    this.#take({ reads: ALL });
  }

  play(steps: readonly Step[]): Outcome {
    for (const step of steps) {
      this.#host.advance(REST);
      this.#take(step);
      if (this.#wire.connection.closed) return { answered: 0, problem: this.#endedInVain() };
    }
    // Everybody has time, and all is sent and read.
    for (let i = 0; i < 6; i++) {
      for (let k = 0; k < 50 && this.#host.shortestTickPeriod === HURRIED; k++) this.#take("tick");
      this.#host.advance(REST);
      for (const step of [{ sends: [ASKS], most: ALL }, { reads: ALL }, { reads: ALL }]) this.#take(step);
      this.#take("tick");
      if (this.#wire.connection.closed) return { answered: 0, problem: this.#endedInVain() };
    }
    if (this.#broker.error !== undefined) return { answered: 0, problem: `nats-server: ${this.#broker.error}` };
    return { answered: this.#asked.length, problem: misplaced(this.#asked as Asked[], answersIn(this.#read)) };
  }

  /** A connection with a sid that is used again behind a maximum ends at the next policy (docs/reference/policy.md). No other may end here. */
  #endedInVain(): string | undefined {
    const mayEnd = this.#policies > 1 && this.#asked.some(({ text = "" }) => /^UNSUB \d+ \d/.test(text));
    return mayEnd ? undefined : "the connection ended";
  }

  #take(step: Step): void {
    if (step === "tick") {
      this.#host.advance(this.#host.shortestTickPeriod);
      this.#host.tick();
    } else if ("policy" in step) this.#configure(step.policy);
    else if ("reads" in step) this.#reads(step.reads);
    else {
      for (const sent of step.sends) {
        const from = this.#queued;
        this.#queued += sent.text.length;
        this.#asked.push({ ...sent, from, lineTo: from + sent.text.indexOf("\n") + 1 });
        this.#unsent += sent.text;
      }
      this.#sends(step.most);
    }
  }

  #sends(most: number): void {
    const bytes = this.#unsent.slice(0, most);
    this.#unsent = this.#unsent.slice(most);
    if (bytes === "" || this.#wire.connection.closed) return;
    this.#sent += bytes.length;
    const asked = this.#asked;
    while (this.#begun < asked.length && asked[this.#begun]!.from! < this.#sent) {
      asked[this.#begun++]!.begunUnder = this.#policy;
    }
    while (this.#judged < asked.length && asked[this.#judged]!.lineTo! <= this.#sent) {
      asked[this.#judged++]!.judgedUnder = this.#policy;
    }
    this.#broker.takes(this.#wire.client(bytes));
    this.#broker.takes(this.#wire.released());
  }

  #reads(most: number): void {
    const bytes = this.#broker.read(most);
    if (bytes === "" || this.#wire.connection.closed) return;
    this.#read += this.#wire.server(bytes);
    this.#broker.takes(this.#wire.released());
  }

  #configure(policy: Policy): void {
    const { mode, publishes, subscribes, deniesSecret, tries } = policy;
    const below = (tokens: string[], rest: string): string[] =>
      tokens.length > 0 ? tokens.map((token) => `${token}.${rest}`) : ["nothing"];
    const publish = { allow: below(publishes, ">"), deny: [SECRET] };
    const subscribe = { allow: below(subscribes, "*"), ...(deniesSecret && { deny: [SECRET] }) };
    const config = policyOf({ publish, subscribe }, { mode }) as { rules: object[] };
    const rules = tries ? [...config.rules, TRIAL] : config.rules;
    configure(this.#host, { ...config, rules });
    this.#policy = policy;
    this.#policies++;
  }
}

/** The lines that a client reads, without messages, and without what it is told of a subscription that a policy has ended. */
function answersIn(read: string): string[] {
  const answers: string[] = [];
  for (let at = 0; at < read.length;) {
    const end = read.indexOf("\r\n", at);
    const line = read.slice(at, end < 0 ? undefined : end);
    at = end < 0 ? read.length : end + 2;
    if (line.startsWith("MSG ")) at += Number(line.slice(line.lastIndexOf(" "))) + 2;
    else if (!line.includes('(sid "')) answers.push(line);
  }
  return answers;
}

function permits({ publishes, subscribes, deniesSecret }: Policy, { verb, subject = "", reply = "" }: Sent): boolean {
  if (verb === "SUB") return subscribes.includes(subject[0]!) && !(deniesSecret && subject === SECRET);
  if (verb !== "PUB") return true;
  return publishes.includes(subject[0]!) && subject !== SECRET && (reply === "" || subscribes.includes(reply[0]!));
}

/**
 * The first operation that has no answer of its own in its place, or what is left over. An operation that had begun under another
 * policy, or is only observed, may be answered either way. So more than one place may have been reached before each operation.
 */
function misplaced(asked: readonly Asked[], answers: readonly string[]): string | undefined {
  let places = new Set([0]);
  let isVerbose = true;
  for (const operation of asked) {
    const { text, verb, subject, reply, begunUnder, judgedUnder } = operation;
    if (verb === "CONNECT") isVerbose = operation.verbose!;
    const isOpen = begunUnder !== judgedUnder || judgedUnder.mode === "DRY_RUN";
    const passes = permits(judgedUnder, operation);
    const after = new Set<number>();
    for (const place of places) {
      const answer = answers[place] ?? "";
      if (verb === "PING") {
        if (answer === "PONG") after.add(place + 1);
        continue;
      }
      if ((verb === "PUB" || verb === "SUB") && (isOpen || !passes)) {
        const isOfIt = answer.includes(`"${subject}"`) || (reply !== "" && answer.includes(`"${reply}"`));
        if (answer.startsWith("-ERR 'Permissions Violation") && isOfIt) after.add(place + 1);
      }
      if (!isOpen && !passes) continue;
      if (!isVerbose) after.add(place);
      else if (answer === "+OK") after.add(place + 1);
    }
    if (after.size === 0) {
      const got = [...places].map((place) => answers[place] ?? "nothing");
      return `${JSON.stringify(text)} is answered ${got.join(" or ")}, under ${JSON.stringify(judgedUnder)}`;
    }
    places = after;
  }
  return places.has(answers.length) ? undefined : `there is more: ${answers.slice(Math.max(...places)).join(", ")}`;
}

/** Plays a case in a VM of its own. Whatever is thrown, for example by a trap, is a problem like any other. */
export function play({ clockStep, steps }: AnswersCase): Outcome {
  try {
    return new Stage(clockStep).play(steps);
  } catch (error) {
    return { answered: 0, problem: String(error) };
  }
}

export interface AnswersRun extends Run {
  answered: number;
}

/** Plays at most this many cases, of this seed and the following ones. */
export async function fuzzAnswers(seed: number, cases: number): Promise<AnswersRun> {
  let all = 0;
  const problemOf = (one: AnswersCase): string | undefined => {
    const { answered, problem } = play(one);
    all += answered;
    return problem;
  };
  const run = await playBySeed(seed, cases, { make: answersCase, problemOf });
  return { ...run, answered: all };
}
