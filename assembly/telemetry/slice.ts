import { hasPassed, nowNanoseconds } from "../proxy/clock";

/**
 * How long a tick, with the connections that end before the next one, has the host define stats, and gives back what nobody counts in
 * any more, in nanoseconds. Envoy compares each new name with the regular expression of each label (Istio's extraStatTags), which takes
 * 0.2 to 0.3 ms. Messages would wait 2 s for the stats of 500 new principals. Slices are short, since a message may wait for one
 * wherever it meets a worker: while 1,000 principals came, PINGs of others took 48 to 59 ms (p99) with slices of 10 ms, and take 8 to
 * 24. Unlike `Slices` of connection/, this time passes while nothing is done, too.
 */
const SLICE: u64 = 3_000_000;
/** Between two slices at least: each root context has a tick, and all of them may come in one turn of the worker. */
const REST: i64 = 5_000_000;

let isBounded: bool = true;
/** When this slice's first piece of work began; 0 before. */
let began: u64 = 0;
let isOver: bool = false;
/** When this slice was last asked for more time. */
let askedAt: u64 = 0;

/**
 * Begins a slice, or lets all be done however long it takes, where no callback may follow (not `bounded`). Only a tick begins
 * one: of a crowd many connections end in one turn of the worker, and each of them would have a slice. A tick that comes right after
 * another one, by the time `now` in nanoseconds, goes on with its slice.
 */
export function beginSlice(bounded: bool, now: i64 = 0): void {
  isBounded = bounded;
  if (bounded && began != 0 && !hasPassed(now, <i64>askedAt, REST)) return;
  began = 0;
  isOver = false;
}

/** Has this slice time for one more stat to be defined, or for one more principal's memory to be given back? It has for the first. */
export function hasTimeLeft(): bool {
  if (isOver) return false;
  if (!isBounded) return true;
  const now = nowNanoseconds();
  if (began == 0) began = now;
  askedAt = now;
  // Where the clock was set back the difference wraps, which ends the slice.
  isOver = now - began > SLICE;
  return !isOver;
}

/** Is something left for a later slice? */
export function isSliceOver(): bool {
  return isOver;
}
