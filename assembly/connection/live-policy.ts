import { shareBytes } from "../bytes/budget";
import { revocationRoom, writeRevocation } from "../nats/texts";
import { Identity } from "../policy/document";
import { Mode } from "../policy/rules";
import { NONE, renewSteps } from "../policy/matcher";
import { Principal } from "../policy/principal";
import { Reason } from "../policy/reason";
import { actOn } from "../proxy/stream";
import { allowsSomething, giveRights, name, reasonAgainst } from "./admission";
import { callbackTime } from "./callback-time";
import { Client, clientOf } from "./client";
import { Connection, Phase } from "./connection";
import { tellMaximum } from "./deliveries";
import { endRevoked } from "./endings";
import { readIdentity } from "./identity";
import { policyEpoch } from "./policy-epoch";
import { reportRevoked, reportRevokedConnection } from "./report";
import {
  endedByCount,
  isLive,
  isNameKnown,
  isQueueKnown,
  queueLengthOf,
  queueOf,
  sidLengthOf,
  sidOf,
  subjectLengthOf,
  subjectOf,
} from "./subscription";

/**
 * How an open connection comes under a newer policy: at its next callback, or from the tick if it is silent. What its
 * peer may do is judged by the new policy from here on. A subscription that is no longer allowed ends as at a reload of
 * nats-server: its deliveries are kept back at once, `UNSUB` goes to the server and the text to the client with the next
 * bytes each way, since no buffer can be written from a tick (`BadArgument`, Envoy 1.40).
 */

/** Call it whenever `connection.policyEpoch` is not the present one, before any of the callback's bytes is read. */
export function catchUp(connection: Connection): void {
  const client = clientOf(connection.id);
  const rules = client.policy.inForce.rules;
  connection.policyEpoch = policyEpoch;
  if (client.rules === rules) {
    if (connection.willObserve) beginToObserve(connection);
    return;
  }
  const observes = rules.document.mode == Mode.DRY_RUN;
  // What is ending already ends under the policy that it has, whose rules its last reports name.
  if (connection.phase == Phase.NEW || connection.phase == Phase.OPEN) {
    const formerIdentity = client.rules.document.identity;
    client.rules = rules;
    connection.useSettings(rules.document);
    if (connection.phase == Phase.NEW) useMode(connection, observes);
    else change(connection, client, principalOf(connection, client, formerIdentity), observes);
  } else if (connection.phase == Phase.UNREAD && !observes) {
    // Nothing is known any more of a stream that has passed unread: it must begin anew.
    connection.observing = false;
    endRevoked(connection);
    reportRevokedConnection(connection, Reason.NOT_ALLOWED);
  }
}

/** Who the peer is under the new policy, whose trust domains and source of identity may be others. */
function principalOf(connection: Connection, client: Client, formerIdentity: Identity): Principal {
  const document = client.rules.document;
  if (document.identity == formerIdentity && document.identity != Identity.WORKLOAD) {
    return document.principalOf(client.principal);
  }
  actOn(connection.id);
  return readIdentity(document);
}

function change(connection: Connection, client: Client, peer: Principal, observes: bool): void {
  if (peer.uri != client.principal || !client.telemetry.identifies(connection, peer.uri)) {
    name(connection, client, peer);
  }
  giveRights(connection, client, peer, observes);
  if (observes) {
    noteSubscriptions(connection);
    if (!connection.observing) tellMaxima(connection);
  }
  useMode(connection, observes);
  if (observes) return;
  if (!allowsSomething(connection.access)) {
    reportRevokedConnection(connection, reasonAgainst(peer));
    endRevoked(connection);
    return;
  }
  judgeSubscriptions(connection);
}

/** Brings the subscriptions under the policy: those that it does not allow end, and those that it allows are filtered. */
export function judgeSubscriptions(connection: Connection): void {
  if (connection.access == null) return;
  if (connection.hasUnrecorded) {
    reportRevokedConnection(connection, Reason.TOO_MANY_SUBSCRIPTIONS);
    endRevoked(connection);
    return;
  }
  revokeSubscriptions(connection);
  noteSubscriptions(connection);
}

