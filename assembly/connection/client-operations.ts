import { shareBytes } from "../bytes/budget";
import { FixedText } from "../bytes/fixed-text";
import { ClientLine } from "../nats/client-line";
import { mayMisreadMsg } from "../nats/library-blanks";
import { Operation } from "../nats/operation";
import { isInsertable, isLiteral, Tokens } from "../nats/subject";
import { PING_LINE, PONG_LINE, Violation } from "../nats/texts";
import { NONE } from "../policy/none";
import { Reason } from "../policy/reason";
import { NO_SUBJECT } from "../policy/subject-classes";
import { Chunk } from "../proxy/chunk";
import { Meter } from "../telemetry/meter";
import { NO_PROTOCOL_ERROR, ProtocolError } from "../telemetry/protocol-error";
import { Access } from "./access";
import { Connection, FirstPing, Phase } from "./connection";
import { writeUnsubscribe } from "./due-unsubscribes";
import { endRevoked, endUnreadable } from "./endings";
import { pingSent, replySent, requestSent } from "./exchanges";
import { Pong } from "./expected-pongs";
import { beginAnew } from "./further-connect";
import { ownBytes } from "./holdings";
import { notePing, writePing } from "./pings";
import { reportDryRun, reportRefusal, sample } from "./report";
import { noteLimited, noteSid } from "./stray-subscriptions";
import {
  addPendingMaxima,
  countedOf,
  hasFormer,
  isCountKnown,
  isCountedHere,
  isLive,
  maxOf,
  noteReuse,
  pendingMaximaOf,
  queueLengthOf,
  serialOf,
  setMax,
} from "./subscription";

/**
 * What becomes of each operation of a client. The functions answer the position behind what they took; a refusal
 * leaves a record of the text in `pongs` and a PING in the stream, and costs the client nothing else, but for an answer the use of
 * its grant (`Access.publish`).
 */

const tokens: Tokens = new Tokens();

/**
 * Judges the operation that `line` has read at `position`, and edits the chunk as that demands. Answers the position behind all
 * that was taken.
 */
export function judge(connection: Connection, chunk: Chunk, line: ClientLine, position: i32): i32 {
  const next = chunk.position(line.next);
  const meter = connection.meter;
  if (meter == null) return unreadable(connection, chunk, position, ProtocolError.HOST);
  switch (line.operation) {
    case Operation.PUB:
    case Operation.HPUB:
      return publish(connection, chunk, line, position, meter);
    case Operation.SUB:
      return subscribe(connection, chunk, line, position, meter);
    case Operation.UNSUB:
      return countSent(connection, Operation.UNSUB, unsubscribe(connection, chunk, line, position), meter);
    case Operation.PING:
      return countSent(connection, Operation.PING, ping(connection, chunk, line, position), meter);
    case Operation.CONNECT:
      return connect(connection, chunk, line, position, meter);
    case Operation.PONG:
      // nats-server skips all that stands behind the verb. Bytes that mean nothing are not forwarded.
      if (line.hasTail) replace(chunk, position, next, PONG_LINE);
      return next;
    case Operation.OK:
      // Does nothing at the server (parser.go OP_PLUS_OK), which refuses it before authentication.
      if (!connection.awaitsAuthentication) chunk.drop(position, next);
      return next;
  }
  // INFO: nats-server reads it, closes if it is no JSON, and does nothing with it on a client's connection.
  return next;
}

function publish(connection: Connection, chunk: Chunk, line: ClientLine, position: i32, meter: Meter): i32 {
  const fault = lineFault(connection, line);
  if (fault != NO_PROTOCOL_ERROR) return unreadable(connection, chunk, position, fault);
  // An HPUB comes here without all of its headers only if they are too many to be held (to-server.ts `isReady`).
  const headersHeld = line.headerLength <= connection.headersLimit;
  const access = connection.access;
  const reason = access == null ? Reason.ALLOWED : access.publish(line, headersHeld, connection.toldLargestPayload);
  // Rules in DRY_RUN are asked only about what passes: what is refused does not happen.
  const shadow = connection.shadow;
  let would = Reason.ALLOWED;
  if (shadow != null && reason == Reason.ALLOWED) {
    would = shadow.publish(line, headersHeld, connection.toldLargestPayload);
    if (would != Reason.ALLOWED) reportDryRun(connection, line, would, shadow);
  }
  const next = chunk.position(line.next);
  connection.toServerPayload = line.size + 2;
  if (reason == Reason.ALLOWED || access == null) {
    publishPasses(connection, line, meter);
    if (would == Reason.ALLOWED) sample(connection, line);
    return next;
  }
  reportRefusal(connection, line, reason, access);
  if (!connection.pongs.pushName(publishPong(connection, line, access), access.name, access.nameLength)) {
    return unreadable(connection, chunk, position, ProtocolError.MEMORY);
  }
  connection.dropsPayload = true;
  chunk.drop(position, next);
  return next;
}

