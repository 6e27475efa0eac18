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
  return measured.map(({ times }) => timingOf(times));
}

/** Work that can be done only once: each round has its own, which `prepare` makes ready without being measured. */
export interface OnceTask {
  units: number;
  prepare: () => () => void;
}

/** Rounds of such work that are not counted: one is too short for V8 to have compiled all of it anew. */
const WARMING_ROUNDS = 4;

/** The same for work that is over when it is done; it must be long against the clock's microsecond by itself. */
export function alternateOnce(all: readonly OnceTask[], rounds: number): Timing[] {
  const once = ({ units, prepare }: OnceTask): number => {
    const pass = prepare();
    const from = processorTime();
    pass();
    return ((processorTime() - from) * 1000) / units;
  };
  const measured = all.map((each) => ({ each, times: [] as number[] }));
  for (let i = 0; i < WARMING_ROUNDS; i++) for (const { each } of measured) once(each);
  for (let i = 0; i < rounds; i++) for (const { each, times } of measured) times.push(once(each));
  return measured.map(({ times }) => timingOf(times));
}

function timingOf(times: readonly number[]): Timing {
  return { median: median(times), least: Math.min(...times), most: Math.max(...times) };
}
