import fc from "fast-check";
import { Brokers } from "./brokers.ts";
import { scripts } from "./generator.ts";
import { caseOf, judge, sessionOf, type Case, type Verdict } from "./judge.ts";
import { hasMaximum } from "./script.ts";
import type { ServerOptions } from "./session.ts";

export interface Shrunk {
  one: Case;
  verdict: Verdict;
  runs: number;
}

/** Each try may start servers of its own. */
const MILLISECONDS = 90_000;

/**
 * Makes a seed's session number `index` as short as it can be while it still ends differently. fast-check removes parts of it, and
 * tries each result against live servers, which are kept while the permissions stay the same. Undefined if the session no longer
 * fails.
 */
export async function shrink(seed: number, index: number, server: ServerOptions): Promise<Shrunk | undefined> {
  let brokers: Brokers | undefined;
  let permissions = "";
  let runs = 0;
  let shortest: Shrunk | undefined;
  const failing = fc.asyncProperty(scripts, async (script) => {
    if (server.imports && hasMaximum(script)) return true;
    const one = caseOf(script, "generated", server);
    const block = JSON.stringify(script.permissions);
    if (!brokers || block !== permissions) {
      await brokers?.stop();
      brokers = await Brokers.start([sessionOf(one)], server);
      permissions = block;
    }
    runs += 1;
    const verdict = await judge(one, brokers);
    if (verdict.agrees || verdict.byChance) return true;
    shortest = { one, verdict, runs };
    return false;
  });
  try {
    await fc.check(failing, {
      seed,
      path: String(index),
      numRuns: 1,
      interruptAfterTimeLimit: MILLISECONDS,
    });
  } finally {
    await brokers?.stop();
  }
  return shortest && { ...shortest, runs };
}
