/** Picks one of each `every` operations of a plugin, counted over all its connections. */
@unmanaged
@final
export class Sampler {
  private left: i32 = 0;
  private every: i32 = 0;

  /** Picks one of so many from now on; none for 0. Where that is no change, it counts on. */
  setEvery(every: i32): void {
    if (every == this.every) return;
    this.every = every;
    this.left = every;
  }

  /** Is any operation ever picked? */
  get isOn(): bool {
    return this.every != 0;
  }

  /** How many operations are not picked before the next one is. Only while it is on. */
  // @ts-ignore: decorator
  @inline
  get unpicked(): i32 {
    return this.left - 1;
  }

  /** So many operations have passed that are not picked: at most `unpicked`. */
  // @ts-ignore: decorator
  @inline
  skip(count: i32): void {
    this.left -= count;
  }

  /** Is the operation in hand picked? Asking counts it. */
  // @ts-ignore: decorator
  @inline
  picks(): bool {
    return this.every != 0 && this.isTurn();
  }

  private isTurn(): bool {
    if (--this.left > 0) return false;
    this.left = this.every;
    return true;
  }
}