/** Counts a publish that goes to the server, and notes what it answers or asks. */
// @ts-ignore: decorator
@inline
function publishPasses(connection: Connection, line: ClientLine, meter: Meter): void {
  const access = connection.access;
  // Where permissions were asked, they have found the class together with their answer.
  const subjectClass =
    access != null ? access.permissions.subjectClass : connection.classOf(line.subject, line.subjectLength);
  meter.allowedPayload(line.operation, subjectClass, line.size);
  connection.messagesIn++;
  connection.bytesIn += <u64>line.size;
  replySent(connection, meter, line.subject, line.subjectLength);
  if (line.replyLength > 0) {
    requestSent(connection, line.subject, line.subjectLength, line.reply, line.replyLength, subjectClass);
  }
}

/**
 * Why nats-server ends the connection at the control line of this PUB or HPUB, before it asks for any permission and without
 * the payload: a ProtocolError, or NO_PROTOCOL_ERROR.
 */
export function lineFault(connection: Connection, line: ClientLine): i32 {
  if (line.operation == Operation.HPUB && !(connection.options.headers && connection.serverHeaders)) {
    return ProtocolError.HEADERS_UNSUPPORTED;
  }
  return line.size > connection.largestPayload ? ProtocolError.PAYLOAD_SIZE : NO_PROTOCOL_ERROR;
}

/**
 * What the PONG for a refused publish becomes. In pedantic mode nats-server complains of a subject that is no literal before it
 * looks at permissions.
 */
function publishPong(connection: Connection, line: ClientLine, access: Access): Pong {
  if (access.violation == Violation.SUBSCRIPTION) return Pong.SUBSCRIPTION_VIOLATION;
  const complains = connection.options.pedantic && !isLiteral(tokens, line.subject, line.subjectLength);
  if (access.violation == Violation.REPLY) {
    return complains ? Pong.PEDANTIC_REPLY_VIOLATION : Pong.REPLY_VIOLATION;
  }
  return complains ? Pong.PEDANTIC_PUBLISH_VIOLATION : Pong.PUBLISH_VIOLATION;
}

function subscribe(connection: Connection, chunk: Chunk, line: ClientLine, position: i32, meter: Meter): i32 {
  const access = connection.access;
  const reason = access == null ? Reason.ALLOWED : access.subscribe(line);
  if (reason != Reason.ALLOWED && access != null) {
    reportRefusal(connection, line, reason, access);
    return refuseSubscription(connection, chunk, line, position);
  }
  const next = chunk.position(line.next);
  // nats-server's limit is asked before the sid, so a repeated sid is over it too (client.go processSubEx).
  const isOneTooMany = connection.subscriptions.liveCount >= connection.subscriptionsLimit;
  if (isOneTooMany && access != null) {
    access.rule = NONE;
    reportRefusal(connection, line, Reason.TOO_MANY_SUBSCRIPTIONS, access);
    if (!connection.pongs.push(Pong.SUBSCRIPTIONS_EXCEEDED)) {
      return unreadable(connection, chunk, position, ProtocolError.MEMORY);
    }
    return replaceByPing(connection, chunk, position, next);
  }
  const would = subscribeInDryRun(connection, line, isOneTooMany);
  connection.hasSubscribed = true;
  const mayBeForgotten = noteSid(connection, line.sid, line.sidLength);
  let end = next;
  if (isOneTooMany) connection.hasUnrecorded = true;
  // Where it cannot be inserted, nats-server refuses it, and makes no subscription.
  else if (isInsertable(tokens, line.subject, line.subjectLength)) {
    end = recordSubscription(connection, chunk, line, position, mayBeForgotten);
  }
  if (!goesOn(connection)) return end;
  meter.allowed(Operation.SUB, connection.classOf(line.subject, line.subjectLength));
  if (would == Reason.ALLOWED) sample(connection, line);
  return end;
}

