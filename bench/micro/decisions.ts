import { Driver } from "./driver.ts";
import { passOver, stepsOf } from "./frames.ts";
import { alternate, alternateOnce, type Timing } from "./measure.ts";
import { decisionStream } from "./frame-cases.ts";

const RULES = [10, 1000, 10_000, 100_000];
/** One is asked for again at once, a thousand fit the processor's nearer caches, twenty thousand do not. */
const SUBJECTS = [1, 1000, 20_000];
/** So many subjects are asked for the first time. */
const NEW_SUBJECTS = 20_000;
const CHUNK = 65_536;

/**
 * Passes over each stream before any is measured, until everything is remembered that ever will be. An answer is written down
 * when it is given for the second time, and a table that fills is replaced by an empty one of twice the size
 * (assembly/policy/decision-cache.ts), so that all is asked twice again: eight times at most for beginnings of subjects, five
 * times for short ones. That are 26 passes; what is left of these finds nothing new.
 */
const SETTLING_PASSES = 32;

/** Whether a VM that knows the subjects is asked, or one that has but loaded the policy. */
export type Asked = "remembered" | "first time";

export interface DecisionRow extends Timing {
  asked: Asked;
  rules: number;
  subjects: number;
  /** How many different two first tokens the subjects have, which decide (`decisionStream`). */
  groups: number;
  /** `median` against that of the fewest rules with as many subjects, asked alike. */
  ratio: number;
}

export interface LoadRow {
  rules: number;
  /** Of the configuration. */
  bytes: number;
  /** Until it was in force in one VM, in one callback. */
  milliseconds: number;
  /** Of the VM afterwards, 64 KiB each. */
  pages: number;
}

/**
 * A policy of `count` rules that all match the peer, each with one subject of its own that ends in a wildcard. As terse
 * as JSON can be, so that 100,000 rules stay within the 8 MiB that a configuration may have; 10,000 make 0.8 MiB.
 */
function largePolicy(count: number): string {
  const rules: string[] = [];
  for (let i = 0; i < count; i++) {
    rules.push(`{"name":"${i}","from":[{"principals":["*"]}],"publish":{"allow":["o.${i}.>"]}}`);
  }
  return `{"trustDomains":["cluster.local"],"rules":[${rules.join(",")}]}`;
}

interface Ruled {
  rules: number;
  policy: string;
}

type Row = Omit<DecisionRow, "ratio">;

/** Rows of one kind come rule by rule, `subjectCounts` of them each. */
function withRatios(rows: readonly Row[], subjectCounts: number): DecisionRow[] {
  return rows.map((row, i) => ({ ...row, ratio: row.median / (rows[i % subjectCounts]?.median ?? NaN) }));
}

/** Each subject again and again, in a VM that has settled. */
function remembered(all: readonly (Ruled & { driver: Driver })[], rounds: number): DecisionRow[] {
  const prepared = all.flatMap(({ rules, driver }) =>
    SUBJECTS.map((subjects) => {
      const stream = decisionStream(rules, subjects);
      const pass = passOver(driver, stream, stepsOf(stream, CHUNK));
      return { row: { rules, subjects, groups: stream.groups }, measured: { units: stream.ends.length, pass } };
    }),
  );
  // In turn, since a table that grows for one stream forgets what it knew of the others.
  for (let i = 0; i < SETTLING_PASSES; i++) for (const { measured } of prepared) measured.pass();
  const timings = alternate(
    prepared.map(({ measured }) => measured),
    rounds,
  );
  const rows = prepared.map(({ row }, i): Row => ({ asked: "remembered", ...row, ...timingAt(timings, i) }));
  return withRatios(rows, SUBJECTS.length);
}

/** Each subject once, in a VM that is made anew for every round: its code is compiled, for it is that of the other VMs. */
function firstTime(module: WebAssembly.Module, all: readonly Ruled[], rounds: number): DecisionRow[] {
  const prepared = all.map(({ rules, policy }) => {
    const stream = decisionStream(rules, NEW_SUBJECTS);
    const steps = stepsOf(stream, CHUNK);
    return {
      row: { rules, subjects: NEW_SUBJECTS, groups: stream.groups },
      measured: { units: stream.ends.length, prepare: () => passOver(new Driver(module, policy), stream, steps) },
    };
  });
  const timings = alternateOnce(
    prepared.map(({ measured }) => measured),
    rounds,
  );
  const rows = prepared.map(({ row }, i): Row => ({ asked: "first time", ...row, ...timingAt(timings, i) }));
  return withRatios(rows, 1);
}

function timingAt(timings: readonly Timing[], i: number): Timing {
  const timing = timings[i];
  if (!timing) throw new Error("a row was not measured");
  return timing;
}

/** Publishes of 16 bytes under policies of ever more rules, all of which match the peer. */
export function measureDecisions(
  module: WebAssembly.Module,
  rounds: number,
): { decisions: DecisionRow[]; loads: LoadRow[] } {
  const loaded = RULES.map((rules) => {
    const policy = largePolicy(rules);
    return { rules, policy, driver: new Driver(module, policy) };
  });
  const loads = loaded.map(({ rules, policy, driver }) => ({
    rules,
    bytes: policy.length,
    milliseconds: driver.configured,
    pages: driver.pages,
  }));
  return { decisions: [...remembered(loaded, rounds), ...firstTime(module, loaded, rounds)], loads };
}
