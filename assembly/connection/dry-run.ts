import { Connection, FirstPing } from "./connection";
import { policyEpoch } from "./policy-epoch";

/** Begins DRY_RUN for a connection, as soon as it can, or ends it, as the policy says under which it comes. */
export function useMode(connection: Connection, observes: bool): void {
  connection.willObserve = observes && !connection.observing;
  if (connection.willObserve) beginToObserve(connection);
  if (observes || !connection.observing) return;
  connection.observing = false;
  // In DRY_RUN unfinished lines have passed, as far as they have come: their rest must pass too.
  connection.toServerPassed = connection.toServerTail.length > 0;
  connection.toClientPassed = connection.toClientTail.length > 0;
}

/** The first minor version of nats-server 2 that sends a second INFO, after the PONG to the first PING after CONNECT. */
const FIRST_WITH_SECOND_INFO: i32 = 12;

/**
 * Is the second INFO still to come, which is to wait for the PONG of the client's first PING? It may come in a chunk after that
 * of our PONG. nats-server sends it only to a client that takes it.
 */
function awaitsInfo(connection: Connection): bool {
  return (
    connection.firstPing == FirstPing.OURS &&
    connection.options.takesInfo &&
    connection.serverMinor >= FIRST_WITH_SECOND_INFO
  );
}

/**
 * DRY_RUN edits nothing. So it begins only when nothing that was edited or withheld is under way any more; until then this is
 * called again by each callback. A line whose beginning an earlier DRY_RUN has let through is neither. Bytes of the client that
 * the host holds wait for PONGs of PINGs of ours, and so do, with their UNSUBs, the texts about subscriptions that have ended.
 */
export function beginToObserve(connection: Connection): void {
  // A connection that is ending never begins: it would not be closed while observed, and pass all again.
  if (connection.endingSince != 0) {
    connection.willObserve = false;
    return;
  }
  const isClean =
    (connection.toServerTail.length == 0 || connection.toServerPassed) &&
    (connection.toClientTail.length == 0 || connection.toClientPassed) &&
    !connection.dropsPayload &&
    !(connection.dropsDelivery && connection.toClientPayload > 0) &&
    connection.pongs.hasOnlyClients &&
    connection.heldInfo.length == 0 &&
    !awaitsInfo(connection) &&
    connection.dueUnsubscribes.length == 0 &&
    !connection.swallowsOk;
  if (isClean) {
    connection.observing = true;
    connection.willObserve = false;
    connection.toServerPassed = false;
    connection.toClientPassed = false;
  } else {
    // An epoch that is not the present one makes the next callback ask again.
    connection.policyEpoch = policyEpoch - 1;
  }
}
