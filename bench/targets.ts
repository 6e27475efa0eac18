import type { Traffic, WorkResult } from "./results.ts";
import type { Estimate } from "./statistics.ts";

/** What the filter may cost with the whole policy, compared with Envoy without a filter. A missed target is told, and fails nothing. */
interface Budget {
  /** Nanoseconds of CPU time of Envoy and nats-server for each operation. */
  added?: number;
  /** The least share of the rate. */
  rate: number;
}

const RATE = 0.95;

const BUDGETS: Record<string, Budget> = {
  "publish-16": { added: 10, rate: RATE },
  "publish-128": { added: 30, rate: RATE },
  "publish-1k": { added: 110, rate: RATE },
  "publish-16k": { added: 1500, rate: RATE },
  // No line is the same as the one before, so that each is looked at by itself.
  "publish-mixed": { rate: 0.9 },
};

export type Answer = "met" | "met, within the noise" | "missed, within the noise" | "missed";

export interface Verdict {
  work: string;
  what: "CPU" | "rate";
  limit: number;
  estimate: Estimate;
  answer: Answer;
}

/** Certain only if the whole interval is on one side of the limit. Few rounds have no interval, and say nothing for certain. */
function answerOf({ value, low, high }: Estimate, isWithin: (value: number) => boolean): Answer {
  const isMet = isWithin(value);
  const isCertain = low !== null && high !== null && isWithin(low) === isMet && isWithin(high) === isMet;
  if (isMet) return isCertain ? "met" : "met, within the noise";
  return isCertain ? "missed" : "missed, within the noise";
}

function verdictsOn({ name, title, setups }: WorkResult): Verdict[] {
  const { added, rate } = BUDGETS[name] ?? { rate: RATE };
  const { bothAdded, rateRatio } = setups.filter ?? {};
  const verdict = (
    what: Verdict["what"],
    limit: number,
    estimate: Estimate,
    isWithin: (value: number) => boolean,
  ): Verdict => ({ work: title, what, limit, estimate, answer: answerOf(estimate, isWithin) });
  return [
    ...(added !== undefined && bothAdded ? [verdict("CPU", added, bothAdded, (value) => value <= added)] : []),
    ...(rateRatio ? [verdict("rate", rate, rateRatio, (value) => value >= rate)] : []),
  ];
}

/** The verdict on each target of what was measured. */
export function verdicts({ works }: Pick<Traffic, "works">): Verdict[] {
  return works.flatMap(verdictsOn);
}
