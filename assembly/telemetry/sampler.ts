/** Picks one of each `every` operations of a plugin, counted over all its connections. */
@unmanaged
@final
export class Sampler {
  private left: i32 = 0;
  private every: i32 = 0;

  /** Picks one of so many from now on; none for 0. */
  setEvery(every: i32): void {
    this.every = every;
    this.left = every;
  }

  /** Is any operation ever picked? */
  get isOn(): bool {
    return this.every != 0;
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

  /** Gives back the object itself. */
  destroy(): void {
    heap.free(changetype<usize>(this));
  }
}
