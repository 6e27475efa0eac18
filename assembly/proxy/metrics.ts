import { proxy_define_metric, proxy_increment_metric, proxy_record_metric, STATUS_OK } from "./host";

const idAddress: usize = memory.data(8);

/** In place of the number of a stat that the host would not define, or that is not defined yet. */
export const NO_METRIC: u32 = u32.MAX_VALUE;

/** The host's numbers of the kinds of stats. */
export const enum MetricKind {
  COUNTER = 0,
  GAUGE = 1,
  HISTOGRAM = 2,
}

/**
 * Defines a stat, or finds the one of that name, and answers the host's number of it, or NO_METRIC. A stat lives as long as the
 * proxy, so names hold no request data.
 */
export function defineMetric(kind: MetricKind, name: string): u32 {
  const bytes = String.UTF8.encode(name);
  store<u32>(idAddress, 0);
  const status = proxy_define_metric(kind, changetype<usize>(bytes), <usize>bytes.byteLength, idAddress);
  return status == STATUS_OK ? load<u32>(idAddress) : NO_METRIC;
}

/**
 * Adds to a counter, or to a gauge, which `by` may also lower (Envoy 1.40, Wasm `Context::incrementMetric`). Workers that
 * share a gauge must all do it so: what one of them set would overwrite the others.
 */
export function incrementMetric(id: u32, by: i64): void {
  if (id != NO_METRIC) proxy_increment_metric(id, by);
}

/** Sets a gauge, or adds one value to a histogram. */
export function recordMetric(id: u32, value: u64): void {
  if (id != NO_METRIC) proxy_record_metric(id, value);
}
