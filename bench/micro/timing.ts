/** One thing to time. `pass` does its work once, which is `units` units of whatever is counted. */
export interface Task {
  units: number;
  pass: () => void;
}

/** Processor time of this process in microseconds. Other work on the machine and waiting do not count. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Long compared with the clock's microsecond, and short enough for many rounds. */
const ROUND_MICROSECONDS = 6000;

/** Nanoseconds for each unit. */
function timeOf({ units, pass }: Task): number {
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
 * Times all tasks in turn, `rounds` times over, so that a slow spell of the machine affects every one of them. Every second round goes
 * backwards, so that of two neighbours each comes behind the other equally often. A first round is not counted, because V8 is still
 * compiling hot code. Answers the nanoseconds for each unit by task and round.
 */
export function alternate(tasks: readonly Task[], rounds: number): number[][] {
  const timed = tasks.map((task) => ({ task, times: [] as number[] }));
  for (const { task } of timed) timeOf(task);
  for (let round = 0; round < rounds; round++) {
    for (const { task, times } of round % 2 === 0 ? timed : timed.toReversed()) times.push(timeOf(task));
  }
  return timed.map(({ times }) => times);
}
