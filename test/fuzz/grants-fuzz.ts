/**
 * Answers by `allow_responses` while policies change: random steps, and each publish as docs/policy.md and docs/adr/0008 say. Grants
 * under one policy are also compared with nats-server (test/conformance/generated.test.ts).
 */
import { policyOf } from "../host/changing-policy.ts";
import { filterModule } from "../host/filter.ts";
import { Host } from "../host/host.ts";
import { Random } from "../host/random.ts";
import { msg, pub, PING, PONG, publishViolation, Wire } from "../host/wire.ts";
import { failureText } from "./failure-text.ts";
import { fewer } from "./fewer.ts";

/** What a rule says of answers. */
interface Limit {
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

type Step =
  | { policy: Policy }
  /** A message with this reply subject comes. */
  | { asks: string }
  /** The client publishes there. */
  | { answers: string }
  /** So many milliseconds pass. */
  | { rests: number };

/** `limits.responses`: how many are remembered for each rule. */
const MOST_REMEMBERED = 5;
const LIMITS: readonly Limit[] = [
  { max: 1, expires: 60_000 },
  { max: 3, expires: 1000 },
  { max: 2, expires: 300 },
  { max: -1, expires: 1000 },
];
const FIRST = ["r", "s"];

/** The steps of a case from one seed. */
export function grantsCase(random: Random): Step[] {
  const isSometimes = (one: number): boolean => random.below(one) === 0;
  const reply = (): string => `${random.pick(FIRST)}.${random.below(6)}`;
  const policy = (): Policy => ({
    limits: Array.from({ length: random.pick([0, 1, 1, 2, 3]) }, () => random.pick(LIMITS)),
    allows: isSometimes(4) ? [random.pick(FIRST)] : [],
    denies: isSometimes(4) ? [random.pick(FIRST)] : [],
  });
  const step = (): Step => {
    const kind = random.below(20);
    if (kind < 3) return { policy: policy() };
    if (kind < 10) return { asks: reply() };
    return kind < 17 ? { answers: reply() } : { rests: random.pick([90, 350, 700]) };
  };
  return Array.from({ length: 20 + random.below(60) }, step);
}

/** What the requests of one rule allow, the oldest first. */
type Grants = Map<string, { at: number; uses: number }>;

/** What may be answered, kept as plainly as possible. */
class Grantor {
  #now = 0;
  #policy: Policy = { limits: [], allows: [], denies: [] };
  #rules: { limit: Limit; grants: Grants }[] = [];

  rest(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Each rule takes over what one with the same limits had, or else what the one had that had most. */
  follow(policy: Policy): void {
    const former = this.#rules;
    this.#policy = policy;
    // Rules with the same limits are one.
    this.#rules = [...new Set(policy.limits)].map((limit) => {
      const most = former.reduce(
        (best, each) => (best && best.grants.size >= each.grants.size ? best : each),
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
  const config = policyOf({ publish, subscribe: { allow: ["a.>"] } }, { limits: { responses: MOST_REMEMBERED } });
  const rules = limits.map(({ max, expires }, i) => ({
    ...{ name: `answers-${i}`, from: [{ principals: ["*"] }] },
    allow_responses: { max, expires: `${expires}ms` },
  }));
  return { ...config, rules: [...(config as { rules: object[] }).rules, ...rules] };
}

interface Outcome {
  /** Publishes that were allowed. */
  granted: number;
  problem: string | undefined;
}

/** Plays the steps in a VM of their own. Whatever is thrown, for example by a trap, is a problem like any other. */
function play(steps: readonly Step[]): Outcome {
  const outcome: Outcome = { granted: 0, problem: undefined };
  try {
    const host = new Host(filterModule());
    const grantor = new Grantor();
    // A connection comes under the newest policy with its next bytes.
    let newest: Policy | undefined;
    const configure = (policy: Policy): void => {
      if (!host.configure(configurationOf(policy)).accepted) throw new Error("the policy is refused");
      newest = policy;
    };
    configure({ limits: [], allows: [], denies: [] });
    const wire = Wire.connected(host);
    wire.client("SUB a.1 1\r\n");
    for (const step of steps) {
      if ("policy" in step) {
        configure(step.policy);
        continue;
      }
      if ("rests" in step) {
        host.advance(step.rests);
        grantor.rest(step.rests);
        continue;
      }
      if (newest !== undefined) grantor.follow(newest);
      newest = undefined;
      if ("asks" in step) {
        wire.server(msg("a.1", "1", "", step.asks));
        grantor.asks(step.asks);
      } else {
        const isAllowed = grantor.mayAnswer(step.answers);
        const sent = wire.client(pub(step.answers));
        const read = isAllowed ? "" : wire.server(PONG);
        const isRight = isAllowed
          ? sent === pub(step.answers)
          : sent === PING && read === publishViolation(step.answers);
        outcome.granted += Number(isAllowed);
        if (!isRight)
          outcome.problem ??= `a publish on ${step.answers} is ${isAllowed ? "refused" : "allowed"}: ${sent}`;
      }
    }
  } catch (error) {
    outcome.problem = String(error);
  }
  return outcome;
}

export interface GrantsRun {
  cases: number;
  /** Publishes that were allowed. */
  granted: number;
  /** The first case that went wrong, in readable form. */
  failure: string | undefined;
}

/** Plays at most this many cases, of this seed and the following ones. */
export function fuzzGrants(seed: number, cases: number): GrantsRun {
  const run: GrantsRun = { cases: 0, granted: 0, failure: undefined };
  for (; run.cases < cases && run.failure === undefined; run.cases++) {
    const caseSeed = (seed + run.cases) >>> 0;
    const steps = grantsCase(new Random(caseSeed));
    const { granted, problem } = play(steps);
    run.granted += granted;
    if (problem === undefined) continue;
    const fewest = fewer(steps, (some) => play(some).problem !== undefined);
    run.failure = failureText(play(fewest).problem ?? problem, {}, fewest, caseSeed);
  }
  return run;
}
