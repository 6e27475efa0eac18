import assert from "node:assert/strict";
import type { TestContext } from "node:test";

/**
 * How often a session whose end depends on time may run until it ends as it must. On a machine that stood still meanwhile it ends
 * differently, at either server: with one of the servers stopped for up to 400 ms again and again, one session per run failed. What
 * the filter does wrong, it does wrong each time.
 */
export const TIMED_RUNS = 3;

/** Returns the result of the first of at most this many runs that throws no AssertionError. If all throw, throws the last error. */
export async function inRuns<Result>(t: TestContext, runs: number, once: () => Promise<Result>): Promise<Result> {
  for (let run = 1; run < runs; run++) {
    try {
      return await once();
    } catch (error) {
      if (!(error instanceof assert.AssertionError)) throw error;
      t.diagnostic(`run ${run} of ${runs}: ${error.message}`);
    }
  }
  return once();
}