/** Counts the operation in hand, behind which `end` is, if nats-server gets it. Answers `end`. */
function countSent(connection: Connection, operation: Operation, end: i32, meter: Meter): i32 {
  if (goesOn(connection)) meter.allowed(operation, NO_SUBJECT);
  return end;
}

/** Has the operation in hand not ended the connection, so that nats-server gets it? */
function goesOn(connection: Connection): bool {
  return connection.phase != Phase.ENDING && !connection.hasJustEnded;
}

/** Reports a SUB that rules in DRY_RUN would refuse, and answers why they would, or ALLOWED. */
// @ts-ignore: decorator
@inline
function subscribeInDryRun(connection: Connection, line: ClientLine, isOneTooMany: bool): Reason {
  const shadow = connection.shadow;
  if (shadow == null) return Reason.ALLOWED;
  let would = shadow.subscribe(line);
  if (would == Reason.ALLOWED && isOneTooMany) {
    would = Reason.TOO_MANY_SUBSCRIPTIONS;
    shadow.rule = NONE;
  }
  if (would != Reason.ALLOWED) reportDryRun(connection, line, would, shadow);
  return would;
}

/**
 * Records the subscription of a SUB that goes to the server. `mayBeForgotten` is what `noteSid` has answered about its sid. Answers
 * the position behind all that was taken.
 */
function recordSubscription(
  connection: Connection,
  chunk: Chunk,
  line: ClientLine,
  position: i32,
  mayBeForgotten: bool,
): i32 {
  const access = connection.access;
  const next = chunk.position(line.next);
  const known = connection.subscriptions.find(line.sid, line.sidLength);
  if (known != 0 && isLive(known)) {
    noteReuse(known, line.subject, line.subjectLength, line.queue, line.queueLength);
    return next;
  }
  // The server would ignore the SUB and go on with a subscription that no policy has judged, whose messages would pass for this one's.
  if (known == 0 && mayBeForgotten && access != null) {
    endRevoked(connection, Reason.NOT_ALLOWED);
    return chunk.size;
  }
  // The server, which has not had the UNSUB of this one, ignores the SUB. Only in DRY_RUN may a SUB go before an UNSUB that is due.
  if (known != 0 && access == null && connection.subscriptions.isUntold(known)) return next;
  // One client must not use up what all share. What others make it hold (`grantedBytes`) does not keep it from subscribing.
  if (ownBytes(connection) > shareBytes()) return unreadable(connection, chunk, position, ProtocolError.MEMORY);
  const added = connection.subscriptions.add(
    line.sid,
    line.sidLength,
    line.subject,
    line.subjectLength,
    line.queue,
    line.queueLength,
    access == null,
  );
  if (added == 0) return unreadable(connection, chunk, position, ProtocolError.MEMORY);
  if (!hasFormer(added) || access == null) return next;
  // A PING goes before the SUB. Its PONG shows that all is here that the server sent to the former subscription with this sid.
  if (!connection.pongs.pushSubscription(Pong.BEGINS, line.sid, line.sidLength, serialOf(added))) {
    return unreadable(connection, chunk, position, ProtocolError.MEMORY);
  }
  replaceByPing(connection, chunk, position, position);
  return next;
}

function refuseSubscription(connection: Connection, chunk: Chunk, line: ClientLine, position: i32): i32 {
  const pongs = connection.pongs;
  const remembered =
    line.queueLength > 0
      ? pongs.pushNameAndQueue(Pong.QUEUE_VIOLATION, line.subject, line.subjectLength, line.queue, line.queueLength)
      : pongs.pushName(Pong.SUBSCRIPTION_VIOLATION, line.subject, line.subjectLength);
  if (!remembered) return unreadable(connection, chunk, position, ProtocolError.MEMORY);
  return replaceByPing(connection, chunk, position, chunk.position(line.next));
}

/**
 * Keeps the same books as nats-server does of its subscriptions. While deliveries are filtered, its count would include
 * messages that the client never got. So a maximum is counted here then, a PING takes the place of the UNSUB, and the server is
 * sent the UNSUB when the maximum is reached. What the server has delivered before that PING counts, but is not cut off by the
 * maximum (docs/adr/0011). Where the server counts, a PING goes before a further UNSUB with a maximum: until its PONG the former
 * one holds, which may end the subscription first.
 */
