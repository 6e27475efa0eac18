import { renewSteps } from "../policy/search-steps";
import { nowNanoseconds } from "../proxy/clock";

/** The time of this callback in nanoseconds; 0 until somebody asks for it. */
let now: i64 = 0;

/** The number of the present callback, which tells it from others. It may wrap. */
export let callbackNumber: u32 = 0;

/**
 * To be called first in each callback. Asking the host for the time costs more than a message, so a callback asks at most once,
 * and only if it must. Searches that clients ask for are bounded for each callback too (policy/search-steps.ts).
 */
export function beginCallback(): void {
  now = 0;
  callbackNumber++;
  renewSteps();
}

/** Milliseconds since 1970, the same throughout a callback. The clock is that of the wall, which may be set back. */
export function callbackTime(): i64 {
  return callbackNanoseconds() / 1_000_000;
}

/** The same in nanoseconds. */
// @ts-ignore: decorator
@inline
export function callbackNanoseconds(): i64 {
  return now != 0 ? now : askNow();
}

function askNow(): i64 {
  now = <i64>nowNanoseconds();
  return now;
}
