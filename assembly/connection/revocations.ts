import { shareBytes } from "../bytes/budget";
import { revocationRoom, writeRevocation } from "../nats/texts";
import { NONE } from "../policy/none";
import { Reason } from "../policy/reason";
import { MAX_STEPS, STEPS_AT_ONCE, swapSteps } from "../policy/search-steps";
import { hasPassed, nowNanoseconds } from "../proxy/clock";
import { Access } from "./access";
import { callbackNumber, callbackTime } from "./callback-time";
import { Connection, Phase } from "./connection";
import { unsubscribeLater } from "./due-unsubscribes";
import { endRevoked } from "./endings";
import { reportRevoked } from "./report";
import { catchingUp } from "./slices";
import {
  endedByCount,
  isLive,
  isNameKnown,
  isQueueKnown,
  isUnjudged,
  queueLengthOf,
  queueOf,
  setUnjudged,
  sidLengthOf,
  sidOf,
  subjectLengthOf,
  subjectOf,
} from "./subscription";

/**
 * What a newer policy says of a connection's subscriptions. One that is no longer allowed ends as at a reload of nats-server.
 * Its deliveries are kept back at once; `UNSUB` goes to the server and the text to the client with the next bytes each way,
 * since no buffer can be written from a tick (`BadArgument`, Envoy 1.40). Where there are many, they are judged in slices: a
 * delivery has its own subscription judged first, and the tick judges the others. Where deliveries come for very many
 * that wait, those pass that the client may receive by their own subject.
 */

/**
 * Subscriptions that are judged between two looks at the clock, one less for each MAX_STEPS of their searches: 64 of a queue group took
 * 25 to 50 ms where 10,000 entries name queues for their subject (Node host).
 */
const AT_ONCE: i32 = 64;
/**
 * Milliseconds within which all deliveries of the worker share these steps of searches (policy/search-steps.ts): in one turn of it a
 * chunk may come for each connection, of 30,000 deliveries in a MiB.
 */
const SHARED_FOR: i64 = 200;
/** Those that subscriptions are judged with: 256 longest searches, some 10 ms. */
const STEPS_FOR_SUBSCRIPTIONS: i32 = 256 * MAX_STEPS;
/**
 * Those for messages that are asked about in place of their subscriptions. Entries that name queues take these, each some 4 ns: 17 ms.
 * They suffice for 40,000 messages with 100 such entries that match each. A search for overlaps takes 25 ns for a step, but that is made
 * only for members of a queue group, and for messages whose own subjects have wildcards.
 */
const STEPS_FOR_MESSAGES: i32 = 4096 * MAX_STEPS;
/** Of the latter, those that a callback has in any case. */
const STEPS_OF_CALLBACK: i32 = 32 * MAX_STEPS;
let subscriptionSteps: i32 = 0;
let messageSteps: i32 = 0;
/** When they were given last, in milliseconds. */
let sharedSince: i64 = 0;
/** The last callback (`callbackNumber`) that took of them. */
let sharedIn: u32 = 0;

/**
 * Brings the subscriptions under the policy, or begins to: those that it does not allow end, and those that it allows are
 * filtered. Unless it `judgesNow`, they are left to the tick, and each to its next delivery.
 */
export function judgeSubscriptions(connection: Connection, judgesNow: bool): void {
  if (connection.access != null && (connection.hasUnrecorded || connection.mayHaveStray)) {
    endRevoked(connection, connection.hasUnrecorded ? Reason.TOO_MANY_SUBSCRIPTIONS : Reason.NOT_ALLOWED);
    return;
  }
  const subscriptions = connection.subscriptions;
  for (let sub = subscriptions.first(); sub != 0; sub = subscriptions.next()) setUnjudged(sub, true);
  connection.hasUnjudged = true;
  if (judgesNow) judgeOn(connection);
}

/**
 * Judges those that wait, until the slice in which connections catch up is used up. Answers whether some are left. The clock is
 * asked only after each AT_ONCE.
 */
export function judgeOn(connection: Connection): bool {
  const subscriptions = connection.subscriptions;
  let left = AT_ONCE;
  for (let sub = subscriptions.first(); sub != 0; sub = subscriptions.next()) {
    if (!isUnjudged(sub)) continue;
    if (left <= 0) {
      if (catchingUp.note(nowNanoseconds())) return true;
      left = AT_ONCE;
    }
    left -= 1 + judgeSubscription(connection, sub) / MAX_STEPS;
    if (connection.phase == Phase.ENDED) break;
  }
  connection.hasUnjudged = false;
  return false;
}

