import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { Brokers, byServer, concurrencyOf } from "../conformance/brokers.ts";
import { comparable } from "../conformance/compare.ts";
import { DIFFERENCES } from "../conformance/differences.ts";
import { replay } from "../conformance/replay.ts";
import { recordedSessions, type Outcome, type ServerOptions, type Session } from "../conformance/session.ts";
import { inRuns, TIMED_RUNS } from "../conformance/timed-runs.ts";
import { VERSION_DIFFERENCES, type VersionDifference } from "./differences.ts";
import { looserThan } from "./looser.ts";
import { VERSION_SESSIONS } from "./sessions.ts";
import { MINOR, VERSION } from "./version.ts";

/**
 * Runs every recorded session through the filter in front of the nats-server that $NATS_SERVER names, of whatever version, and at
 * the same nats-server with its own permissions. The filter must then
 * - mean what that nats-server means, or what 2.15 means, from which the sessions were recorded;
 * - be no looser than either of them (looser.ts), except for what differences.ts lists.
 */

const listed = VERSION_DIFFERENCES[VERSION] ?? VERSION_DIFFERENCES[MINOR];
/** The sessions were recorded from the patch of 2.15 that has no differences of its own. */
const isRecorded = MINOR === "2.15" && VERSION_DIFFERENCES[VERSION] === undefined;

const TIMED = recordedSessions("timing");
const SESSIONS: readonly Session[] = [...recordedSessions("sessions"), ...TIMED, ...VERSION_SESSIONS];

/** Sessions in which the filter is stricter than every nats-server on purpose, and those that it cannot judge alike. */
const known = new Map(DIFFERENCES.flatMap(({ sessions, stricter }) => sessions.map((id) => [id, stricter] as const)));

function inList(list: readonly VersionDifference[], id: string): boolean {
  return list.some(({ sessions }) => sessions.includes(id));
}

function equal(one: Outcome, other: Outcome): boolean {
  return isDeepStrictEqual(comparable(one), comparable(other));
}

type Kind = "as215" | "brokerStricter" | "brokerItself";

/** What was found in each session. It is compared with the lists when all sessions have run. */
const found: Record<Kind, string[]> = { as215: [], brokerStricter: [], brokerItself: [] };

/** Runs both, compares, and returns what must be on the lists. Throws an AssertionError. */
async function differencesOf(session: Session, brokers: Brokers): Promise<Kind[]> {
  const { id, expect } = session;
  const expected = TIMED.includes(session) ? undefined : expect;
  const native = await replay(session, brokers.nativeRoute, expected);
  const filtered = await replay(session, brokers.filteredRoute(session), expected);
  if (isRecorded) assert.deepEqual(comparable(native), comparable(expect), "the oracle has changed");
  // The filter cannot see what account mappings do behind it, in any version: docs/reference/parity.md.
  if (known.get(id) === "neither") return [];

  const differences: Kind[] = [];
  if (!equal(filtered, native)) {
    if (!known.has(id)) assert.deepEqual(comparable(filtered), comparable(expect));
    if (equal(filtered, expect)) differences.push("as215");
    if (!inList(listed!.as215, id)) assert.notDeepEqual(comparable(filtered), comparable(expect), "the broker differs");
  }
  const beyondBroker = looserThan(native, filtered);
  if (beyondBroker.length > 0) differences.push("brokerStricter");
  if (!inList(listed!.brokerStricter, id)) assert.deepEqual(beyondBroker, [], "looser than the broker");
  const beyond215 = looserThan(expect, filtered);
  if (beyond215.length > 0) differences.push("brokerItself");
  if (!inList(listed!.brokerItself, id)) assert.deepEqual(beyond215, [], "looser than 2.15");
  // Otherwise the filter would be the cause.
  else assert.deepEqual(beyondBroker, []);
  return differences;
}

describe(`the recorded sessions before nats-server ${VERSION}`, () => {
  assert.ok(listed, `differences.ts knows no nats-server ${VERSION}`);
  for (const [key, sessions] of byServer(SESSIONS)) {
    const options = JSON.parse(key) as ServerOptions;
    describe(`nats-server with ${key}`, { concurrency: concurrencyOf(options) }, () => {
      let brokers: Brokers;
      before(async () => {
        brokers = await Brokers.start(sessions, options);
      });
      after(() => brokers.stop());
      for (const session of sessions) {
        it(`${session.id} means what ${VERSION} or 2.15 means, and is no looser than either`, async (t) => {
          const runs = TIMED.includes(session) ? TIMED_RUNS : 1;
          for (const kind of await inRuns(t, runs, () => differencesOf(session, brokers))) found[kind].push(session.id);
        });
      }
    });
  }

  for (const kind of ["as215", "brokerStricter", "brokerItself"] as const) {
    it(`the list of differences (${kind}) is what was found`, () => {
      const expected = listed[kind].flatMap(({ sessions }) => sessions);
      assert.deepEqual(found[kind].sort(), expected.sort());
    });
  }
});
