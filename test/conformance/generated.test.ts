import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Brokers } from "./brokers.ts";
import { differenceOf } from "./differences.ts";
import { scripts } from "./generator.ts";
import { caseOf, judge, sessionOf, type Case } from "./judge.ts";
import { shrink } from "./shrink.ts";
import type { Strictness } from "./strictness.ts";

/**
 * Random sessions under random permissions, each against live servers like the recorded ones. `SESSIONS=20000` runs more of them,
 * and `SEED=…` repeats those of an earlier run.
 */

const SEED = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const SESSIONS = Number(process.env["SESSIONS"] ?? 5000);
/** Sessions that share a nats-server and an Envoy. */
const BATCH = 1000;
const CONCURRENCY = 24;

interface Tally {
  sessions: number;
  /** Sessions that meet no refusal of the filter's own, which are compared with nats-server as it is. */
  exact: number;
  closed: number;
  byChance: number[];
  /** Sessions that met a refusal of the filter's own, and those of them that end differently because of it. */
  met: Map<Strictness, number>;
  differing: Map<Strictness, number>;
}

function count(map: Map<Strictness, number>, why: Strictness): void {
  map.set(why, (map.get(why) ?? 0) + 1);
}

/** Runs the cases from `first` on against one pair of servers, and returns the indices of those that end differently. */
async function runBatch(cases: readonly Case[], first: number, tally: Tally): Promise<number[]> {
  const brokers = await Brokers.start(cases.map(sessionOf), {});
  const failed: number[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < cases.length) {
      const index = next++;
      const verdict = await judge(cases[index]!, brokers);
      tally.sessions += 1;
      if (verdict.closed) tally.closed += 1;
      if (verdict.byChance) tally.byChance.push(first + index);
      else if (!verdict.agrees) failed.push(first + index);
      else if (verdict.strict.length === 0) tally.exact += 1;
      for (const why of new Set(verdict.strict)) {
        count(tally.met, why);
        if (verdict.differs) count(tally.differing, why);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  } finally {
    await brokers.stop();
  }
  return failed;
}

let explained = false;

/** Shortens only the first session that differs, because that takes a minute. The others are just named. */
async function explain(index: number): Promise<string> {
  if (explained) return `session ${index} of seed ${SEED}`;
  explained = true;
  const shrunk = await shrink(SEED, index);
  const again = `SEED=${SEED} SESSIONS=${index + 1} npm run test:conformance`;
  if (!shrunk) return `session ${index} of seed ${SEED} ended differently, but not when it ran alone; again: ${again}`;
  const { one, verdict, runs } = shrunk;
  const lines = [
    `session ${index} of seed ${SEED}, shrunk in ${runs} runs; again: ${again}`,
    `session:     ${JSON.stringify({ ...sessionOf(one), expect: undefined })}`,
    `nats-server: ${JSON.stringify(verdict.native)}`,
    `filter:      ${JSON.stringify(verdict.through)}`,
  ];
  return lines.join("\n");
}

describe(`generated sessions, SEED=${SEED} SESSIONS=${SESSIONS}`, () => {
  const tally: Tally = { sessions: 0, exact: 0, closed: 0, byChance: [], met: new Map(), differing: new Map() };
  const all = fc.sample(scripts, { numRuns: SESSIONS, seed: SEED }).map((script, index) => caseOf(script, `g${index}`));

  for (let first = 0; first < all.length; first += BATCH) {
    const cases = all.slice(first, first + BATCH);
    it(`sessions ${first} to ${first + cases.length - 1} end as at nats-server`, async () => {
      const failed = await runBatch(cases, first, tally);
      if (failed.length === 0) return;
      const others = failed.length > 1 ? `\nalso: ${failed.slice(1, 20).join(", ")}` : "";
      assert.fail(`${failed.length} of ${cases.length} end differently\n${await explain(failed[0]!)}${others}`);
    });
  }

  it("do the same each time at nats-server itself", () => {
    assert.ok(tally.byChance.length <= tally.sessions / 1000, `sessions ${tally.byChance.join(", ")} end by chance`);
  });

  it("meet no refusal of the filter's own in at least four of five cases", (t) => {
    const { sessions, exact, closed, met } = tally;
    const stricter = [...met].map(([why, sum]) => `${why} ${sum}`).join(", ");
    t.diagnostic(`${sessions} sessions, ${exact} compared as they are, ${closed} end the connection; ${stricter}`);
    assert.ok(exact >= sessions * 0.8, `${exact} of ${sessions}`);
  });

  it("meet only refusals of the filter's own that are listed, and that nats-server does not make", () => {
    for (const why of tally.met.keys()) assert.equal(differenceOf(why).stricter, "filter");
    const never = [...tally.met.keys()].filter((why) => !tally.differing.has(why));
    // A few sessions may not show it.
    if (tally.sessions >= 2000) assert.deepEqual(never, []);
  });
});
