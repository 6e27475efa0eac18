import { gapBehind } from "../bytes/linear-memory";
import { Connection } from "./connection";

/** What a connection holds of the VM's budget (bytes/budget.ts), by which it is chosen when that runs out (shedding.ts). */

/** Bytes that it holds in all. */
export function budgetedBytes(connection: Connection): i64 {
  return ownBytes(connection) + grantedBytes(connection);
}

/** The part of these that the client's own doing makes it hold. */
export function ownBytes(connection: Connection): i64 {
  return (
    <i64>connection.toServerTail.capacity +
    <i64>connection.toClientTail.capacity +
    <i64>connection.heldInfo.capacity +
    <i64>connection.dueUnsubscribes.capacity +
    <i64>connection.notices.capacity +
    connection.pongs.heldBytes +
    connection.subscriptions.heldBytes
  );
}

/** The part that others make it hold: reply subjects of requests that this client may answer. */
export function grantedBytes(connection: Connection): i64 {
  const access = connection.access;
  const shadow = connection.shadow;
  return (access == null ? 0 : access.heldBytes) + (shadow == null ? 0 : shadow.heldBytes);
}

/** Bytes of gaps, each smaller than `size`, behind the reply subjects. */
export function gapsBehindGrants(connection: Connection, size: usize): i64 {
  const access = connection.access;
  const shadow = connection.shadow;
  return (access == null ? 0 : access.gapsBehind(size)) + (shadow == null ? 0 : shadow.gapsBehind(size));
}

/** Bytes of gaps, each smaller than `size`, behind what a client makes as large as it likes. */
export function gapsBehind(connection: Connection, size: usize): i64 {
  return (
    connection.subscriptions.gapsBehind(size) +
    <i64>gapBehind(connection.toServerTail.pointer, size) +
    <i64>gapBehind(connection.dueUnsubscribes.pointer, size) +
    <i64>gapBehind(connection.pongs.block, size)
  );
}
