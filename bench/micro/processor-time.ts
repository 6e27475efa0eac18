/** Processor time of this process in microseconds. Other work on the machine and waiting do not count. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Microseconds of it that this work takes. */
export function microsecondsOf(work: () => void): number {
  const from = processorTime();
  work();
  return processorTime() - from;
}
