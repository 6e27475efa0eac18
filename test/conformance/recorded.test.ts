import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Brokers, byServer, concurrencyOf } from "./brokers.ts";
import { comparable } from "./compare.ts";
import { differingSessions, expectedDifference } from "./differences.ts";
import { OWN_SESSIONS } from "./own-sessions.ts";
import { patient, replay, type Route } from "./replay.ts";
import { recordedSessions, type Outcome, type ServerOptions, type Session } from "./session.ts";
import { inRuns, TIMED_RUNS } from "./timed-runs.ts";

/**
 * Each recorded session runs twice against live servers: at a nats-server that restricts the client itself, and through a real
 * Envoy with the filter before one that does not. The live nats-server is the oracle. The recording only shows whether the oracle
 * has changed.
 */

const SESSIONS = recordedSessions("sessions");
const TIMED = recordedSessions("timing");

type Play = (session: Session, route: Route) => Promise<Outcome>;

/** Runs both and compares. Throws an AssertionError if they differ. */
async function compareEnds(session: Session, brokers: Brokers, play: Play): Promise<void> {
  const native = comparable(await play(session, brokers.nativeRoute));
  if (session.family !== "own") {
    assert.deepEqual(native, comparable(session.expect), "nats-server no longer does what was recorded of it");
  }
  const filtered = comparable(await play(session, brokers.filteredRoute(session)));
  const why = expectedDifference(session.id);
  if (why === undefined) assert.deepEqual(filtered, native);
  else assert.notDeepEqual(filtered, native, `differs no longer, take it from the list: ${why}`);
}

function suite(name: string, sessions: readonly Session[], play: Play, runs = 1): void {
  for (const [key, group] of byServer(sessions)) {
    const options = JSON.parse(key) as ServerOptions;
    describe(`${name}, nats-server with ${key}`, { concurrency: concurrencyOf(options) }, () => {
      let brokers: Brokers;
      before(async () => {
        brokers = await Brokers.start(group, options);
      });
      after(() => brokers.stop());
      for (const session of group) {
        it(`${session.id} ends as at nats-server`, (t) => inRuns(t, runs, () => compareEnds(session, brokers, play)));
      }
    });
  }
}

suite("recorded sessions", SESSIONS, (session, route) => replay(session, route, session.expect));
suite("sessions that depend on time", TIMED, replay, TIMED_RUNS);
suite("sessions of our own that show a difference", OWN_SESSIONS, (session, route) => replay(patient(session), route));

it("every listed difference is shown by a session", () => {
  const known = new Set([...SESSIONS, ...TIMED, ...OWN_SESSIONS].map(({ id }) => id));
  assert.deepEqual(
    [...differingSessions()].filter((id) => !known.has(id)),
    [],
  );
});

it("every session of our own shows a listed difference", () => {
  assert.deepEqual(
    OWN_SESSIONS.map(({ id }) => id).filter((id) => expectedDifference(id) === undefined),
    [],
  );
});
