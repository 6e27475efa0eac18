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

/** A median, and the median of the distances from it: half of the values are no farther away. */
export interface Estimate {
  value: number;
  spread: number;
}

export function estimate(values: readonly number[]): Estimate {
  const value = median(values);
  return { value, spread: median(values.map((one) => Math.abs(one - value))) };
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
