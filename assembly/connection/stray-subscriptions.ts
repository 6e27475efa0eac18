import { Connection } from "./connection";
import { rankOf } from "./subscription";

/**
 * Subscriptions that nats-server delivers to and does not know by their sids. When a maximum is reached, it is a publisher's thread
 * that takes the subscription away, by its sid and a moment later (client.go `deliverMsg`, `unsubscribe`). If the client has used
 * the sid again by then, the new one is taken out of the client's table in the place of the old one: it goes on, and neither UNSUB
 * nor a further CONNECT ends it (2.15.2, after 14,000 and 116,000 tries through Envoy). So a client that has used a sid again after a
 * maximum may have one. What such a subscription may bring was allowed at its SUB, but nobody can revoke it: the connection ends
 * with the next policy (revocations.ts), and its deliveries stay filtered (access.ts `finishReset`).
 *
 * Which sids have had a maximum is not kept, only the largest one, since client libraries count upwards.
 */

/** nats-server is told a maximum for the subscription of this sid. */
export function noteLimited(connection: Connection, sid: usize, length: i32): void {
  connection.largestLimited = max(connection.largestLimited, rankOf(sid, length));
  if (connection.access == null) connection.mayHaveUntold = true;
}

/**
 * A SUB with this sid goes to nats-server. Answers whether that may still have a subscription of the sid which is forgotten here.
 * Nobody tells it in DRY_RUN that a maximum is reached, towards which it does not count what an account imports (deliveries.ts
 * `endReached`).
 */
export function noteSid(connection: Connection, sid: usize, length: i32): bool {
  if (rankOf(sid, length) > connection.largestLimited) return false;
  connection.mayHaveStray = true;
  return connection.mayHaveUntold;
}
