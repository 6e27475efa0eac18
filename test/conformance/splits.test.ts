import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { isNightly, usual } from "../../tools/suites/counts.ts";
import { filterModule } from "../host/filter.ts";
import { Host } from "../host/host.ts";
import { freshSeed, Random } from "../host/random.ts";
import { Brokers } from "./brokers.ts";
import { comparable } from "./compare.ts";
import { expectedDifference } from "./differences.ts";
import { runInHost, WHOLE, type Cut, type Passed } from "./host-run.ts";
import { OWN_SESSIONS } from "./own-sessions.ts";
import { ACCOUNT_PREFIX, policyOf } from "./policy.ts";
import { replay } from "./replay.ts";
import { recordedSessions, type Session, type Step } from "./session.ts";

/** However the bytes of a session are cut into reads, the same bytes come out, in both directions. */

const SEED = freshSeed();
const RECORDED = [...recordedSessions("sessions"), ...recordedSessions("timing")];
const SESSIONS = [...RECORDED, ...OWN_SESSIONS];

/** Up to this many bytes, a step is cut at each of them. */
const EVERY_BYTE = 700;

/** How a session is cut into chunks: first into single bytes. */
const RANDOM_CHUNKINGS = isNightly ? 5 : 2;

/** Where a longer step is cut: at every byte near its ends and near the end of a line, and now and then in between. */
function cutsOf(bytes: string): number[] {
  const all = Array.from({ length: Math.max(bytes.length - 1, 0) }, (_, index) => index + 1);
  if (bytes.length <= EVERY_BYTE) return all;
  return all.filter(
    (at) =>
      at <= 60 || at >= bytes.length - 60 || at % 97 === 0 || bytes.slice(Math.max(at - 30, 0), at + 30).includes("\n"),
  );
}

/** Lengths of successive chunks, used over and over. */
function cutInto(lengths: readonly number[]): Cut {
  return (bytes) => {
    const chunks: string[] = [];
    for (let at = 0, next = 0; at < bytes.length; next++) {
      const length = lengths[next % lengths.length] ?? 1;
      chunks.push(bytes.slice(at, at + length));
      at += length;
    }
    return chunks;
  };
}

function passedAsBefore(session: Session, passed: Passed[], whole: Passed[], how: string): void {
  if (isDeepStrictEqual(passed, whole)) return;
  assert.deepEqual(passed, whole, `${session.id}, ${how}`);
}

describe(`any split in the Node host, TEST_SEED=${SEED}`, () => {
  /** Sessions of servers with limits of their own need a filter with those limits. */
  const groups = new Map<number | undefined, Session[]>();
  for (const session of SESSIONS) {
    const limit = session.server.max_control_line;
    groups.set(limit, [...(groups.get(limit) ?? []), session]);
  }
  for (const [limit, sessions] of groups) {
    const named = limit === undefined ? "" : `, max_control_line ${limit}`;
    const { config, accountOf } = policyOf(
      sessions,
      (rule) => `client-${rule}`,
      limit === undefined ? {} : { controlLine: limit },
    );
    const principalOf = (session: Session): string => ACCOUNT_PREFIX + accountOf(session);
    let host: Host;
    before(() => {
      host = new Host(filterModule(), { logLevel: "error" });
      assert.ok(host.configure(config).accepted);
    });

    it(`at ${isNightly ? "each byte" : "a tenth of the bytes"} of each step passes the same bytes as the whole step${named}`, (t) => {
      const random = new Random(SEED);
      let runs = 0;
      let refusals = 0;
      for (const session of sessions) {
        const principal = principalOf(session);
        const steps: { bytes: string; step: number; direction: string }[] = [];
        const whole = runInHost(host, session, principal, (bytes, step, direction) => {
          steps.push({ bytes, step, direction });
          return [bytes];
        });
        if (whole.some(({ toClient }) => toClient.includes("Permissions Violation"))) refusals += 1;
        for (const { bytes, step, direction } of steps) {
          for (const at of cutsOf(bytes).filter(() => isNightly || random.isOneIn(10))) {
            const cut: Cut = (data, index, from) =>
              index === step && from === direction ? [data.slice(0, at), data.slice(at)] : [data];
            const passed = runInHost(host, session, principal, cut);
            passedAsBefore(session, passed, whole, `${direction}'s step ${step} cut at byte ${at}`);
            runs += 1;
          }
        }
      }
      t.diagnostic(`${runs} cuts of ${sessions.length} sessions, ${refusals} of them with refusals`);
      // docs/reference/parity.md promises this. Most sessions have no limit of their own.
      if (limit === undefined) assert.ok(runs > usual(600_000) && refusals > 500);
    });

    it(`into random chunks passes the same bytes as the whole session${named}`, () => {
      const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 });
      const chunkings = [[1], ...fc.sample(lengths, { numRuns: 200, seed: SEED })];
      for (const [index, session] of sessions.entries()) {
        const principal = principalOf(session);
        const whole = runInHost(host, session, principal, WHOLE);
        for (let run = 0; run < RANDOM_CHUNKINGS; run++) {
          const chunks = run === 0 ? [1] : chunkings[1 + ((index * RANDOM_CHUNKINGS + run) % 200)]!;
          const passed = runInHost(host, session, principal, cutInto(chunks));
          passedAsBefore(session, passed, whole, `chunks of ${chunks.join(", ")}`);
        }
      }
    });
  }
});

/** Sessions through Envoy in writes of one byte. */
const SAMPLE = 150;

/** What one byte at a time also changes at nats-server: a complaint for each read, and what it reads before it closes. */
function dependsOnReads({ expect }: Session): boolean {
  return expect.closed || expect.client.includes("-ERR 'Invalid Publish Subject'");
}

function bytewise(session: Session): Session {
  const send = session.send.map((step): Step => {
    const { chunks: _chunks, ...rest } = typeof step === "string" ? { data: step, chunks: undefined } : step;
    return { ...rest, each: 1, gap_ms: 0 };
  });
  return { ...session, send };
}

describe(`any split through Envoy, TEST_SEED=${SEED}`, { concurrency: 24 }, () => {
  const short = recordedSessions("sessions").filter((session) => {
    const length = JSON.stringify(session.send).length;
    const plain = Object.keys(session.server).length === 0;
    return plain && length < 500 && !dependsOnReads(session) && expectedDifference(session.id) === undefined;
  });
  const size = { minLength: SAMPLE, maxLength: SAMPLE };
  const [sample = []] = fc.sample(fc.shuffledSubarray(short, size), { numRuns: 1, seed: SEED });
  let brokers: Brokers;
  before(async () => {
    brokers = await Brokers.start(sample, {});
  });
  after(() => brokers.stop());
  for (const session of sample) {
    it(`${session.id} in writes of one byte ends as it does whole`, async () => {
      const outcome = await replay(bytewise(session), brokers.filteredRoute(session), session.expect);
      assert.deepEqual(comparable(outcome), comparable(session.expect));
    });
  }
});
