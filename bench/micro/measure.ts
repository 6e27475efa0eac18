import { median } from "../statistics.ts";

/** Microseconds of processor time of this process: other work on the machine does not count, waiting neither. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** One thing to measure. `pass` does its work once, `units` times whatever is counted. */
export interface Task {
  units: number;
  pass: () => void;
}

export interface Timing {
  /** Nanoseconds of each unit: the median of the rounds, the least and the most. */
  median: number;
  least: number;
  most: number;
}

/** Long against the clock's microsecond, short enough for many rounds. */
const ROUND_MICROSECONDS = 6000;

function round({ units, pass }: Task): number {
  const from = processorTime();
  let passes = 0;
  let took = 0;
  while (took < ROUND_MICROSECONDS) {
    pass();
    passes++;
    took = processorTime() - from;
  }
  return (took * 1000) / (passes * units);
}

/**
 * Measures all in turn, `rounds` times over, so that a slow moment of the machine meets every one of them. A first
 * round is not counted: V8 compiles what is hot anew.
 */
export function alternate(all: readonly Task[], rounds: number): Timing[] {
  const measured = all.map((each) => ({ each, times: [] as number[] }));
  for (const { each } of measured) round(each);
  for (let i = 0; i < rounds; i++) for (const { each, times } of measured) times.push(round(each));
  return measured.map(({ times }) => ({
    median: median(times),
    least: Math.min(...times),
    most: Math.max(...times),
  }));
}