function unsubscribe(connection: Connection, chunk: Chunk, line: ClientLine, position: i32): i32 {
  const next = chunk.position(line.next);
  const subscriptions = connection.subscriptions;
  const sub = subscriptions.find(line.sid, line.sidLength);
  if (sub == 0 || !isLive(sub)) return endAtServer(connection, chunk, line, position);
  const here = countsHere(connection, sub);
  if (line.maxMessages <= 0 || (line.maxMessages <= countedOf(sub, here) && isCountKnown(sub))) {
    subscriptions.end(sub);
    return endAtServer(connection, chunk, line, position);
  }
  if (!here && (connection.observing || maxOf(sub) == 0)) {
    noteLimited(connection, line.sid, line.sidLength);
    setMax(sub, line.maxMessages, false);
    return next;
  }
  const kind = here && connection.options.verbose ? Pong.MAXIMUM_OK : Pong.MAXIMUM;
  if (!connection.pongs.pushSubscription(kind, line.sid, line.sidLength, serialOf(sub), line.maxMessages)) {
    return unreadable(connection, chunk, position, ProtocolError.MEMORY);
  }
  addPendingMaxima(sub, i32(here));
  replaceByPing(connection, chunk, position, here ? next : position);
  return next;
}

/**
 * The subscription has ended here or was never there, so the server must not go on with it. A maximum above the server's own
 * count would make it do so: the UNSUB goes without one.
 */
function endAtServer(connection: Connection, chunk: Chunk, line: ClientLine, position: i32): i32 {
  const next = chunk.position(line.next);
  if (line.maxMessages <= 0) return next;
  if (connection.access == null) {
    noteLimited(connection, line.sid, line.sidLength);
    return next;
  }
  chunk.drop(position, next);
  writeUnsubscribe(chunk, line.sid, line.sidLength, 0);
  return next;
}

/**
 * Is the maximum of a subscription counted here? Otherwise the server counts, and counts messages that are kept back here too
 * (docs/adr/0011).
 */
function countsHere(connection: Connection, sub: usize): bool {
  if (isCountedHere(sub) || pendingMaximaOf(sub) > 0) return true;
  return connection.isFiltered && maxOf(sub) == 0 && queueLengthOf(sub) == 0;
}

function ping(connection: Connection, chunk: Chunk, line: ClientLine, position: i32): i32 {
  const next = chunk.position(line.next);
  pingSent(connection, connection.pongs.isEmpty);
  notePing(connection, FirstPing.CLIENT);
  // In DRY_RUN too: under a later policy its PONG would be taken for that of a PING of ours, before which a message may still come.
  if (!connection.pongs.pushClient()) return unreadable(connection, chunk, position, ProtocolError.MEMORY);
  connection.subscriptions.pinged();
  if (line.hasTail) replace(chunk, position, next, PING_LINE);
  return next;
}

function connect(connection: Connection, chunk: Chunk, line: ClientLine, position: i32, meter: Meter): i32 {
  const again = connection.options.received;
  const hadHeaders = connection.options.headers;
  if (!connection.options.read(line.argument, line.argumentLength)) {
    return unreadable(connection, chunk, position, ProtocolError.CONNECT_JSON);
  }
  connection.mayMisreadMsg = mayMisreadMsg(connection.options.blanks);
  // nats-server asks twice whether a subscriber takes headers: for the MSG line, without a lock, and for the payload behind it
  // (client.go `msgHeader`, `deliverMsg`). If that changes in between, the line has the wrong size, and a publisher's headers are
  // lines, or its next messages are payload, for whoever reads on (2.15.2, tried).
  if (connection.hasSubscribed && connection.options.headers != hadHeaders) {
    return unreadable(connection, chunk, position, ProtocolError.HEADERS_CHANGED);
  }
  meter.allowed(Operation.CONNECT, NO_SUBJECT);
  const next = chunk.position(line.next);
  // Where the line began in DRY_RUN, `passBegun` of to-server.ts does that, which can send the PING.
  if (again && !connection.toServerPassed) beginAnew(connection, chunk, next);
  return next;
}

/** Replaces the bytes from `position` to before `next`, or none, by a PING of ours. Answers `next`. */
function replaceByPing(connection: Connection, chunk: Chunk, position: i32, next: i32): i32 {
  chunk.drop(position, next);
  writePing(connection, chunk);
  return next;
}

function replace(chunk: Chunk, position: i32, next: i32, text: FixedText): void {
  chunk.drop(position, next);
  chunk.write(text);
}

function unreadable(connection: Connection, chunk: Chunk, position: i32, kind: ProtocolError): i32 {
  endUnreadable(connection, chunk, position, kind);
  return chunk.size;
}
