/** The middle value; of an even number of values the mean of the two in the middle. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** The smallest of the sorted values that at least `share` (0 to 1) of them do not exceed. NaN of none. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** What values tell, and where ever more of them would lead. */
export interface Interval {
  /** How many values, or pairs of them, it is made of. */
  count: number;
  value: number;
  /** Between these lies the median of ever more values, with 95 % certainty; of fewer than six values the least and the most. */
  low: number;
  high: number;
}

/** A median with what is to be known of it. */
export interface Estimate extends Interval {
  /** The median of the distances from it: half of the values are no farther away. */
  spread: number;
}

const DOUBT = 0.05;

/**
 * How many of `count` sorted values are cut off at each end for an interval that has the true median in it with 95 %
 * certainty: each value is above it or below it as a coin falls, whatever their distribution is.
 */
export function cutOff(count: number): number {
  // The chance that no coin falls so, that exactly one does, …
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
 * The median of what `combine` makes of two setups' values of the same round. Rounds alternate between setups, so what
 * slows the machine down for a while falls out of a pair, and would not out of a comparison of two medians.
 */
export function estimatePairs(
  one: readonly number[],
  other: readonly number[],
  combine: (one: number, other: number) => number,
): Estimate {
  const pairs = Math.min(one.length, other.length);
  return estimate(one.slice(0, pairs).map((value, round) => combine(value, other[round] ?? NaN)));
}
