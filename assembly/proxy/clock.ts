import { proxy_get_current_time_nanoseconds, proxy_set_tick_period_milliseconds } from "./host";

const nowAddress: usize = memory.data(8);

/** Milliseconds since 1970. A host call (102 ns), so ask once per callback. */
export function nowMilliseconds(): i64 {
  return <i64>(nowNanoseconds() / 1_000_000);
}

export function nowNanoseconds(): u64 {
  store<u64>(nowAddress, 0);
  proxy_get_current_time_nanoseconds(nowAddress);
  return load<u64>(nowAddress);
}

/** May only be called from a root context. */
export function tickEvery(milliseconds: u32): void {
  proxy_set_tick_period_milliseconds(milliseconds);
}
