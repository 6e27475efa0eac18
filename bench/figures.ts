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

/** A setup's values, round by round; none where it was not measured. */
export function valuesOf(measured: Measured, setup: SetupName, figure: Figure): number[] {
  return (measured.setups[setup] ?? []).map(figure);
}

/**
 * Work with those rounds alone that all of these setups had, as far as they had any turn. Further rounds go to few setups, and
 * a sum does not add up where its parts come from other rounds than the whole.
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

/** The median over the rounds; undefined where the setup was not measured. */
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

/** How many times the second of two lists of added costs is in the first; undefined where either was not measured. */
export function ratioOfAdded(ours: readonly number[], theirs: readonly number[]): Interval | undefined {
  return ours.length > 0 && theirs.length > 0 ? ratioOfMedians(ours, theirs) : undefined;
}

/** What a setup with mTLS adds to Envoy alone, round by round; none where either was not measured. */
export function addedValues(measured: Measured, setup: SetupName, figure: Figure): number[] {
  const alone = valuesOf(measured, "envoy", figure);
  const values = valuesOf(measured, setup, figure).slice(0, alone.length);
  return values.map((value, round) => value - (alone[round] ?? NaN));
}

/** What the reads of an operation take, where each callback reads all that it brings, in nanoseconds, by these costs. */
export function readsByUnitCosts({ callbacks }: Measured, costs: ReadCosts | undefined): number | undefined {
  if (!callbacks || !costs) return undefined;
  return [callbacks.toServer, callbacks.toClient]
    .map(({ perOperation, bytes }) => perOperation * (costs.each + bytes * costs.byte))
    .reduce((a, b) => a + b);
}

/**
 * By which share of itself the CPU time of Envoy alone differed from round to round: of each work the median distance from its
 * median, of these the median. The same bytes through the same binary: what differs is the machine, also where it tells of
 * nobody else on it. NaN where Envoy alone was not measured.
 */
export function unsteadiness(workloads: readonly Measured[]): number {
  const shares = workloads.flatMap((measured) => {
    const { value, spread } = estimate(valuesOf(measured, "envoy", envoyCpu));
    return value > 0 ? [spread / value] : [];
  });
  return median(shares);
}

/** Beyond this share a run tells little of what is a few nanoseconds. */
const UNSTEADY = 0.05;

export function isUnsteady(workloads: readonly Measured[]): boolean {
  return unsteadiness(workloads) > UNSTEADY;
}
