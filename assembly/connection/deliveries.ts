import { isMisreadBy, LibraryBlanks, NO_HEADERS } from "../nats/library-blanks";
import { Operation } from "../nats/operation";
import { isWithin } from "../nats/overlap";
import { ServerLine } from "../nats/server-line";
import { Reason } from "../policy/reason";
import { hasStepsLeft } from "../policy/search-steps";
import { Meter } from "../telemetry/meter";
import { ProtocolError } from "../telemetry/protocol-error";
import { Access } from "./access";
import { Connection } from "./connection";
import { tellMaximumLater, unsubscribeLater } from "./due-unsubscribes";
import { endAtOnce } from "./endings";
import { answerDelivered, isNoResponders, requestDelivered } from "./exchanges";
import { reportDelivery, reportRevokedDelivery, reportUnreadable, sampleDelivery } from "./report";
import { judgeForDelivery, reasonToEnd } from "./revocations";
import {
  addPendingMaxima,
  bringsRevoked,
  countedOf,
  countKeptBack,
  countReceived,
  endedByCount,
  isCountedHere,
  isCountKnown,
  isLive,
  isPlain,
  isQueueKnown,
  isUnjudged,
  isWithheld,
  maxOf,
  mayBeFormers,
  pendingMaximaOf,
  queueLengthOf,
  queueOf,
  serialOf,
  setMax,
  sidLengthOf,
  sidOf,
  subjectLengthOf,
  subjectOf,
} from "./subscription";

/**
 * Judges one message on its way to the client. Answers whether it passes. One that does not is as if it had never been
 * delivered: it counts for no maximum that is counted here, and grants no reply (client.go `deliverMsg`).
 */
export function deliver(connection: Connection, line: ServerLine): bool {
  const meter = connection.meter;
  if (meter == null) return true;
  if (line.hasLineBreak && !connection.observing) {
    reportUnreadable(connection, ProtocolError.LINE_BREAK);
    return false;
  }
  const sub = connection.subscriptions.findHashed(line.sid, line.sidLength, line.sidHash);
  const access = connection.access;
  if (sub != 0) connection.subscriptions.beginIfAnswered(sub);
  if (sub != 0 && isUnjudged(sub) && !judgeForDelivery(connection, sub, line.subject, line.subjectLength)) {
    reportRevokedDelivery(connection, line);
    // It is judged later, and may go on then.
    if (isUnjudged(sub)) noteKeptBack(connection, line, sub);
    return false;
  }
  // Its maximum is reached or its right lost, and this message was sent before the server knew.
  if (sub != 0 && (endedByCount(sub) || isWithheld(sub)) && !connection.observing) {
    if (bringsRevoked(sub)) reportRevokedDelivery(connection, line);
    else meter.overMaximum();
    return false;
  }
  if ((sub == 0 || mayBeFormers(sub)) && access != null && access.hasLost(line.subject, line.subjectLength)) {
    reportRevokedDelivery(connection, line);
    return false;
  }
  if (access != null && connection.isFiltered && !isAllowed(line, sub) && keepsBack(access, line, sub)) {
    reportDelivery(connection, false, line, access);
    noteKeptBack(connection, line, sub);
    return false;
  }
  const misread = isMisread(connection, line);
  if (misread && !connection.observing) {
    reportUnreadable(connection, ProtocolError.LINE_BREAK);
    noteKeptBack(connection, line, sub);
    return false;
  }
  const shadow = connection.shadow;
  let wouldPass = false;
  // For want of steps nothing would be kept back that a member of a queue group has asked for, so nothing is reported.
  if (shadow != null && shadow.filtering && hasStepsLeft() && keepsBack(shadow, line, sub)) {
    reportDelivery(connection, true, line, shadow);
  } else if (misread) {
    reportUnreadable(connection, ProtocolError.LINE_BREAK);
  } else {
    wouldPass = true;
    if (shadow != null && line.replyLength > 0 && shadow.grantsReplies) {
      shadow.noteReply(line.reply, line.replyLength);
    }
  }
  deliveryPasses(connection, line, sub, meter, wouldPass);
  return true;
}

