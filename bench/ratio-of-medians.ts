import { cutOff, median, type Interval } from "./statistics.ts";

/** A difference below this share of its two terms is zero with a rounding error. */
const ROUNDING = 1e-9;

/**
 * Whether the rounds leave it possible that `one` is `factor` times `other`, that is, whether enough of them lie on either side of
 * that.
 */
function isOpen(one: readonly number[], other: readonly number[], factor: number): boolean {
  const differences = one.map((value, round) => {
    const divisor = other[round] ?? NaN;
    // If the factor is infinite, only the sign of `other` decides.
    if (factor === Infinity) return -divisor;
    const difference = value - factor * divisor;
    return Math.abs(difference) <= ROUNDING * (Math.abs(value) + Math.abs(factor * divisor)) ? 0 : difference;
  });
  const cut = cutOff(differences.length);
  return (
    differences.filter((difference) => difference <= 0).length > cut &&
    differences.filter((difference) => difference >= 0).length > cut
  );
}

/**
 * How many times `other` goes into `one`, where both are small differences that a round may find near zero or below. The ratio of
 * one such round says nothing, and the median of such ratios jumps. So this is the ratio of the two medians. Its interval is
 * Fieller's, with order statistics in place of Student's t: it holds every factor k ≥ 0 that the rounds do not rule out. They rule
 * out k if the interval for the median of one − k·other, round by round, lies wholly above or wholly below 0. That can change only
 * at a k where some round's difference is 0, so the ends of the interval are among these values, 0 and infinity, and no search is
 * needed. The upper end is infinity if the rounds cannot tell `other` from zero.
 */
export function ratioOfMedians(one: readonly number[], other: readonly number[]): Interval {
  const pairs = Math.min(one.length, other.length);
  const [ours, theirs] = [one.slice(0, pairs), other.slice(0, pairs)];
  const value = median(theirs) > 0 ? median(ours) / median(theirs) : Infinity;
  const turning = ours.map((each, round) => each / (theirs[round] ?? NaN)).filter((factor) => factor >= 0);
  const open = [0, ...turning, Infinity].filter((factor) => isOpen(ours, theirs, factor));
  // The median of a difference is not quite the difference of the medians, so the ratio may lie a little outside the interval.
  return { count: pairs, value, low: Math.min(value, ...open), high: Math.max(value, ...open) };
}
