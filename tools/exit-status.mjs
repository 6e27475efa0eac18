// What a process that a signal ends is to answer. run.mjs needs it before the packages are there, so it depends only on Node.

import { constants } from "node:os";

/** The signals that end a process. A handler of them is needed where something is to be left in order. */
export const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

/** The exit status of a process that this signal ends, as shells count it. */
export function exitStatusOf(signal) {
  return 128 + constants.signals[signal];
}
