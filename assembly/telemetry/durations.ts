import { nextChance } from "../bytes/chance";
import { NO_METRIC, recordMetric } from "../proxy/metrics";
import { Meter } from "./meter";
import { Duration } from "./series";
import { isSliceOver } from "./slice";

/**
 * So many durations may wait for the tick, or for the end of a connection, which gives them to the host's histograms. The host
 * takes them one by one, and each call costs as much as several messages. Of 16,384 in a second all are told, of more a fair
 * sample of each half second. One store serves the whole VM.
 */
const PLACES: i32 = 8192;
/** Bytes of a place: the meter u32, the class u16, the `Duration` u16, and milliseconds u32. */
const STRIDE: usize = 12;
const CLASS: usize = 4;
const WHAT: usize = 6;
const MILLISECONDS: usize = 8;

const places: usize = heap.alloc(<usize>PLACES * STRIDE);
let count: i32 = 0;
/** Durations recorded since they were told last, which are more than `count` once all places are taken. */
let offered: u32 = 0;
/** State of `nextChance`. */
let chance: u32 = 1;

// @ts-ignore: decorator
@inline
function place(index: i32): usize {
  return places + <usize>index * STRIDE;
}

/**
 * Keeps a duration for `tellDurations`. Once all places are taken, either this one or one that waits is counted as left out. A
 * negative one, where the host's clock was set back, counts as 0. `meter` must live until `tellDurations`.
 */
export function recordDuration(meter: Meter, what: Duration, subjectClass: i32, nanoseconds: i64): void {
  offered++;
  const at = count < PLACES ? place(count++) : drawnPlace();
  if (at == 0) {
    meter.durationLeftOut(what, subjectClass);
    return;
  }
  store<usize>(at, changetype<usize>(meter));
  store<u16>(at, <u16>subjectClass, CLASS);
  store<u16>(at, <u16>what, WHAT);
  // Rounded to the nearest: most answers inside a mesh take less than a millisecond, and 0.9 ms are not 0.
  store<u32>(at, <u32>((max<i64>(nanoseconds, 0) + 500_000) / 1_000_000), MILLISECONDS);
}

/**
 * The place that one more duration gets, or 0 if it gets none. What lay there is counted as left out. Each of all that were
 * offered has the same chance to stay (Vitter, Algorithm R).
 */
function drawnPlace(): usize {
  chance = nextChance(chance);
  const drawn = (<u64>chance * <u64>offered) >> 32;
  if (drawn >= <u64>PLACES) return 0;
  const at = place(<i32>drawn);
  changetype<Meter>(load<usize>(at)).durationLeftOut(load<u16>(at, WHAT), load<u16>(at, CLASS));
  return at;
}

/**
 * Gives the host all durations that wait, but for those whose histogram it has no time to define: these wait on. Before any meter
 * is destroyed there must be time for all (`beginSlice`).
 */
export function tellDurations(): void {
  let left = 0;
  for (let i = 0; i < count; i++) {
    const at = place(i);
    const meter = changetype<Meter>(load<usize>(at));
    const metric = meter.durationMetric(load<u16>(at, WHAT), load<u16>(at, CLASS));
    if (metric == NO_METRIC && isSliceOver()) memory.copy(place(left++), at, STRIDE);
    else recordMetric(metric, load<u32>(at, MILLISECONDS));
  }
  count = left;
  offered = left;
}
