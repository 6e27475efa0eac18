/** Picks one of `every` operations of a plugin, over all its connections. */
@unmanaged
@final
export class Sampler {
  private left: i32 = 0;
  private every: i32 = 0;

  /** 0: none. */
  setEvery(every: i32): void {
    this.every = every;
    this.left = every;
  }

  get isOn(): bool {
    return this.every != 0;
  }

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

  destroy(): void {
    heap.free(changetype<usize>(this));
  }
}
