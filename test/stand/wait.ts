import { setTimeout as sleep } from "node:timers/promises";

/** How long anything of a stand may take before it counts as hung, in milliseconds, on two slow cores that others use as well. */
export const PATIENCE = 30_000;

export interface WaitOptions {
  /** Milliseconds; `PATIENCE` by default. */
  timeout?: number;
  /** The milliseconds that count for that; those of `performance.now` by default. */
  clock?: () => number;
  /** Added to the error message when time is up. */
  explain?: () => string | Promise<string>;
}

/**
 * Calls `probe` every few milliseconds until it returns anything but undefined or false, and returns that. Rejects with `what`, and
 * with what `explain` returns, after `timeout`.
 */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  { timeout = PATIENCE, clock = () => performance.now(), explain }: WaitOptions = {},
): Promise<T> {
  const deadline = clock() + timeout;
  for (let pause = 5; ; pause = Math.min(pause * 1.5, 50)) {
    const answer = await probe();
    if (answer !== undefined && answer !== false) return answer;
    if (clock() > deadline) {
      const explanation = explain ? `\n${await explain()}` : "";
      throw new Error(`${what}: not within ${timeout} ms${explanation}`);
    }
    await sleep(pause);
  }
}
