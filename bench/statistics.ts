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

/** What a set of values says about the median of ever more of them. */
export interface Interval {
  /** How many values, or pairs of values, this is made of. */
  count: number;
  value: number;
  /**
   * The median of ever more values lies between these two with 95 % certainty. With fewer than six values they are the least and
   * the greatest.
   */
  low: number;
  high: number;
}

/** A median, with its spread and its interval. */
export interface Estimate extends Interval {
  /** The median of the distances from the median: half of the values are no farther away. */
  spread: number;
}

const DOUBT = 0.05;

/**
 * How many of `count` sorted values to cut off at each end, so that the interval left holds the true median with 95 % certainty.
 * Each value is above or below the median like the toss of a coin, whatever the distribution.
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
  const cut = cutOff(values.length);
  return {
    count: values.length,
    value,
    spread: median(values.map((one) => Math.abs(one - value))),
    low: sorted[cut] ?? NaN,
    high: sorted[values.length - 1 - cut] ?? NaN,
  };
}

/**
 * The median of what `combine` makes of two setups' values of the same round. Setups alternate within a round, so a slow spell of
 * the machine cancels out of a pair. It would not cancel out of a comparison of two medians.
 */
export function estimatePairs(
  one: readonly number[],
  other: readonly number[],
  combine: (one: number, other: number) => number,
): Estimate {
  const pairs = Math.min(one.length, other.length);
  return estimate(one.slice(0, pairs).map((value, round) => combine(value, other[round] ?? NaN)));
}
