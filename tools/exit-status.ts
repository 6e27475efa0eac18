import { constants } from "node:os";

/** The signals that end a process. A handler of them is needed where something is to be left in order. */
export const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The exit status of a process that this signal ends, as shells count it. */
export function exitStatusOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
