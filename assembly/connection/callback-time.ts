import { renewSteps } from "../policy/matcher";
import { nowNanoseconds } from "../proxy/clock";

/** How long a callback works on what may wait for the next tick, so that messages need not wait for all of it (docs/adr/0008, 0016). */
export const SLICE_NANOSECONDS: u64 = 10_000_000;

let now: i64 = 0;

/** Tells one callback from another. */
export let callbackNumber: u32 = 0;

/**
 * Asking the host for the time costs more than a message, so a callback asks at most once, and only if it must. Searches that
 * clients ask for are bounded by the callback too (matcher.ts).
 */
export function beginCallback(): void {
  now = 0;
  callbackNumber++;
  renewSteps();
}

/** Milliseconds since 1970 in this callback. */
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
