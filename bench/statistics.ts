// Medians with their doubt, by order statistics, which assume nothing of how the rounds are distributed.

/** The middle value, or the mean of the two middle values of an even number. NaN for an empty list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** The smallest of the sorted values that at least `share` (0 to 1) of them do not exceed. NaN for an empty list. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** What some rounds say about the median of ever more of them. */
export interface Estimate {
  rounds: number;
  /** The median. */
  value: number;
  /** The median of the distances from the median: half of the rounds are no farther away. Null for a single round. */
  spread: number | null;
  /** The median of ever more rounds lies between these two with 95 % certainty. Null for fewer rounds than `LEAST_ROUNDS`. */
  low: number | null;
  high: number | null;
}

/** Of five values even the least and the greatest hold the true median in 94 % of cases only. */
export const LEAST_ROUNDS = 6;

const DOUBT = 0.05;

/**
 * How many of `count` sorted values to cut off at each end, so that what is left holds the true median with 95 % certainty. Each
 * value is above or below the median like the toss of a coin.
 */
export function cutOff(count: number): number {
  // The chance that no coin falls on this side, that exactly one does, and so on.
  let chance = 0.5 ** count;
  let below = 0;
  for (let cut = 0; ; cut++) {
    below += chance;
    if (2 * below > DOUBT || cut > count / 2) return cut === 0 ? 0 : cut - 1;
    chance = (chance * (count - cut)) / (cut + 1);
  }
}

export function estimate(values: readonly number[]): Estimate {
  const value = median(values);
  const sorted = [...values].sort((a, b) => a - b);
  const isCertain = values.length >= LEAST_ROUNDS;
  const cut = cutOff(values.length);
  return {
    rounds: values.length,
    value,
    spread: values.length < 2 ? null : median(values.map((one) => Math.abs(one - value))),
    low: isCertain ? (sorted[cut] ?? NaN) : null,
    high: isCertain ? (sorted[values.length - 1 - cut] ?? NaN) : null,
  };
}

/**
 * The median of what `combine` makes of two setups' values of the same round. Setups take turns within a round, so a slow spell of
 * the machine cancels out of a pair. It would not cancel out of a comparison of two medians.
 */
export function estimatePairs(
  one: readonly number[],
  other: readonly number[],
  combine: (one: number, other: number) => number,
): Estimate {
  if (one.length !== other.length) throw new Error(`${one.length} rounds cannot be compared with ${other.length}`);
  return estimate(one.map((value, round) => combine(value, other[round] ?? NaN)));
}
