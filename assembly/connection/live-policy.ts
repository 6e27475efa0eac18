import { Identity } from "../policy/document";
import { Principal } from "../policy/principal";
import { Reason } from "../policy/reason";
import { Mode } from "../policy/rules";
import { nowNanoseconds } from "../proxy/clock";
import { actOn } from "../proxy/stream";
import { ProtocolError } from "../telemetry/protocol-error";
import { allowsSomething, countAs, giveRights, reasonAgainst, takeRights } from "./admission";
import { Client, clientOf } from "./client";
import { Connection, Phase } from "./connection";
import { tellMaximum } from "./deliveries";
import { beginToObserve, useMode } from "./dry-run";
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

/** The server is told of all maxima that were counted here while deliveries were filtered. */
function tellMaxima(connection: Connection): void {
  const subscriptions = connection.subscriptions;
  for (let sub = subscriptions.first(); sub != 0; sub = subscriptions.next()) {
    tellMaximum(connection, sub);
  }
}
