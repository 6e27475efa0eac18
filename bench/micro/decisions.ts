import { Driver } from "./driver.ts";
import { passOver, stepsOf } from "./frames.ts";
import { alternate, type Timing } from "./measure.ts";
import { decisionStream } from "./frame-cases.ts";

const RULES = [10, 1000, 10_000, 100_000];
/** One is asked for again at once, a thousand fit the processor's nearer caches, twenty thousand do not. */
const SUBJECTS = [1, 1000, 20_000];
const CHUNK = 65_536;

export interface DecisionRow extends Timing {
  rules: number;
  subjects: number;
  /** `median` against that of the fewest rules with as many subjects. */
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

/** Publishes of 16 bytes under policies of ever more rules, all of which match the peer. */
export function measureDecisions(
  module: WebAssembly.Module,
  rounds: number,
): { decisions: DecisionRow[]; loads: LoadRow[] } {
  const loads: LoadRow[] = [];
  const prepared = RULES.flatMap((rules) => {
    const policy = largePolicy(rules);
    const driver = new Driver(module, policy);
    loads.push({ rules, bytes: policy.length, milliseconds: driver.configured, pages: driver.pages });
    return SUBJECTS.map((subjects) => {
      const stream = decisionStream(rules, subjects);
      const pass = passOver(driver, stream, stepsOf(stream, CHUNK));
      return { rules, subjects, measured: { units: stream.ends.length, pass } };
    });
  });
  const timings = alternate(
    prepared.map(({ measured }) => measured),
    rounds,
  );
  const fewest = timings.slice(0, SUBJECTS.length);
  const decisions = timings.map((timing, i) => {
    const { rules = NaN, subjects = NaN } = prepared[i] ?? {};
    return { rules, subjects, ...timing, ratio: timing.median / (fewest[i % SUBJECTS.length]?.median ?? NaN) };
  });
  return { decisions, loads };
}
