import { isSample, type Sample } from "../stand/prometheus.ts";

/** Readings of Envoy's stats. */
export interface Looks {
  /** The first of the last few, from which on durations count: Envoy updates histograms only every five seconds. */
  earlier: readonly Sample[];
  before: readonly Sample[];
  now: readonly Sample[];
  /** From `before` to `now`. */
  seconds: number;
}

type Labels = Record<string, string>;

function sums(samples: readonly Sample[], name: string, by: readonly string[], labels: Labels): Map<string, number> {
  const found = new Map<string, number>();
  for (const sample of samples) {
    if (!isSample(sample, name, labels)) continue;
    const key = by.map((label) => sample.labels[label] ?? "").join(" ");
    found.set(key, (found.get(key) ?? 0) + sample.value);
  }
  return found;
}

/** The value of a gauge, or the events of a counter since Envoy started, by labels joined by a blank. */
export function levels({ now }: Looks, name: string, by: readonly string[] = []): Map<string, number> {
  return sums(now, name, by, {});
}

/** Events per second of a counter, by labels joined by a blank. A new series counts from 0, because Envoy was watched before. */
export function rates(looks: Looks, name: string, by: readonly string[], labels: Labels = {}): Map<string, number> {
  const before = sums(looks.before, name, by, labels);
  const now = sums(looks.now, name, by, labels);
  return new Map([...now].map(([key, value]) => [key, (value - (before.get(key) ?? 0)) / looks.seconds]));
}

/** The sum of a map's values. */
export function total(values: ReadonlyMap<string, number>): number {
  return [...values.values()].reduce((sum, value) => sum + value, 0);
}

/**
 * A quantile of what a histogram got since the reading `earlier`, like PromQL's histogram_quantile: linear within a bucket, and the
 * last finite bound beyond it. Undefined if it got nothing.
 */
export function quantile(
  { earlier, now }: Pick<Looks, "earlier" | "now">,
  histogram: string,
  wanted: number,
  labels: Labels = {},
): number | undefined {
  const before = sums(earlier, `${histogram}_bucket`, ["le"], labels);
  const buckets = [...sums(now, `${histogram}_bucket`, ["le"], labels)]
    .map(([le, count]): [bound: number, count: number] => [
      le === "+Inf" ? Infinity : Number(le),
      count - (before.get(le) ?? 0),
    ])
    .sort(([a], [b]) => a - b);
  const all = buckets.at(-1)?.[1] ?? 0;
  if (all === 0) return undefined;
  const rank = wanted * all;
  const place = buckets.findIndex(([, count]) => count >= rank);
  const [lower, below] = place === 0 ? [0, 0] : buckets[place - 1]!;
  const [upper, count] = buckets[place]!;
  if (upper === Infinity) return lower;
  return lower + ((upper - lower) * (rank - below)) / (count - below);
}
