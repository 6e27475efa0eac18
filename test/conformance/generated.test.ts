import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { usual } from "../../tools/suites/counts.ts";
import { freshSeed } from "../host/random.ts";
import { Brokers } from "./brokers.ts";
import { differenceOf } from "./differences.ts";
import { FULL_SESSIONS, scripts, sessionsWithImports } from "./generator.ts";
import { caseOf, judge, sessionOf, type Case } from "./judge.ts";
import { hasMaximum } from "./script.ts";
import type { ServerOptions } from "./session.ts";
import { shrink } from "./shrink.ts";
import type { Strictness } from "./strictness.ts";

/**
 * Random sessions under random permissions, each against live servers like the recorded ones. `SESSIONS=20000` runs more of them,
 * and `TEST_SEED=…` repeats those of an earlier run.
 */

const SEED = freshSeed();
const SESSIONS = Number(process.env["SESSIONS"] ?? usual(FULL_SESSIONS));
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

/** A case with its number in the sample of SEED. */
interface Numbered {
  index: number;
  one: Case;
}

/** Runs the cases against one pair of servers, and returns the numbers of those that end differently. */
async function runBatch(cases: readonly Numbered[], tally: Tally, server: ServerOptions): Promise<number[]> {
  const brokers = await Brokers.start(
    cases.map(({ one }) => sessionOf(one)),
    server,
  );
  const failed: number[] = [];
  const left = cases.values();
  const worker = async (): Promise<void> => {
    for (const { index, one } of left) {
      const verdict = await judge(one, brokers);
      tally.sessions += 1;
      if (verdict.closed) tally.closed += 1;
      if (verdict.byChance) tally.byChance.push(index);
      else if (!verdict.agrees) failed.push(index);
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

async function endAlike(cases: readonly Numbered[], tally: Tally, server: ServerOptions): Promise<void> {
  const failed = await runBatch(cases, tally, server);
  if (failed.length === 0) return;
  const others = failed.length > 1 ? `\nalso: ${failed.slice(1, 20).join(", ")}` : "";
  assert.fail(`${failed.length} of ${cases.length} end differently\n${await explain(failed[0]!, server)}${others}`);
}

let explained = false;

/** Shortens only the first session that differs, because that takes a minute. The others are just named. */
async function explain(index: number, server: ServerOptions): Promise<string> {
  if (explained) return `session ${index} of seed ${SEED}`;
  explained = true;
  const shrunk = await shrink(SEED, index, server);
  // Of fewer sessions, fewer run with imports.
  const again = `TEST_SEED=${SEED} SESSIONS=${server.imports ? SESSIONS : index + 1} npm run test:conformance`;
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

describe(`generated sessions, TEST_SEED=${SEED} SESSIONS=${SESSIONS}`, () => {
  const tally: Tally = { sessions: 0, exact: 0, closed: 0, byChance: [], met: new Map(), differing: new Map() };
  const sample = fc.sample(scripts, { numRuns: SESSIONS, seed: SEED });
  const all = sample.map((script, index) => ({ index, one: caseOf(script, `g${index}`) }));

  for (let first = 0; first < all.length; first += BATCH) {
    const cases = all.slice(first, first + BATCH);
    it(`sessions ${first} to ${first + cases.length - 1} end as at nats-server`, () => endAlike(cases, tally, {}));
  }

  it("end as at nats-server where the peer is in another account, whose messages are imported", () => {
    const imports = { imports: true };
    // A maximum of an imported subscription differs (docs/reference/parity.md).
    const cases = sample.flatMap((script, index) =>
      hasMaximum(script) ? [] : [{ index, one: caseOf(script, `g${index}`, imports) }],
    );
    return endAlike(cases.slice(0, sessionsWithImports(SESSIONS)), tally, imports);
  });

  it("do the same each time at nats-server itself", () => {
    assert.ok(
      tally.byChance.length <= Math.max(1, tally.sessions / 1000),
      `sessions ${tally.byChance.join(", ")} end by chance`,
    );
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
