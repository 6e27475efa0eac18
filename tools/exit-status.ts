import { constants } from "node:os";

/** The exit status of a process that this signal ends, as shells count it. */
export function exitStatusOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
