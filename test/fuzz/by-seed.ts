import { setImmediate } from "node:timers/promises";
import { Random } from "../host/random.ts";
import { fewer } from "./fewer.ts";

type Later<T> = T | Promise<T>;

/** Cases of steps, each made from a seed. */
export interface Cases<S, C extends { steps: S[] }> {
  make: (random: Random) => C;
  /** Plays a case. Returns what goes wrong. */
  problemOf: (one: C) => Later<string | undefined>;
  /** What else a case is made of, for people. */
  factsOf?: (one: C) => object;
}

export interface Run {
  cases: number;
  /** The first case that went wrong, in readable form. */
  failure: string | undefined;
}

/** Plays at most this many cases, of this seed and the following ones. */
export async function playBySeed<S, C extends { steps: S[] }>(
  seed: number,
  cases: number,
  { make, problemOf, factsOf = withoutSteps }: Cases<S, C>,
): Promise<Run> {
  const run: Run = { cases: 0, failure: undefined };
  for (; run.cases < cases && run.failure === undefined; run.cases++) {
    const caseSeed = (seed + run.cases) >>> 0;
    const one = make(new Random(caseSeed));
    const problem = await problemOf(one);
    // Most cases wait for nothing, so without this turn no signal would be heard, whose handlers test/stand/child.ts sets.
    await setImmediate();
    if (problem === undefined) continue;
    const steps = await shortened(one.steps, async (some) => (await problemOf({ ...one, steps: some })) !== undefined);
    run.failure = failureText((await problemOf({ ...one, steps })) ?? problem, factsOf(one), steps, caseSeed);
  }
  return run;
}

function withoutSteps({ steps: _, ...facts }: { steps: readonly unknown[] }): object {
  return facts;
}

/** Fewer steps, then fewer lines or operations in each that `sends` several, as long as it still fails. */
async function shortened<S>(all: readonly S[], fails: (some: S[]) => Promise<boolean>): Promise<S[]> {
  let steps = await fewer(all, fails);
  for (const [i, step] of steps.entries()) {
    const { sends } = step as { sends?: unknown };
    if (!Array.isArray(sends)) continue;
    const without = (some: unknown[]): S[] => steps.with(i, { ...step, sends: some });
    steps = without(await fewer(sends, (some) => fails(without(some))));
  }
  return steps;
}

/** What a failing case says: the problem, the seed, what else the case is made of, and the steps. */
function failureText(problem: string, facts: object, steps: readonly unknown[], seed: number): string {
  const rest = Object.entries(facts).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  // Long runs of one byte are shown in short.
  const lines = steps.map(
    (step) => `  ${JSON.stringify(step).replace(/(.)\1{60,}/g, (run, one) => `${one}{${run.length}}`)}`,
  );
  // Node cuts off the end of a long text where it tells of what differs.
  return [problem, `seed: ${seed}`, ...rest, ...lines].join("\n");
}
