import { Identity } from "../policy/document";
import { Principal } from "../policy/principal";
import { Reason } from "../policy/reason";
import { Mode } from "../policy/rules";
import { nowNanoseconds } from "../proxy/clock";
import { actOn } from "../proxy/stream";
import { ProtocolError } from "../telemetry/protocol-error";
import { allowsSomething, countAs, giveRights, reasonAgainst, takeRights } from "./admission";
import { Client, clientOf } from "./client";
import { Connection, FirstPing, Phase } from "./connection";
import { tellMaximum } from "./deliveries";
import { endAtOnce, endRevoked } from "./endings";
import { readIdentity } from "./identity";
import { policyEpoch, policyEpochBegan } from "./policy-epoch";
import { judgeSubscriptions } from "./revocations";
import { catchingUp } from "./slices";

/**
 * How an open connection comes under a newer policy: at its next callback, or soon after it where there is much to do for many,
 * or from the tick if it is silent. What its peer may do is judged by the new policy from there on, and so are its subscriptions
 * (revocations.ts).
 */

/**
 * Nanoseconds from a change on, after which no connection waits for others any more: half of the time within which a change is to
 * be in force.
 */
const LONGEST_WAIT: u64 = 1_000_000_000;

/**
 * Brings a connection under the policy that its root context has in force. To be called whenever `connection.policyEpoch` is not the
 * present one, before any of the callback's bytes is read. An open connection stays under its former policy for the moment if
 * others have just taken a slice: in one turn of the worker bytes may come for many, each with rules of its own to compile.
 */
export function catchUp(connection: Connection): void {
  if (isUnderPresent(connection)) return;
  const now = nowNanoseconds();
  const rests = connection.phase == Phase.OPEN && catchingUp.rests(now);
  if (!rests || now - policyEpochBegan >= LONGEST_WAIT) comeUnderAt(connection, now, !rests);
}

/** The same at the time `now`, whatever others have taken. Answers the time after it. Both are in nanoseconds. */
export function catchUpAt(connection: Connection, now: u64): u64 {
  return isUnderPresent(connection) ? now : comeUnderAt(connection, now, true);
}

/**
 * Is it under the policy in force already? Then there is nothing to do but to begin DRY_RUN, which a client can put off for as long
 * as it likes. That must take nothing of a slice, or others would wait for it.
 */
function isUnderPresent(connection: Connection): bool {
  const client = clientOf(connection.id);
  if (client.rules !== client.policy.inForce.rules) return false;
  connection.policyEpoch = policyEpoch;
  if (connection.willObserve) beginToObserve(connection);
  return true;
}

function comeUnderAt(connection: Connection, now: u64, judgesNow: bool): u64 {
  catchingUp.goOn(now);
  comeUnder(connection, judgesNow);
  const end = nowNanoseconds();
  catchingUp.note(end);
  return end;
}

/** Unless it `judgesNow`, the subscriptions are left to the tick, and each to its next delivery. */
function comeUnder(connection: Connection, judgesNow: bool): void {
  const client = clientOf(connection.id);
  const rules = client.policy.inForce.rules;
  connection.policyEpoch = policyEpoch;
  const observes = rules.document.mode == Mode.DRY_RUN;
  // A connection that is ending keeps the policy that it has: its last reports name rules of that one.
  if (connection.phase == Phase.NEW || connection.phase == Phase.OPEN) {
    const formerIdentity = client.rules.document.identity;
    client.rules = rules;
    connection.useSettings(rules.document);
    if (connection.phase == Phase.NEW) useMode(connection, observes);
    else change(connection, client, principalOf(connection, client, formerIdentity), observes, judgesNow);
  } else if (connection.phase == Phase.UNREAD && !observes) {
    // Where the lines of a stream that has passed unread begin nobody knows any more: the client must connect anew.
    connection.observing = false;
    endRevoked(connection, Reason.NOT_ALLOWED);
  }
}

/**
 * Who the peer is under the new policy, which may have other trust domains or another source of identity. The certificate has
 * not changed, so that it is read again only for another source.
 */
function principalOf(connection: Connection, client: Client, formerIdentity: Identity): Principal {
  const document = client.rules.document;
  if (document.identity == formerIdentity && document.identity != Identity.WORKLOAD) {
    return document.peers.principalOf(client.principal);
  }
  actOn(connection.id);
  return readIdentity(document);
}

/**
 * Gives an open connection the rights of the peer under the new policy, ends it if there are none, and judges its
 * subscriptions.
 */
function change(connection: Connection, client: Client, peer: Principal, observes: bool, judgesNow: bool): void {
  if (peer.uri != client.principal || !client.telemetry.identifies(connection, peer.uri)) {
    countAs(connection, client, peer);
  }
  if (!giveRights(connection, client, peer, observes)) {
    // Nothing passes unread that is to be refused.
    if (!observes) connection.observing = false;
    endAtOnce(connection, ProtocolError.MEMORY);
    if (!connection.observing) takeRights(connection, client);
    return;
  }
  if (observes) {
    judgeSubscriptions(connection, judgesNow);
    if (!connection.observing) tellMaxima(connection);
  }
  useMode(connection, observes);
  if (observes) return;
  if (!allowsSomething(connection.access)) {
    endRevoked(connection, reasonAgainst(peer));
    return;
  }
  judgeSubscriptions(connection, judgesNow);
}

/** Begins or ends DRY_RUN as the new policy says. */
function useMode(connection: Connection, observes: bool): void {
  connection.willObserve = observes && !connection.observing;
  if (connection.willObserve) beginToObserve(connection);
  if (observes || !connection.observing) return;
  connection.observing = false;
  // In DRY_RUN unfinished lines have passed, as far as they have come: their rest must pass too.
  connection.toServerPassed = connection.toServerTail.length > 0;
  connection.toClientPassed = connection.toClientTail.length > 0;
}

/** The server is told of all maxima that were counted here while deliveries were filtered. */
function tellMaxima(connection: Connection): void {
  const subscriptions = connection.subscriptions;
  for (let sub = subscriptions.first(); sub != 0; sub = subscriptions.next()) {
    tellMaximum(connection, sub);
  }
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
function beginToObserve(connection: Connection): void {
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
