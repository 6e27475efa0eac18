/**
 * How long a callback works on something that may go on later, in nanoseconds, so that messages need not wait for all of it
 * (docs/adr/0008, 0016).
 */
const SLICE_NANOSECONDS: u64 = 10_000_000;
/**
 * Between two slices at least. Callbacks that go on with one work may come one right after the other: those of many connections
 * in one turn of the worker, and the ticks of several plugins.
 */
const REST_NANOSECONDS: u64 = 5_000_000;

/**
 * A work that many callbacks go on with, each of them as long as the slice has not been used up. All times are in nanoseconds. Where
 * the clock is set back, a difference wraps: that ends a rest, and a slice, too, unless it was by less than the slice had taken.
 */
@final
export class Slices {
  /** What this slice has taken until `notedAt`. */
  private spent: u64 = 0;
  /** When the work was seen at last. */
  private notedAt: u64 = 0;

  /** Has a slice been used up just before `now`? */
  rests(now: u64): bool {
    return this.spent >= SLICE_NANOSECONDS && now - this.notedAt < REST_NANOSECONDS;
  }

  /** The work goes on from `now`: in the slice before, unless that was left long ago. */
  goOn(now: u64): void {
    if (now - this.notedAt >= REST_NANOSECONDS) this.spent = 0;
    this.notedAt = now;
  }

  /** The work has gone on until `now`, since `goOn` or this was last called. Answers whether the slice is used up. */
  note(now: u64): bool {
    this.spent += now - this.notedAt;
    this.notedAt = now;
    return this.spent >= SLICE_NANOSECONDS;
  }
}

/** The slices in which all connections of the VM come under a newer policy, with what the tick judges of their subscriptions. */
export const catchingUp: Slices = new Slices();
