/**
 * Answers by `allow_responses` while policies change and memory runs out: random steps, and each publish as docs/reference/policy.md, docs/adr/0008
 * and docs/adr/0015 say. Grants under one policy are also compared with nats-server (test/conformance/generated.test.ts).
 */
import { policyOf } from "../host/changing-policy.ts";
import { configure } from "../host/configure.ts";
import { filterModule } from "../host/filter.ts";
import { Host } from "../host/host.ts";
import { MEMORY } from "../host/memory.ts";
import type { Random } from "../host/random.ts";
import { msg, pub, PING, PONG, publishViolation, Wire } from "../host/wire.ts";
import { playBySeed, type Run } from "./by-seed.ts";

/** What a rule says of answers. */
export interface Limit {
  max: number;
  /** In milliseconds. */
  expires: number;
}

interface Policy {
  /** One rule each. */
  limits: Limit[];
  /** The first tokens below which everybody may publish, and may not. */
  allows: string[];
  denies: string[];
}

export type Step =
  | { policy: Policy }
  /** A message with this reply subject comes. */
  | { asks: string }
  /** The client publishes there. */
  | { answers: string }
  /** So many milliseconds pass. */
  | { rests: number }
  /** Others are asked with reply subjects of this length, until they hold all memory that there is, and go. */
  | { presses: number };

/** `limits.responses`: how many are remembered for each rule. */
export const MOST_REMEMBERED = 5;
const LIMITS: readonly Limit[] = [
  { max: 1, expires: 60_000 },
  { max: 3, expires: 1000 },
  { max: 2, expires: 300 },
  { max: -1, expires: 1000 },
];
const FIRST = ["r", "s"];
/** Behind a reply subject: as much as even all that is remembered for three rules leaves below a 32nd of the memory. */
export const LONG = "x".repeat(16_000);
const PRESSURES = [10_000, 17_000];

/** The steps of a case from one seed. */
export function grantsCase(random: Random): Step[] {
  const isPressed = random.isOneIn(5);
  const reply = (): string => {
    const end = isPressed && random.isOneIn(2) ? `.${LONG}` : "";
    return `${random.pick(FIRST)}.${random.below(6)}${end}`;
  };
  const policy = (): Policy => ({
    limits: Array.from({ length: random.pick([0, 1, 1, 2, 3]) }, () => random.pick(LIMITS)),
    allows: random.isOneIn(4) ? [random.pick(FIRST)] : [],
    denies: random.isOneIn(4) ? [random.pick(FIRST)] : [],
  });
  const step = (): Step | Step[] => {
    if (isPressed && random.isOneIn(12)) {
      const asked = Array.from({ length: random.below(2 * MOST_REMEMBERED) }, reply);
      const answers = random.isOneIn(4) ? reply() : random.pick([reply(), ...asked]);
      return [...asked.map((asks) => ({ asks })), { presses: random.pick(PRESSURES) }, { answers }];
    }
    const kind = random.below(20);
    if (kind < 3) return { policy: policy() };
    if (kind < 10) return { asks: reply() };
    return kind < 17 ? { answers: reply() } : { rests: random.pick([90, 350, 700]) };
  };
  return Array.from({ length: 20 + random.below(60) }, step).flat();
}

/** What the requests of one rule allow, the oldest first. */
type Grants = Map<string, { at: number; uses: number }>;

/** What may be answered, kept as plainly as possible. */
class Grantor {
  #now = 0;
  #policy: Policy = { limits: [], allows: [], denies: [] };
  #rules: { limit: Limit; grants: Grants }[] = [];
  /** All has been forgotten at some time. */
  hasForgotten = false;

  /** The same that has forgotten everything. */
  forgetful(): Grantor {
    const grantor = new Grantor();
    grantor.#now = this.#now;
    grantor.#policy = this.#policy;
    grantor.#rules = this.#rules.map(({ limit }) => ({ limit, grants: new Map() }));
    grantor.hasForgotten = true;
    return grantor;
  }

  get holdsMuch(): boolean {
    return this.#rules.some(({ grants }) => [...grants.keys()].some((reply) => reply.endsWith(LONG)));
  }

  rest(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Each rule takes over what one with the same limits had, or else what the one had whose reply subjects are most bytes. */
  follow(policy: Policy): void {
    const former = this.#rules;
    this.#policy = policy;
    // Rules with the same limits are one.
    this.#rules = [...new Set(policy.limits)].map((limit) => {
      const most = former.reduce(
        (best, each) => (best && bytesOf(best.grants) >= bytesOf(each.grants) ? best : each),
        former[0],
      );
      const likest = former.find((each) => each.limit === limit) ?? most;
      const grants: Grants = new Map();
      for (const [reply, { at, uses }] of likest?.grants ?? []) {
        grantIn(grants, limit, reply, at);
        grants.get(reply)!.uses = uses;
      }
      return { limit, grants };
    });
  }

  /** A message with this reply subject has come. As in nats-server's `deliverMsg`, a live grant is used instead of a new one. */
  asks(reply: string): void {
    if (this.#isListed(reply) || this.#uses(reply)) return;
    for (const { limit, grants } of this.#rules) grantIn(grants, limit, reply, this.#now);
  }

  /** Whether the client may publish there now. */
  mayAnswer(subject: string): boolean {
    const { allows, denies } = this.#policy;
    if (this.#isListed(subject)) return allows.includes(subject[0]!) && !denies.includes(subject[0]!);
    return this.#uses(subject);
  }

  #isListed(subject: string): boolean {
    const { allows, denies } = this.#policy;
    return allows.includes(subject[0]!) || denies.includes(subject[0]!);
  }

  #uses(reply: string): boolean {
    let isGranted = false;
    for (const { limit, grants } of this.#rules) {
      const grant = grants.get(reply);
      if (grant === undefined) continue;
      grant.uses++;
      const isOver = this.#now - grant.at > limit.expires || (limit.max > 0 && grant.uses > limit.max);
      if (isOver || grant.uses === limit.max) grants.delete(reply);
      isGranted ||= !isOver;
    }
    return isGranted;
  }
}

