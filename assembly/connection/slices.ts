/**
 * How long a callback works on something that may go on later, in nanoseconds, so that messages need not wait for all of it
 * (docs/adr/0008, 0016).
 */
export const SLICE_NANOSECONDS: u64 = 10_000_000;
/**
 * Between two slices at least. Callbacks that go on with one work may come one right after the other: those of many connections
 * in one turn of the worker, and the ticks of several plugins.
 */
const REST_NANOSECONDS: u64 = 5_000_000;

/** A work that many callbacks go on with, each of them as long as the slice has not been used up. */
@final
export class Slices {
  /** Nanoseconds that this slice has taken so far. */
  private spent: u64 = 0;
  /** When the work was left last. */
  private left: u64 = 0;

  /** Has a slice been used up just before `now`? A clock that was set back ends the rest, since the difference wraps. */
  rests(now: u64): bool {
    return this.spent >= SLICE_NANOSECONDS && now - this.left < REST_NANOSECONDS;
  }

  /** The work has gone on from `began` until `now`, both in nanoseconds. */
  note(began: u64, now: u64): void {
    if (began - this.left >= REST_NANOSECONDS) this.spent = 0;
    this.spent += now - began;
    this.left = now;
  }
}