/** To be called before any of the shared steps are taken. */
function shareSteps(): void {
  if (sharedIn == callbackNumber) return;
  sharedIn = callbackNumber;
  messageSteps = max(messageSteps, STEPS_OF_CALLBACK);
  const now = callbackTime();
  if (!hasPassed(now, sharedSince, SHARED_FOR)) return;
  sharedSince = now;
  subscriptionSteps = STEPS_FOR_SUBSCRIPTIONS;
  messageSteps = STEPS_FOR_MESSAGES;
}

/**
 * A message on `subject` comes for a subscription that waits to be judged, which is judged now, unless there has been so much
 * searching already that everybody else of the worker would have to wait. Answers whether the message may pass as far as
 * that tells.
 */
export function judgeForDelivery(connection: Connection, sub: usize, subject: usize, length: i32): bool {
  // A line that began in DRY_RUN passes whatever the policy says, which is not asked here (to-client.ts `passBegun`).
  if (connection.toClientPassed) return true;
  shareSteps();
  if (subscriptionSteps > 0) {
    subscriptionSteps -= judgeSubscription(connection, sub);
    // With the subscription the connection may have ended, and the message with that.
    return connection.phase != Phase.ENDED;
  }
  const access = connection.access;
  if (access == null) return true;
  if (!isNameKnown(sub)) return false;
  const left = swapSteps(messageSteps);
  const reason = access.permissions.subscribe(subject, length, queueOf(sub), queueLengthOf(sub));
  messageSteps = swapSteps(left);
  return reason == Reason.ALLOWED;
}

/**
 * Judges a subscription with all steps for its search, since none may end for want of steps because there are many. Those of the callback
 * are left to members that have been judged, and to DRY_RUN. Answers the steps that it has taken.
 */
function judgeSubscription(connection: Connection, sub: usize): i32 {
  const left = swapSteps(STEPS_AT_ONCE);
  bringUnderPolicy(connection, sub);
  return STEPS_AT_ONCE - swapSteps(left);
}

/**
 * Ends a subscription that waits to be judged, or filters it. Where it can be neither ended nor remembered the connection ends.
 */
function bringUnderPolicy(connection: Connection, sub: usize): void {
  setUnjudged(sub, false);
  if (endedByCount(sub)) return;
  const access = connection.access;
  const shadow = connection.shadow;
  if (access != null && !keeps(connection, access, sub)) return;
  const queued = queueLengthOf(sub) > 0;
  if (access != null) access.noteSubscription(subjectOf(sub), subjectLengthOf(sub), queued);
  if (shadow != null) shadow.noteSubscription(subjectOf(sub), subjectLengthOf(sub), queued);
}

/** Why the policy does not allow a subscription any more, or ALLOWED. A search that is given up is no permission. */
export function reasonToEnd(access: Access, sub: usize): Reason {
  const reason = access.permissions.subscribe(subjectOf(sub), subjectLengthOf(sub), queueOf(sub), queueLengthOf(sub));
  // Its sid was used again with another subject or queue. The server may have those, of which nobody has asked this policy.
  return reason == Reason.ALLOWED && !isNameKnown(sub) ? Reason.NOT_ALLOWED : reason;
}

/**
 * Does the policy still allow a subscription? If not, it ends. That holds for one that the client has ended too: messages of it
 * may still wait for a client that does not read.
 */
function keeps(connection: Connection, access: Access, sub: usize): bool {
  const reason = reasonToEnd(access, sub);
  if (reason == Reason.ALLOWED) return true;
  const rule = isNameKnown(sub) ? access.permissions.decidedBy : NONE;
  const live = isLive(sub);
  if (live) reportRevoked(connection, sub, reason, rule);
  if (!unsubscribeLater(connection, sidOf(sub), sidLengthOf(sub))) {
    // Without room for the UNSUB, the connection ends with the subscription.
    endRevoked(connection, reason);
    return false;
  }
  if (live) {
    writeNotice(connection, sub);
    if ((queueLengthOf(sub) > 0 || !isQueueKnown(sub)) && connection.queueLostSince == 0) {
      connection.queueLostSince = callbackTime();
    }
  }
  connection.subscriptions.revoke(sub);
  return false;
}

/**
 * Writes nats-server's text about the end of a subscription. It is a courtesy: without room for it the subscription ends all
 * the same.
 */
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