/** Would the policy have kept back a delivery that passed because its line began in DRY_RUN? Then it grants no answer. */
export function mustNotPass(connection: Connection, access: Access, line: ServerLine): bool {
  const sub = connection.subscriptions.findHashed(line.sid, line.sidLength, line.sidHash);
  if (sub != 0 && bringsRevoked(sub)) return true;
  if ((sub == 0 || mayBeFormers(sub)) && access.hasLost(line.subject, line.subjectLength)) return true;
  if (sub != 0 && isUnjudged(sub) && reasonToEnd(access, sub) != Reason.ALLOWED) return true;
  return isMisread(connection, line) || (connection.isFiltered && keepsBack(access, line, sub));
}

/**
 * Has the policy been asked whether the client may receive on the message's subject, with the queue of the subscription? Then no deny
 * entry matches it. It has for a member of a queue group, which may overlap none (`Permissions.subscribe`), and for one message after
 * the other while the subscription waits to be judged. To ask again took 660 µs for each where 10,000 entries name queues.
 */
function isAllowed(line: ServerLine, sub: usize): bool {
  if (sub == 0) return false;
  if (isUnjudged(sub)) return true;
  if (queueLengthOf(sub) == 0 || !isPlain(sub)) return false;
  return isWithin(line.subject, line.subjectLength, subjectOf(sub), subjectLengthOf(sub));
}

/** Does a deny entry keep the message back? Where nobody knows the queue to which it comes, an entry for any queue does. */
// @ts-ignore: decorator
@inline
function keepsBack(access: Access, line: ServerLine, sub: usize): bool {
  const isKnown = sub != 0 && isQueueKnown(sub);
  const queue = sub != 0 ? queueOf(sub) : 0;
  const queueLength = sub != 0 ? queueLengthOf(sub) : 0;
  return access.keepsBack(line.subject, line.subjectLength, queue, queueLength, isKnown);
}

/** Would the client take the line for another one? */
function isMisread(connection: Connection, line: ServerLine): bool {
  if (line.hasLineBreak) return true;
  const blanks = connection.options.blanks;
  if (blanks == LibraryBlanks.USUAL) return false;
  const headerLength = line.operation == Operation.HMSG ? line.headerLength : NO_HEADERS;
  return isMisreadBy(blanks, headerLength, line.subject, line.subjectLength, line.reply, line.replyLength);
}

/** Counts a message that the server has counted for a maximum, and which does not go to the client. */
function noteKeptBack(connection: Connection, line: ServerLine, sub: usize): void {
  // The server's own answer that nobody listens counts for no maximum there.
  if (sub == 0 || !isLive(sub) || isNoResponders(line)) return;
  countKeptBack(sub);
  endIfReached(connection, sub);
}

/**
 * Counts a message that goes to the client, notes what it answers, asks and grants, and audits it if it is sampled. It is not if a
 * deny entry in DRY_RUN would keep it back, which is reported instead (`wouldPass`).
 */
// @ts-ignore: decorator
@inline
function deliveryPasses(connection: Connection, line: ServerLine, sub: usize, meter: Meter, wouldPass: bool): void {
  const unheard = isNoResponders(line);
  if (sub != 0 && !unheard) {
    countReceived(sub);
    if (isLive(sub) && !endIfReached(connection, sub)) return;
  }
  const access = connection.access;
  let name: u64 = 0;
  if (access != null && line.replyLength > 0 && access.grantsReplies) {
    name = access.noteReply(line.reply, line.replyLength);
  }
  const subjectClass = connection.classOf(line.subject, line.subjectLength);
  meter.allowedPayload(line.operation, subjectClass, line.size);
  connection.messagesOut++;
  connection.bytesOut += <u64>line.size;
  answerDelivered(connection, meter, line.subject, line.subjectLength, unheard);
  if (line.replyLength > 0) requestDelivered(connection, line.reply, line.replyLength, subjectClass, name);
  if (wouldPass) sampleDelivery(connection, line);
}

