import { hasPassed } from "../proxy/clock";

/** A token bucket: it lets `burst` through at once and `perSecond` in the long run, and counts what it holds back. */
@unmanaged
@final
export class RateLimit {
  private perSecond: i32 = 1;
  private burst: i32 = 0;
  private tokens: f64 = 0;
  /** What was let through beyond the whole of a smaller `burst`. It is made up for by time in which the bucket is full. */
  private debt: f64 = 0;
  private filledAt: i64 = 0;
  /** Held back since `take` was called last. */
  private suppressed: i64 = 0;
  /** Held back since `takeUncounted` was called last. */
  private uncounted: i64 = 0;

  /**
   * Changes the rate. The tokens grow or shrink by what `burst` does, and what has been let through stays so: otherwise each
   * new policy would let a whole burst through, or the second of two that take turns.
   */
  setRate(perSecond: i32, burst: i32): void {
    const tokens = this.tokens - this.debt + (burst - this.burst);
    this.tokens = Math.max(0, tokens);
    this.debt = Math.max(0, -tokens);
    this.perSecond = perSecond;
    this.burst = burst;
  }

  /** May one more pass at this time, in milliseconds? */
  admits(now: i64): bool {
    if (this.filledAt != 0 && now > this.filledAt) {
      this.tokens += (<f64>(now - this.filledAt) * this.perSecond) / 1000;
      const beyond = this.tokens - this.burst;
      if (beyond > 0) {
        this.tokens = this.burst;
        this.debt = Math.max(0, this.debt - beyond);
      }
    }
    this.filledAt = now;
    if (this.tokens < 1) {
      this.suppressed++;
      this.uncounted++;
      return false;
    }
    this.tokens -= 1;
    return true;
  }

  /** Has nobody asked for a second before `now`, in milliseconds, so that no record may come to tell what was held back? */
  isQuiet(now: i64): bool {
    return hasPassed(now, this.filledAt, 1000);
  }

  /** What was held back and has not been counted in a stat yet. It counts as counted now. */
  takeUncounted(): i64 {
    const uncounted = this.uncounted;
    this.uncounted = 0;
    return uncounted;
  }

  /** What was held back and no record has told yet. It counts as told now. */
  take(): i64 {
    const suppressed = this.suppressed;
    this.suppressed = 0;
    return suppressed;
  }
}