function useMode(connection: Connection, observes: bool): void {
  connection.willObserve = observes && !connection.observing;
  if (connection.willObserve) beginToObserve(connection);
  if (observes || !connection.observing) return;
  connection.observing = false;
  // Of what is kept of unfinished lines, the other side has read every byte already.
  connection.toServerPassed = connection.toServerTail.length > 0;
  connection.toClientPassed = connection.toClientTail.length > 0;
}

/** Ends what the policy does not allow any more; of what has ended already, messages may wait for a client that does not read. */
function revokeSubscriptions(connection: Connection): void {
  const access = connection.access;
  if (access == null) return;
  const subscriptions = connection.subscriptions;
  for (let sub = subscriptions.first(); sub != 0; sub = subscriptions.next()) {
    if (endedByCount(sub)) continue;
    const live = isLive(sub);
    const queueLength = queueLengthOf(sub);
    // Each as if it were the only one: none may end because there are many.
    renewSteps();
    let reason = access.permissions.subscribe(subjectOf(sub), subjectLengthOf(sub), queueOf(sub), queueLength);
    let rule = access.permissions.decidedBy;
    if (reason == Reason.ALLOWED && !isNameKnown(sub)) {
      // What the server may have under a sid that was used again, nobody has judged by this policy.
      reason = Reason.NOT_ALLOWED;
      rule = NONE;
    }
    if (reason == Reason.ALLOWED) continue;
    if (live) reportRevoked(connection, sub, reason, rule);
    if (!connection.sendLater(sidOf(sub), sidLengthOf(sub))) {
      // What can be neither ended nor remembered must not go on.
      reportRevokedConnection(connection, reason);
      endRevoked(connection);
      return;
    }
    if (live) {
      writeNotice(connection, sub);
      if (queueLength > 0 || !isQueueKnown(sub)) connection.queueLostSince = callbackTime();
    }
    subscriptions.revoke(sub);
  }
}

/** Deliveries of what stays, and of what has ended, may have to be filtered now. */
function noteSubscriptions(connection: Connection): void {
  const subscriptions = connection.subscriptions;
  const access = connection.access;
  const shadow = connection.shadow;
  for (let sub = subscriptions.first(); sub != 0; sub = subscriptions.next()) {
    if (endedByCount(sub)) continue;
    const queued = queueLengthOf(sub) > 0;
    if (access != null) access.noteSubscription(subjectOf(sub), subjectLengthOf(sub), queued);
    if (shadow != null) shadow.noteSubscription(subjectOf(sub), subjectLengthOf(sub), queued);
  }
}

/** The text is a courtesy: without room for it the subscription ends all the same. */
function writeNotice(connection: Connection, sub: usize): void {
  const notices = connection.notices;
  const room = revocationRoom(subjectLengthOf(sub), queueLengthOf(sub), sidLengthOf(sub));
  if (<i64>notices.length + <i64>room > shareBytes() / 2 || !notices.reserve(room)) return;
  notices.length += writeRevocation(
    subjectOf(sub),
    subjectLengthOf(sub),
    queueOf(sub),
    queueLengthOf(sub),
    sidOf(sub),
    sidLengthOf(sub),
    notices.pointer + <usize>notices.length,
  );
}

/** While deliveries were filtered, maxima of subscriptions were counted here. */
function tellMaxima(connection: Connection): void {
  const subscriptions = connection.subscriptions;
  for (let sub = subscriptions.first(); sub != 0; sub = subscriptions.next()) {
    tellMaximum(connection, sub);
  }
}

/** DRY_RUN edits nothing: it begins when nothing that we have edited or withheld is under way any more. */
function beginToObserve(connection: Connection): void {
  // What is ending ends: while observed it would be left alone, and pass all, also when a later policy enforces again.
  if (connection.endingSince != 0) {
    connection.willObserve = false;
    return;
  }
  const isClean =
    connection.toServerTail.length == 0 &&
    connection.toClientTail.length == 0 &&
    !connection.dropsPayload &&
    !(connection.dropsDelivery && connection.toClientPayload > 0) &&
    connection.pongs.hasOnlyClients &&
    connection.heldInfo.length == 0 &&
    connection.unsubscribe.length == 0 &&
    connection.notices.length == 0 &&
    !connection.swallowsOk &&
    connection.held == 0;
  if (isClean) {
    connection.observing = true;
    connection.willObserve = false;
  } else {
    // Asks again at the next callback.
    connection.policyEpoch = policyEpoch - 1;
  }
}
