import { cutOff, median, type Interval } from "./statistics.ts";

/** Beneath this share of its two terms a difference is what rounding left of none. */
const ROUNDING = 1e-9;

/** Whether the rounds leave it open that `one` is `factor` times `other`: enough of them lie on either side of that. */
function isOpen(one: readonly number[], other: readonly number[], factor: number): boolean {
  const differences = one.map((value, round) => {
    const divisor = other[round] ?? NaN;
    // Where the factor is boundless, whatever is a multiple of it decides.
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
 * How many times `other` is in `one`, where both are small differences that a round may well find near nothing or below it: a
 * ratio of one such round says nothing, and a median of them leaps. So the ratio is that of the two medians, and its interval
 * is Fieller's, with order statistics in place of Student's t: it holds every factor k from 0 on that the rounds do not rule
 * out, and they rule out k where the interval for the median of one − k·other, round by round, lies wholly above or below 0.
 * Whether it does changes only at a k where some round's difference is 0, so its ends are among those, 0 and infinity, and
 * are found without search. Infinity is its upper end where the rounds cannot tell `other` from nothing.
 */
export function ratioOfMedians(one: readonly number[], other: readonly number[]): Interval {
  const pairs = Math.min(one.length, other.length);
  const [ours, theirs] = [one.slice(0, pairs), other.slice(0, pairs)];
  const value = median(theirs) > 0 ? median(ours) / median(theirs) : Infinity;
  const turning = ours.map((each, round) => each / (theirs[round] ?? NaN)).filter((factor) => factor >= 0);
  const open = [0, ...turning, Infinity].filter((factor) => isOpen(ours, theirs, factor));
  // The median of a difference is not quite the difference of the medians: the ratio may lie a little outside.
  return { count: pairs, value, low: Math.min(value, ...open), high: Math.max(value, ...open) };
}
