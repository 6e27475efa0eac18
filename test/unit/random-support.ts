/** Numbers that look random, the same at every run. */
@final
export class Random {
  constructor(private state: u32) {}

  /** From 0 to below `bound`. */
  below(bound: i32): i32 {
    this.state = this.state * 1664525 + 1013904223;
    return <i32>((this.state >> 8) % <u32>bound);
  }
}
