import fc from "fast-check";
import { scripts } from "./generator.ts";
import { hostSteps } from "./host-run.ts";
import { Reader } from "./responder.ts";
import { render } from "./script.ts";
import type { Session } from "./session.ts";

const OPERATIONS = new Set(["CONNECT", "PUB", "HPUB", "SUB", "UNSUB", "PING"]);

/** Operations that clients and peers send in these sessions, by verb, handshakes included. */
export function operationsOf(sessions: Iterable<Session>): Map<string, number> {
  const sums = new Map([...OPERATIONS].map((verb) => [verb, 0]));
  for (const session of sessions) {
    const readers = { client: new Reader(), peer: new Reader() };
    for (const { from, bytes } of hostSteps(session)) {
      for (const { verb } of readers[from].read(bytes)) {
        const sum = sums.get(verb);
        if (sum !== undefined) sums.set(verb, sum + 1);
      }
    }
  }
  return sums;
}

/** The content of one run of generated sessions, which is the same for every run with that seed. */
export function generatedFigures(seed: number, count: number): { operations: number; exact: number } {
  let operations = 0;
  let exact = 0;
  for (const script of fc.sample(scripts, { numRuns: count, seed })) {
    const { session, strict } = render(script, "g", false);
    for (const sum of operationsOf([session]).values()) operations += sum;
    if (strict.length === 0) exact += 1;
  }
  return { operations, exact };
}