function bytesOf(grants: Grants): number {
  return [...grants.keys()].reduce((bytes, reply) => bytes + reply.length, 0);
}

function grantIn(grants: Grants, { expires }: Limit, reply: string, at: number): void {
  for (const [each, grant] of grants) {
    if (at - grant.at <= expires) break;
    grants.delete(each);
  }
  grants.delete(reply);
  if (grants.size === MOST_REMEMBERED) grants.delete([...grants.keys()][0]!);
  grants.set(reply, { at, uses: 0 });
}

function configurationOf({ limits, allows, denies }: Policy): object {
  const below = (tokens: string[]): string[] => tokens.map((token) => `${token}.>`);
  const publish = { allow: ["a.>", ...below(allows)], deny: ["b.>", ...below(denies)] };
  const more = {
    limits: { responses: MOST_REMEMBERED, memory: MEMORY, controlLine: 65_536 },
    telemetry: { requests: 0 },
  };
  const config = policyOf({ publish, subscribe: { allow: ["a.>"] } }, more);
  const rules = limits.map(({ max, expires }, i) => ({
    ...{ name: `answers-${i}`, from: [{ principals: ["*"] }] },
    allow_responses: { max, expires: `${expires}ms` },
  }));
  return { ...config, rules: [...(config as { rules: object[] }).rules, ...rules] };
}

interface Outcome {
  /** Publishes that were allowed. */
  granted: number;
  /** How often it showed that grants had been forgotten. */
  forgotten: number;
  problem: string | undefined;
}

/** Plays the steps in a VM of their own. Whatever is thrown, for example by a trap, is a problem like any other. */
export function play(steps: readonly Step[]): Outcome {
  const outcome: Outcome = { granted: 0, forgotten: 0, problem: undefined };
  try {
    const host = new Host(filterModule());
    // More than one where nobody knows from outside whether something was forgotten.
    let possible = [new Grantor()];
    // A connection comes under the newest policy with its next bytes.
    let newest: Policy | undefined;
    const follow = (policy: Policy): void => {
      configure(host, configurationOf(policy));
      newest = policy;
    };
    follow({ limits: [], allows: [], denies: [] });
    const wire = Wire.connected(host);
    wire.client("SUB a.1 1\r\n");
    for (const step of steps) {
      if ("policy" in step) {
        follow(step.policy);
        continue;
      }
      if ("rests" in step) {
        host.advance(step.rests);
        for (const grantor of possible) grantor.rest(step.rests);
        continue;
      }
      if ("presses" in step) {
        press(host, step.presses);
        // Who holds little keeps it, because others hold more.
        possible = possible.flatMap((grantor) => (grantor.holdsMuch ? [grantor, grantor.forgetful()] : grantor));
        continue;
      }
      if (newest !== undefined) for (const grantor of possible) grantor.follow(newest);
      newest = undefined;
      if ("asks" in step) {
        wire.server(msg("a.1", "1", "", step.asks));
        for (const grantor of possible) grantor.asks(step.asks);
      } else {
        const sent = wire.client(pub(step.answers));
        const isAllowed = sent === pub(step.answers);
        if (!isAllowed && (sent !== PING || wire.server(PONG) !== publishViolation(step.answers)))
          outcome.problem ??= `a refusal is none: ${sent}`;
        const mayHold = possible.some(({ hasForgotten }) => !hasForgotten);
        possible = possible.filter((grantor) => grantor.mayAnswer(step.answers) === isAllowed);
        if (possible.length === 0)
          outcome.problem ??= `a publish on ${step.answers} is ${isAllowed ? "allowed" : "refused"}`;
        outcome.granted += Number(isAllowed);
        outcome.forgotten += Number(mayHold && possible.every(({ hasForgotten }) => hasForgotten));
      }
    }
  } catch (error) {
    outcome.problem = String(error);
  }
  return outcome;
}

/** Connections whose requests use up the memory, as far as the policy lets anybody answer. */
function press(host: Host, length: number): void {
  const crowd: Wire[] = [];
  for (let held = 0; held < MEMORY * 1.1; held += MOST_REMEMBERED * length) {
    const wire = Wire.connected(host);
    wire.client("SUB a.1 1\r\n");
    for (let i = 0; i < MOST_REMEMBERED; i++) wire.server(msg("a.1", "1", "", `t.${i}.${"x".repeat(length)}`));
    crowd.push(wire);
  }
  for (const { connection } of crowd) connection.close();
}

export interface GrantsRun extends Run {
  /** Publishes that were allowed. */
  granted: number;
  /** How often it showed that grants had been forgotten. */
  forgotten: number;
}

/** Plays at most this many cases, of this seed and the following ones. */
export async function fuzzGrants(seed: number, cases: number): Promise<GrantsRun> {
  const all = { granted: 0, forgotten: 0 };
  const problemOf = ({ steps }: { steps: Step[] }): string | undefined => {
    const { granted, forgotten, problem } = play(steps);
    all.granted += granted;
    all.forgotten += forgotten;
    return problem;
  };
  const run = await playBySeed(seed, cases, { make: (random) => ({ steps: grantsCase(random) }), problemOf });
  return { ...run, ...all };
}
