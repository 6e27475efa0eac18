import { median } from "../statistics.ts";
import { microsecondsOf, processorTime } from "./processor-time.ts";

/** One thing to measure. `pass` does its work once, which is `units` units of whatever is counted. */
export interface Task {
  units: number;
  pass: () => void;
}

export interface Timing {
  /** Nanoseconds for each unit: the median, the least and the greatest of the rounds. */
  median: number;
  least: number;
  most: number;
}

/** A timing with what each round took, in the order of the rounds. */
export interface Rounds extends Timing {
  times: readonly number[];
}

/** Long compared with the clock's microsecond, and short enough for many rounds. */
const ROUND_MICROSECONDS = 6000;

function round({ units, pass }: Task): number {
  const from = processorTime();
  let passes = 0;
  let took = 0;
  // A look at the clock takes 0.6 µs, which would be 2 % of a pass of small frames, so half of the time left passes without one.
  for (let next = 1; took < ROUND_MICROSECONDS;) {
    for (let i = 0; i < next; i++) pass();
    passes += next;
    took = processorTime() - from;
    next = Math.ceil((passes * (ROUND_MICROSECONDS - took)) / Math.max(took, 1) / 2);
  }
  return (took * 1000) / (passes * units);
}

/**
 * Measures all tasks in turn, `rounds` times over, so that a slow spell of the machine affects every one of them. Every second round
 * goes backwards, so that of two neighbours each comes behind the other equally often. A first round is not counted, because V8 is
 * still compiling hot code.
 */
export function alternate(all: readonly Task[], rounds: number): Rounds[] {
  const measured = all.map((each) => ({ each, times: [] as number[] }));
  for (const { each } of measured) round(each);
  const backwards = measured.toReversed();
  for (let i = 0; i < rounds; i++) {
    for (const { each, times } of i % 2 === 0 ? measured : backwards) times.push(round(each));
  }
  return measured.map(({ times }) => ({ ...timingOf(times), times }));
}

/** Work that can be done only once. Each round gets a new one from `prepare`, which is not measured. */
export interface OnceTask {
  units: number;
  prepare: () => () => void;
}

/** Rounds of such work that are not counted. One is too short for V8 to have compiled all of the hot code. */
const WARMING_ROUNDS = 4;

/** Like `alternate`, for work that can be done only once. The work itself must be long compared with the clock's microsecond. */
export function alternateOnce(all: readonly OnceTask[], rounds: number): Timing[] {
  const once = ({ units, prepare }: OnceTask): number => (microsecondsOf(prepare()) * 1000) / units;
  const measured = all.map((each) => ({ each, times: [] as number[] }));
  for (let i = 0; i < WARMING_ROUNDS; i++) for (const { each } of measured) once(each);
  for (let i = 0; i < rounds; i++) for (const { each, times } of measured) times.push(once(each));
  return measured.map(({ times }) => timingOf(times));
}

function timingOf(times: readonly number[]): Timing {
  return { median: median(times), least: Math.min(...times), most: Math.max(...times) };
}
