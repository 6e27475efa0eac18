import { nowMilliseconds } from "../proxy/clock";

let now: i64 = 0;

/** Asking the host for the time costs more than a message, so a callback asks at most once, and only if it must. */
export function beginCallback(): void {
  now = 0;
}

/** Milliseconds since 1970 in this callback. */
export function callbackTime(): i64 {
  if (now == 0) now = nowMilliseconds();
  return now;
}
