import { istioJson } from "../../test/host/istio-json.ts";
import { Driver } from "./driver.ts";
import { passOver, stepsOf } from "./frames.ts";
import { alternate, alternateOnce, type Timing } from "./measure.ts";
import { decisionStream, ruleToken } from "./frame-cases.ts";

const RULES = [10, 1000, 10_000, 100_000];
/** One subject is asked for again at once, a thousand fit into the processor's nearer caches, and twenty thousand do not. */
const SUBJECTS = [1, 1000, 20_000];
/** How many subjects are asked for the first time. */
const NEW_SUBJECTS = 20_000;
const CHUNK = 65_536;

/**
 * Passes over each stream before any is measured, until the filter remembers everything that it ever will. An answer is stored when
 * it is given for the second time, and a table that fills up is replaced by an empty one of twice the size
 * (assembly/policy/decision-cache.ts), so everything is asked twice again. That happens at most eight times for beginnings of
 * subjects and five times for short subjects, which makes 26 passes. Any passes left over change nothing.
 */
const SETTLING_PASSES = 32;

/**
 * Of a VM that knows the subjects already, or of one that has only loaded the policy. The latter knows what the leading tokens of an
 * entry decide, but not what further tokens do: beside THIRD_TOKEN it has to walk through the rules for each subject.
 */
export type Asked = "remembered" | "first time" | "first time, walked";

export interface DecisionRow extends Timing {
  asked: Asked;
  rules: number;
  subjects: number;
  /** The number of different pairs of two first tokens among the subjects, which decide (`decisionStream`). */
  groups: number;
  /** `median` divided by the median for the fewest rules, with as many subjects asked in the same way. */
  ratio: number;
}

export interface LoadRow {
  rules: number;
  /** Bytes of the configuration. */
  bytes: number;
  /** Time until the policy was in force in one VM, in one callback. */
  milliseconds: number;
  /** Time until the first peer was let in after that, for whom the rules are compiled, in two callbacks. */
  firstPeer: number;
  /** Memory of the VM afterwards, in pages of 64 KiB. */
  pages: number;
}

/** A deny entry by which the third token of each subject decides too. It denies none of them. */
const THIRD_TOKEN = "o.*.denied";

/**
 * A policy of `count` rules that all match the peer. Each has one subject of its own, which ends in a wildcard. The rules are as
 * terse as possible, so that 100,000 fit into the 8 MiB that a configuration may have; 10,000 rules make 0.8 MiB. The first rule
 * may have a deny entry.
 */
function largePolicy(count: number, denied?: string): string {
  const rules = Array.from({ length: count }, (_, i) => ({
    name: ruleToken(i),
    from: [{ principals: ["*"] }],
    publish: { allow: [`o.${ruleToken(i)}.>`], ...(i === 0 && denied !== undefined && { deny: [denied] }) },
  }));
  return istioJson({ trustDomains: ["cluster.local"], rules });
}

interface Ruled {
  rules: number;
  policy: string;
}

type Row = Omit<DecisionRow, "ratio">;

/** The rows of one kind are in order of the number of rules, with `subjectCounts` rows for each. */
function withRatios(rows: readonly Row[], subjectCounts: number): DecisionRow[] {
  return rows.map((row, i) => ({ ...row, ratio: row.median / (rows[i % subjectCounts]?.median ?? NaN) }));
}

/** Asks each subject again and again, in a VM that has settled. */
function remembered(all: readonly (Ruled & { driver: Driver })[], rounds: number): DecisionRow[] {
  const prepared = all.flatMap(({ rules, driver }) =>
    SUBJECTS.map((subjects) => {
      const stream = decisionStream(rules, subjects);
      const pass = passOver(driver, stream, stepsOf(stream, CHUNK));
      return { row: { rules, subjects, groups: stream.groups }, measured: { units: stream.ends.length, pass } };
    }),
  );
  // All streams pass in turn, because a table that grows for one stream forgets what it knew of the others.
  for (let i = 0; i < SETTLING_PASSES; i++) for (const { measured } of prepared) measured.pass();
  const timings = alternate(
    prepared.map(({ measured }) => measured),
    rounds,
  );
  const rows = prepared.map(({ row }, i): Row => ({ asked: "remembered", ...row, ...timingAt(timings, i) }));
  return withRatios(rows, SUBJECTS.length);
}

/** Asks each subject once, in a new VM for every round. Its code is already compiled, because the other VMs share it. */
function firstTime(module: WebAssembly.Module, asked: Asked, all: readonly Ruled[], rounds: number): DecisionRow[] {
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
  const rows = prepared.map(({ row }, i): Row => ({ asked, ...row, ...timingAt(timings, i) }));
  return withRatios(rows, 1);
}

function timingAt(timings: readonly Timing[], i: number): Timing {
  const timing = timings[i];
  if (!timing) throw new Error("a row was not measured");
  return timing;
}

/** Measures publishes of 16 bytes under policies of ever more rules, all of which match the peer. */
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
    firstPeer: driver.connected,
    pages: driver.pages,
  }));
  const walked = RULES.map((rules) => ({ rules, policy: largePolicy(rules, THIRD_TOKEN) }));
  const decisions = [
    ...remembered(loaded, rounds),
    ...firstTime(module, "first time", loaded, rounds),
    ...firstTime(module, "first time, walked", walked, rounds),
  ];
  return { decisions, loads };
}
