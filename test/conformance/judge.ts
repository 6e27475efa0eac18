import { isDeepStrictEqual } from "node:util";
import type { Brokers } from "./brokers.ts";
import { comparable } from "./compare.ts";
import { withoutDeniedAnswers } from "./no-responders.ts";
import { patient, replay } from "./replay.ts";
import { render, type Rendered, type Script } from "./script.ts";
import type { Outcome, ServerOptions, Session } from "./session.ts";
import type { Strictness } from "./strictness.ts";

/** A script as it is sent through the filter, and as it is sent to nats-server, which judges it. */
export interface Case {
  filtered: Rendered;
  oracle: Rendered;
}

export interface Verdict {
  agrees: boolean;
  /** nats-server itself did different things in two runs. */
  byChance: boolean;
  /** The filter's own refusals that the session met. nats-server without them must still end alike. */
  strict: readonly Strictness[];
  /** With such refusals: whether nats-server ends differently if it is asked without regard to them. */
  differs: boolean;
  closed: boolean;
  native: object;
  through: object;
}

export function caseOf(script: Script, id: string, server: ServerOptions = {}): Case {
  const rendered = (oracle: boolean): Rendered => {
    const { session, ...rest } = render(script, id, oracle);
    return { session: { ...session, server }, ...rest };
  };
  return { filtered: rendered(false), oracle: rendered(true) };
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
  const agrees = isDeepStrictEqual(through, native.outcome);
  const again = agrees ? native : await askOracle(oracle, brokers);
  const met = native.hadDeniedAnswers ? [...strict, "503-over-deny" as const] : strict;
  // In the same account as the oracle's run, and therefore after it.
  const free = met.length > 0 ? comparable(await replay(session, brokers.nativeRoute)) : through;
  return {
    agrees,
    byChance: !agrees && !isDeepStrictEqual(again, native),
    strict: met,
    differs: !isDeepStrictEqual(free, through),
    closed: (native.outcome as Outcome).closed,
    native: native.outcome,
    through,
  };
}

interface OracleAnswer {
  outcome: object;
  /** There were no-responders answers on subjects that the client is denied. `outcome` is without them. */
  hadDeniedAnswers: boolean;
}

async function askOracle({ session, pongs }: Rendered, brokers: Brokers): Promise<OracleAnswer> {
  const outcome = await replay(patient(session), brokers.nativeRoute);
  let next = 0;
  const all = outcome.client.flatMap((frame) => (frame === "PONG" ? (pongs[next++] ?? [frame]) : [frame]));
  outcome.client = withoutDeniedAnswers(all, session);
  return { outcome: comparable(outcome), hadDeniedAnswers: outcome.client.length < all.length };
}
