import type { ReadCosts } from "./host-calls.ts";
import type { Measured, Round } from "./measure.ts";
import { ratioOfMedians } from "./ratio-of-medians.ts";
import type { SetupName } from "./setups.ts";
import { estimate, estimatePairs, median, type Estimate, type Interval } from "./statistics.ts";

/** A figure of one round. */
export type Figure = (round: Round) => number;

export const rate: Figure = (round) => round.rate;
export const envoyCpu: Figure = (round) => round.envoyCpu;
export const natsCpu: Figure = (round) => round.natsCpu;
export const loadCpu: Figure = (round) => round.loadCpu;
/** What the broker's pod pays. */
export const podCpu: Figure = (round) => round.envoyCpu + round.natsCpu;
export const p50: Figure = (round) => round.latency?.p50 ?? NaN;
export const p99: Figure = (round) => round.latency?.p99 ?? NaN;
export const p999: Figure = (round) => round.latency?.p999 ?? NaN;

/** A setup's values, round by round. Empty if the setup was not measured. */
export function valuesOf(measured: Measured, setup: SetupName, figure: Figure): number[] {
  return (measured.setups[setup] ?? []).map(figure);
}

/**
 * The work, cut to the rounds that all of these setups had (setups without any turn are left out). Further rounds go only to a few
 * setups, and a sum does not add up if its parts come from other rounds than the whole.
 */
export function inCommon(measured: Measured, setups: readonly SetupName[]): Measured {
  const present = setups.filter((name) => measured.setups[name]);
  const rounds = roundsOf(measured, present);
  const common = present.map((name) => [name, (measured.setups[name] ?? []).slice(0, rounds)]);
  return { ...measured, setups: { ...measured.setups, ...(Object.fromEntries(common) as Measured["setups"]) } };
}

/** How many rounds all of these setups had. */
export function roundsOf({ setups }: Measured, names: readonly SetupName[]): number {
  return Math.min(...names.map((name) => setups[name]?.length ?? 0));
}

/** The median over the rounds, or undefined if the setup was not measured. */
export function medianOf(measured: Measured, setup: SetupName, figure: Figure): number | undefined {
  const values = valuesOf(measured, setup, figure);
  return values.length === 0 ? undefined : median(values);
}

function compare(
  measured: Measured,
  [setup, other]: readonly [SetupName, SetupName],
  figure: Figure,
  combine: (one: number, other: number) => number,
): Estimate | undefined {
  const ours = valuesOf(measured, setup, figure);
  const theirs = valuesOf(measured, other, figure);
  return ours.length === 0 || theirs.length === 0 ? undefined : estimatePairs(ours, theirs, combine);
}

/** By how much the first setup's figure exceeds the second's, round by round. */
export function excess(
  measured: Measured,
  setups: readonly [SetupName, SetupName],
  figure: Figure,
): Estimate | undefined {
  return compare(measured, setups, figure, (one, other) => one - other);
}

/** The first setup's figure divided by the second's, round by round. */
export function ratio(
  measured: Measured,
  setups: readonly [SetupName, SetupName],
  figure: Figure,
): Estimate | undefined {
  return compare(measured, setups, figure, (one, other) => one / other);
}

/** How many times the second list of added costs goes into the first. Undefined if either was not measured. */
export function ratioOfAdded(ours: readonly number[], theirs: readonly number[]): Interval | undefined {
  return ours.length > 0 && theirs.length > 0 ? ratioOfMedians(ours, theirs) : undefined;
}

/** What a setup with mTLS adds to Envoy alone, round by round. Empty if either was not measured. */
export function addedValues(measured: Measured, setup: SetupName, figure: Figure): number[] {
  const alone = valuesOf(measured, "envoy", figure);
  const values = valuesOf(measured, setup, figure).slice(0, alone.length);
  return values.map((value, round) => value - (alone[round] ?? NaN));
}

/** What the reads of an operation take by these costs, in nanoseconds, if each callback reads everything it brings. */
export function readsByUnitCosts({ callbacks }: Measured, costs: ReadCosts | undefined): number | undefined {
  if (!callbacks || !costs) return undefined;
  return [callbacks.toServer, callbacks.toClient]
    .map(({ perOperation, bytes }) => perOperation * (costs.each + bytes * costs.byte))
    .reduce((a, b) => a + b);
}

/**
 * How much the CPU time of Envoy alone varied from round to round, as a share of itself: the median distance from the median for
 * each workload, and of these the median. The same bytes go through the same binary, so what varies is the machine, even if it
 * reports nobody else on it. NaN if Envoy alone had no two rounds that could differ.
 */
export function unsteadiness(workloads: readonly Measured[]): number {
  const shares = workloads.flatMap((measured) => {
    const { count, value, spread } = estimate(valuesOf(measured, "envoy", envoyCpu));
    return count > 1 && value > 0 ? [spread / value] : [];
  });
  return median(shares);
}

/** Beyond this share, a run says little about a difference of a few nanoseconds. */
const UNSTEADY = 0.05;

export function isUnsteady(workloads: readonly Measured[]): boolean {
  return unsteadiness(workloads) > UNSTEADY;
}
