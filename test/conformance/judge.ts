import { isDeepStrictEqual } from "node:util";
import type { Brokers } from "./brokers.ts";
import { comparable } from "./compare.ts";
import { replay } from "./replay.ts";
import { render, type Rendered, type Script } from "./script.ts";
import type { Outcome, Session } from "./session.ts";
import type { Strictness } from "./strictness.ts";

/** A script as it is sent through the filter, and as it is sent to nats-server, which judges it. */
export interface Case {
  filtered: Rendered;
  oracle: Rendered;
}

export interface Verdict {
  agrees: boolean;
  /** nats-server itself did not do the same thing twice. */
  byChance: boolean;
  /** Refusals of the filter's own that were met; nats-server without them must still end alike. */
  strict: readonly Strictness[];
  /** With such refusals: does nats-server, asked without regard to them, end differently? */
  differs: boolean;
  closed: boolean;
  native: object;
  through: object;
}

export function caseOf(script: Script, id: string): Case {
  return { filtered: render(script, id, false), oracle: render(script, id, true) };
}

export function sessionOf(one: Case): Session {
  return one.filtered.session;
}

/** Runs a case at both live servers. */
export async function judge({ filtered, oracle }: Case, brokers: Brokers): Promise<Verdict> {
  const { session, strict } = filtered;
  const route = brokers.filteredRoute(session);
  const [native, through] = await Promise.all([
    askOracle(oracle, brokers),
    replay(patient(session), route).then(comparable),
  ]);
  const agrees = isDeepStrictEqual(through, native);
  const again = agrees ? native : await askOracle(oracle, brokers);
  // In the same account as the oracle's run, so behind it.
  const free = strict.length > 0 ? comparable(await replay(session, brokers.nativeRoute)) : through;
  return {
    agrees,
    byChance: !agrees && !isDeepStrictEqual(again, native),
    strict,
    differs: !isDeepStrictEqual(free, through),
    closed: (native as Outcome).closed,
    native,
    through,
  };
}

const PATIENT_MILLISECONDS = 2000;

/**
 * The same session, whose quiet is only over when nothing at all comes for long, or the connection has ended: on a
 * machine that stood still the end came behind what was sent next.
 */
function patient(session: Session): Session {
  const send = session.send.map((step) =>
    typeof step !== "string" && "barrier" in step && step.barrier === "quiet"
      ? { ...step, quiet_ms: PATIENT_MILLISECONDS }
      : step,
  );
  return { ...session, send };
}

async function askOracle({ session, pongs }: Rendered, brokers: Brokers): Promise<object> {
  const outcome = await replay(patient(session), brokers.nativeRoute);
  let next = 0;
  outcome.client = outcome.client.flatMap((frame) => (frame === "PONG" ? (pongs[next++] ?? [frame]) : [frame]));
  return comparable(outcome);
}
