/** Pseudo-random numbers, the same in every run. */
@final
export class Random {
  constructor(private state: u32) {}

  /** A number from 0 to `bound` - 1. */
  below(bound: i32): i32 {
    this.state = this.state * 1664525 + 1013904223;
    return <i32>((this.state >> 8) % <u32>bound);
  }
}
