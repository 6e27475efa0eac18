import { connect, deadline, type NatsConnection } from "@nats-io/transport-node";
import type { Stand } from "../../test/stand/stand.ts";
import { PATIENCE, waitFor } from "../../test/stand/wait.ts";
import type { Account } from "./account.ts";

/** Where the traffic of a soak goes, and what is known of it. */
export interface Place {
  stand: Stand;
  account: Account;
  /** In milliseconds, how long a kind of traffic rests between two bursts, so that two cores suffice for all of them. */
  pause: number;
  /** All that `member` has connected. They stay for the whole soak, and are closed with it. */
  members: NatsConnection[];
}

/** One kind of traffic. It goes on for as many rounds as there are, on the same connections. */
export interface Work {
  /**
   * Works until `end` aborts, and then until everything that is under way has arrived. Rejects with the first thing that is not as it
   * must be.
   */
  round(end: AbortSignal): Promise<void>;
  /** Resolves once it is connected again after nats-server was away, for one that stays connected. */
  again?(): Promise<void>;
}

/** How long nats.js waits before it tries again to connect, in milliseconds. */
const RECONNECT_WAIT = 100;

/** An unmodified client of nats.js behind an Envoy of its own with that principal. It connects again whenever its connection ends. */
export async function member({ stand, members }: Place, principal: string): Promise<NatsConnection> {
  const { url } = await stand.sidecar(principal, { listener: "mtls" });
  const connection = await connect({
    servers: url,
    reconnectTimeWait: RECONNECT_WAIT,
    reconnectJitter: 0,
    maxReconnectAttempts: -1,
  });
  members.push(connection);
  return connection;
}

/**
 * Waits until a connection that nats-server has ended is there again, and has its subscriptions. Rejects where that takes longer than
 * anything may.
 */
export async function backAgain(connection: NatsConnection): Promise<void> {
  await waitFor("a client is connected again", () =>
    deadline(connection.flush(), PATIENCE).then(
      () => true,
      () => false,
    ),
  );
}
