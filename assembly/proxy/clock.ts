import { TIME_ANSWER } from "../bytes/hot-page";
import { proxy_get_current_time_nanoseconds, proxy_set_tick_period_milliseconds } from "./host";

/**
 * Nanoseconds since 1970 by the clock of the wall, which may be set back. It is a host call (102 ns), so ask once for each
 * callback.
 */
export function nowNanoseconds(): u64 {
  store<u64>(TIME_ANSWER, 0);
  proxy_get_current_time_nanoseconds(TIME_ANSWER);
  return load<u64>(TIME_ANSWER);
}

/**
 * Do `now` and `since` lie at least `period` apart, all three in one unit? The host's clock is that of the wall: where it is
 * set back by more than the period, what waits for its end must not wait until the clock is there again.
 */
export function hasPassed(now: i64, since: i64, period: i64): bool {
  return abs(now - since) >= period;
}

/** Lets the host call `proxy_on_tick` of the present root context so often. Of no effect for a connection. */
export function tickEvery(milliseconds: u32): void {
  proxy_set_tick_period_milliseconds(milliseconds);
}