/**
 * Ends the subscription if its maximum, whoever counts it, is reached. Answers whether the message goes on: without room for the UNSUB
 * the connection has ended, and the message with it.
 */
function endIfReached(connection: Connection, sub: usize): bool {
  const here = isCountedHere(sub);
  if (maxOf(sub) == 0 || countedOf(sub, here) < maxOf(sub)) return true;
  if (here) endCounted(connection, sub);
  else if (isCountKnown(sub)) endReached(connection, sub);
  return !connection.hasJustEnded;
}

/**
 * The server has counted a maximum to its end itself. It is sent an UNSUB all the same: what an account imports it delivers
 * through a copy of the subscription that has no maximum (client.go `addShadowSub`), which would go on when a newer policy
 * revokes the subscription. In DRY_RUN it is not, but for a delivery whose line only began there (to-client.ts `passBegun`).
 */
function endReached(connection: Connection, sub: usize): void {
  if (connection.access == null && !connection.toClientPassed) {
    connection.mayHaveUntold = true;
    connection.subscriptions.end(sub);
    return;
  }
  unsubscribe(connection, sub);
  connection.subscriptions.reach(sub);
}

/** A maximum of which the server knows nothing (client-operations.ts `unsubscribe`) is reached: it is sent an UNSUB. */
function endCounted(connection: Connection, sub: usize): void {
  unsubscribe(connection, sub);
  connection.subscriptions.endByCount(sub);
}

/**
 * Lets the UNSUB of one that has ended here go to the server. Without room for it the connection ends: its sid would go on at the
 * server, and could mean another subject there later.
 */
function unsubscribe(connection: Connection, sub: usize): void {
  if (!unsubscribeLater(connection, sidOf(sub), sidLengthOf(sub))) endAtOnce(connection, ProtocolError.MEMORY);
}

/** The subscription that the record at the front of `pongs` is about; 0 when it is forgotten, or another one has its sid. */
function subscriptionOfPong(connection: Connection): usize {
  const pongs = connection.pongs;
  const sub = connection.subscriptions.find(pongs.name, pongs.nameLength);
  return sub != 0 && serialOf(sub) == pongs.serial ? sub : 0;
}

/**
 * The PONG of a PING before a SUB has come: all that the server delivered before that SUB is here, also to a former
 * subscription with its sid. Or that of a PING behind the UNSUB of a maximum: all that the server delivered beyond it is here.
 */
export function subscriptionBegins(connection: Connection): void {
  const sub = subscriptionOfPong(connection);
  if (sub != 0) connection.subscriptions.begin(sub);
}

/**
 * The PONG of a PING in place of an UNSUB with a maximum has come, or before one where the server counts: all that the server
 * delivered before it has been counted. From here on the maximum holds.
 */
export function maximumTaken(connection: Connection): void {
  const sub = subscriptionOfPong(connection);
  if (sub == 0) return;
  const here = pendingMaximaOf(sub) > 0;
  addPendingMaxima(sub, -i32(here));
  // The former maximum was reached before the server could read this one. That counts where the client has ended it, too.
  if (endedByCount(sub)) return;
  setMax(sub, connection.pongs.maximum, here);
  if (!isLive(sub)) return;
  endIfReached(connection, sub);
  // One that the server counts has nothing to tell, and may be gone now, where there is no room to remember what has ended.
  if (here && connection.access == null) tellMaximum(connection, sub);
}

/**
 * DRY_RUN is about to begin, in which nothing is counted here. The server is told a maximum that only we know, to which is
 * added what we have kept back and it has counted. We count on until that has been sent. A maximum whose PING is still under
 * way is told when its PONG has come.
 */
export function tellMaximum(connection: Connection, sub: usize): void {
  if (!isLive(sub) || !isCountedHere(sub) || pendingMaximaOf(sub) > 0) return;
  if (!tellMaximumLater(connection, sidOf(sub), sidLengthOf(sub))) endAtOnce(connection, ProtocolError.MEMORY);
}
