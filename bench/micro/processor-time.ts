/** Microseconds of processor time that this work takes in this process. Other work on the machine and waiting do not count. */
export function microsecondsOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
