/** Repeatable random numbers (mulberry32). A test prints its seed, and the same seed produces the same bytes again. */
export class Random {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to `end` - 1. */
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * end);
  }

  /** True once in so many times. */
  isOneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let i = 0; i < length; i++) bytes[i] = this.below(256);
    return bytes;
  }

  /** Cuts a text into pieces of 1 to `most` characters. */
  cut(text: string, most: number): string[] {
    const pieces: string[] = [];
    for (let at = 0; at < text.length;) {
      const end = at + 1 + this.below(most);
      pieces.push(text.slice(at, end));
      at = end;
    }
    return pieces;
  }
}

/** A different seed for each run, unless `TEST_SEED` repeats one. */
export function freshSeed(): number {
  const given = process.env["TEST_SEED"];
  return given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given);
}
