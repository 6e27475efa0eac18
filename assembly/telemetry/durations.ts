import { recordMetric } from "../proxy/metrics";
import { Duration, Meter } from "./meter";

/**
 * Durations wait here for the tick, or the end of a connection, which gives them to the host's histograms one by one: a
 * histogram cannot be told of many at once. One ring for the whole VM.
 */
const PLACES: i32 = 4096;
/** Meter u32, class u16, what u16, milliseconds u32. */
const STRIDE: usize = 12;

const ring: usize = heap.alloc(<usize>PLACES * STRIDE);
let first: i32 = 0;
let count: i32 = 0;

// @ts-ignore: decorator
@inline
function place(index: i32): usize {
  return ring + <usize>((first + index) & (PLACES - 1)) * STRIDE;
}

/** In a full ring the oldest makes room: it is told at once, so that none is lost and no callback tells thousands. */
export function recordDuration(meter: Meter, what: Duration, subjectClass: i32, nanoseconds: i64): void {
  if (count == PLACES) tellOldest();
  const at = place(count);
  store<usize>(at, changetype<usize>(meter));
  store<u16>(at, <u16>subjectClass, 4);
  store<u16>(at, <u16>what, 6);
  // To the nearest: most answers inside a mesh take less than a millisecond, and 0.9 of one is not none.
  store<u32>(at, <u32>((max<i64>(nanoseconds, 0) + 500_000) / 1_000_000), 8);
  count++;
}

/** Gives the host all that wait. To be called before any meter is destroyed. */
export function tellDurations(): void {
  while (count > 0) tellOldest();
}

function tellOldest(): void {
  const at = place(0);
  const meter = changetype<Meter>(load<usize>(at));
  recordMetric(meter.durationMetric(load<u16>(at, 6), load<u16>(at, 4)), load<u32>(at, 8));
  first = (first + 1) & (PLACES - 1);
  count--;
}
