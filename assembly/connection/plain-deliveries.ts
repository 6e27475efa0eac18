import { DELIVERY_SIZE, LAST_DELIVERY } from "../bytes/hot-page";
import { Operation } from "../nats/operation";
import {
  argumentEnds,
  asciiArgumentEnds,
  firstEnd,
  GLANCE,
  isCrLf,
  isLineEnd,
  laterArgumentEnds,
  LOWEST_OF_ARGUMENTS,
  SHORTEST_ARGUMENTS,
  withoutFirst,
} from "../nats/plain-line";
import { isFewDigits, lastSize, readFewDigits, readPlainSize } from "../nats/plain-size";
import { SERVER_LINE_LIMIT } from "../nats/server-line";
import { SPACE } from "../nats/words";
import { classOf, reasonOf } from "../policy/answer";
import { Reason } from "../policy/reason";
import { Chunk } from "../proxy/chunk";
import { Meter } from "../telemetry/meter";
import { Access } from "./access";
import { Connection } from "./connection";
import { answerDelivered, requestDelivered } from "./exchanges";
import {
  DELIVERY_RUN,
  isAlikeTo,
  keepSubject,
  lastSubjectClass,
  likeLast,
  noteSubject,
  runningLength,
  runsNoMore,
  runsOn,
  useSubjectOf,
} from "./last-subject";
import { NOT_PLAIN, noteUnpicked, plainEnd } from "./plain-judgement";
import { countReceived, isPlainWithoutMax } from "./subscription";

/** `MSG `, as a little-endian number. nats-server writes no other case. */
const MSG_BLANK: u32 = 0x2047534d;
/** Bytes of it. */
const VERB: usize = 4;

/**
 * The short way of messages that go to their client unasked: `MSG subject sid [reply] size`. Takes as many as it can and answers the
 * position of what is anything else, which goes the long way (to-client.ts).
 */
export function passPlainDeliveries(connection: Connection, chunk: Chunk, position: i32): i32 {
  const p = chunk.address(position);
  if (p + VERB > chunk.address(chunk.viewEnd) || load<u32>(p) != MSG_BLANK) return position;
  if (connection.mayMisreadMsg) return position;
  const access = connection.strictest;
  const meter = connection.meter;
  if (access == null || meter == null) return position;
  // Where a deny entry names a queue, the subject alone does not tell.
  if (asksPolicy(connection) && access.permissions.deniesQueues) return position;
  const end = plainEnd(connection, chunk, position);
  const passed = connection.messagesOut;
  const next = passUpTo(end, connection, chunk, position, access, meter);
  noteUnpicked(connection, connection.messagesOut - passed);
  return next;
}

/** Is the policy asked about deliveries, to keep them back, or to report that it would? */
// @ts-ignore: decorator
@inline
export function asksPolicy(connection: Connection): bool {
  const shadow = connection.shadow;
  return connection.isFiltered || (shadow != null && shadow.filtering);
}

/** `passPlainDeliveries` for lines up to `end`, none of which is audited. */
// @ts-ignore: decorator
@inline
function passUpTo(end: usize, connection: Connection, chunk: Chunk, position: i32, access: Access, meter: Meter): i32 {
  // As in plain-publishes.ts.
  if (connection.receivesRequests) {
    const p = chunk.address(position);
    const next = endLonger(passLonger(connection, p, end, access, meter), connection, chunk, meter);
    if (next == position || next >= chunk.viewEnd) return next;
    position = next;
  }
  return pass(end, connection, chunk, position, access, meter);
}

/**
 * Takes lines `MSG subject sid size` whose end is within the bytes seen at a glance, like `pass` of plain-publishes.ts, and
 * leaves others to `passLonger`.
 */
function pass(end: usize, connection: Connection, chunk: Chunk, position: i32, access: Access, meter: Meter): i32 {
  const subscriptions = connection.subscriptions;
  const permissions = access.permissions;
  const filtering = asksPolicy(connection);
  const lowest = v128.load(LOWEST_OF_ARGUMENTS);
  useSubjectOf(LAST_DELIVERY, permissions.deliveryNumber(filtering));
  const last = end - (VERB + SHORTEST_ARGUMENTS);
  let p = chunk.address(position);
  while (true) {
    // A payload may take `p` behind the view. Sums of addresses and sizes do not wrap: the window lies low in memory.
    while (p <= last) {
      if (load<u32>(p) != MSG_BLANK) break;
      const subject = p + VERB;
      const low = v128.load(subject);
      const high = v128.load(subject, 16);
      const ends = asciiArgumentEnds(low, high, lowest);
      const endsBehindSubject = withoutFirst(ends);
      const endsBehindSid = withoutFirst(endsBehindSubject);
      const alike = likeLast(LAST_DELIVERY, low, high);
      if (isAlikeTo(endsBehindSid, alike)) {
        // The line begins like the one before, which went to this subscription, up to the end of its size.
        const sameEnd = subject + runningLength(LAST_DELIVERY);
        if (sameEnd + 2 <= end) {
          if (isCrLf(sameEnd)) {
            const size = lastSize(DELIVERY_SIZE);
            // It answers no request: the line before has closed the one that waited on this subject.
            countReceived(subscriptions.lastFound);
            DELIVERY_RUN.addAlike(size);
            p = sameEnd + 2 + <usize>size + 2;
            continue;
          }
        }
      }
      let subjectEnd = subject + ctz(ends);
      let sidEnd = subject + ctz(endsBehindSubject);
      let sizeEnd = subject + ctz(endsBehindSid);
      if (endsBehindSid == 0) {
        let laterEnds = laterArgumentEnds(subject);
        if (ends == 0) {
          subjectEnd += ctz(laterEnds);
          laterEnds = withoutFirst(laterEnds);
        }
        if (endsBehindSubject == 0) {
          sidEnd += ctz(laterEnds);
          laterEnds = withoutFirst(laterEnds);
        }
        sizeEnd += ctz(laterEnds);
      }
      // An end that is not in sight counts as 64 bytes away (ctz of 0 is 32, twice): too far for a size of few digits.
      const sid = subjectEnd + 1;
      const sidLength = <i32>(sidEnd - sid);
      if (sidLength <= 0) break;
      if (load<u8>(sidEnd) != SPACE) break;
      const digits = <i32>(sizeEnd - sidEnd) - 1;
      if (!isFewDigits(digits)) break;
      if (sizeEnd + 2 > end) break;
      if (!isCrLf(sizeEnd)) break;
      const size = readFewDigits(sizeEnd, digits, DELIVERY_SIZE);
      if (size < 0) break;
      const length = <i32>(subjectEnd - subject);
      let subjectClass: i32;
      if (isAlikeTo(ends, alike)) subjectClass = lastSubjectClass(LAST_DELIVERY);
      else {
        if (subjectEnd == subject) break;
        if (load<u8>(subjectEnd) != SPACE) break;
        if (filtering) {
          const answer =
            ends == 0 ? permissions.deliveryAnswer(subject, length) : permissions.otherDeliveryAnswer(subject, length);
          subjectClass = reasonOf(answer) == Reason.ALLOWED ? classOf(answer) : NOT_PLAIN;
        } else subjectClass = permissions.classOf(subject, length);
      }
      if (subjectClass == NOT_PLAIN) return endAt(p, connection, chunk, meter);
      if (ends != 0) noteSubject(LAST_DELIVERY, subject, subjectClass);
      runsNoMore(LAST_DELIVERY);
      const sub = subscriptions.findAgain(sid, sidLength);
      if (sub != 0) {
        if (!isPlainWithoutMax(sub)) return endAt(p, connection, chunk, meter);
        countReceived(sub);
        // Of a longer line the next one's size is not compared with this one's (`isAlikeTo`).
        if (endsBehindSid != 0) runsOn(LAST_DELIVERY, <i32>(sizeEnd - subject));
      } else if (judgesUnknown(connection)) return endAt(p, connection, chunk, meter);
      answerDelivered(connection, meter, subject, length);
      DELIVERY_RUN.add(subjectClass, size);
      p = sizeEnd + 2 + <usize>size + 2;
    }
    if (p > last) break;
    const from = p;
    p = passLonger(connection, from, end, access, meter);
    if (p == from) break;
    runsNoMore(LAST_DELIVERY);
  }
  return endAt(p, connection, chunk, meter);
}

/**
 * Must deliveries for a sid that is not known go the long way? They may have been judged by an older policy alone
 * (deliveries.ts).
 */
export function judgesUnknown(connection: Connection): bool {
  const access = connection.access;
  return access != null && access.succeeds;
}

/**
 * The pass is over at `p`: counts what is not counted yet, and notes what is left of the last payload. Answers the position.
 */
function endAt(p: usize, connection: Connection, chunk: Chunk, meter: Meter): i32 {
  keepSubject(LAST_DELIVERY);
  return endLonger(p, connection, chunk, meter);
}

/** The same where nothing has gone through the loop of `pass`. */
// @ts-ignore: decorator
@inline
function endLonger(p: usize, connection: Connection, chunk: Chunk, meter: Meter): i32 {
  DELIVERY_RUN.end(Operation.MSG, meter, connection);
  return passedTo(p, connection, chunk);
}

/** Deliveries up to `p` have passed. Notes what is left of the last payload, and answers the position. */
// @ts-ignore: decorator
@inline
export function passedTo(p: usize, connection: Connection, chunk: Chunk): i32 {
  const next = chunk.position(p);
  if (next <= chunk.size) return next;
  // This payload passes, though that of a delivery before may have been dropped.
  connection.dropsDelivery = false;
  connection.toClientPayload = next - chunk.size;
  return chunk.size;
}

/**
 * The delivery grants an answer by what is enforced, and by rules in DRY_RUN as well. Answers the reply subject's `hashBytes64` if
 * that was needed, else 0.
 */
export function noteReply(connection: Connection, reply: usize, length: i32): u64 {
  const access = connection.access;
  const shadow = connection.shadow;
  const name = shadow == null ? 0 : shadow.noteReply(reply, length);
  return access != null && access.grantsReplies ? access.noteReply(reply, length) : name;
}

/**
 * Like that of plain-publishes.ts. It judges as `pass` does, in code of its own: one function for both, though inlined, makes
 * each message ×1.04, and `isArgument` in place of its three questions makes one of JetStream ×1.05.
 */
function passLonger(connection: Connection, from: usize, end: usize, access: Access, meter: Meter): usize {
  const subscriptions = connection.subscriptions;
  const permissions = access.permissions;
  const filtering = asksPolicy(connection);
  const last = end - (VERB + SHORTEST_ARGUMENTS);
  let p = from;
  while (p <= last) {
    if (load<u32>(p) != MSG_BLANK) break;
    const subject = p + VERB;
    const ends = argumentEnds(subject);
    const subjectEnd = firstEnd(ends, subject, subject, end);
    if (subjectEnd == subject) break;
    if (subjectEnd >= end) break;
    if (load<u8>(subjectEnd) != SPACE) break;
    const sid = subjectEnd + 1;
    const endsBehindSubject = withoutFirst(ends);
    const sidEnd = firstEnd(endsBehindSubject, subject, sid, end);
    if (sidEnd == sid) break;
    if (sidEnd >= end) break;
    if (load<u8>(sidEnd) != SPACE) break;
    let sizeBegin = sidEnd + 1;
    const endsBehindSid = withoutFirst(endsBehindSubject);
    let sizeEnd = firstEnd(endsBehindSid, subject, sizeBegin, end);
    const reply = sizeBegin;
    let replyLength = 0;
    if (isLineEnd(sizeEnd, end)) {
      if (sizeEnd - subject < GLANCE && p != from) break;
    } else {
      if (sizeEnd == reply) break;
      if (sizeEnd >= end) break;
      if (load<u8>(sizeEnd) != SPACE) break;
      replyLength = <i32>(sizeEnd - reply);
      sizeBegin = sizeEnd + 1;
      sizeEnd = firstEnd(withoutFirst(endsBehindSid), subject, sizeBegin, end);
      if (!isLineEnd(sizeEnd, end)) break;
    }
    if (sizeEnd - p > <usize>SERVER_LINE_LIMIT) break;
    const size = readPlainSize(sizeBegin, sizeEnd, DELIVERY_SIZE);
    if (size < 0) break;
    const length = <i32>(subjectEnd - subject);
    let subjectClass: i32;
    if (filtering) {
      const answer = permissions.deliveryAnswer(subject, length);
      if (reasonOf(answer) != Reason.ALLOWED) break;
      subjectClass = classOf(answer);
    } else subjectClass = permissions.classOf(subject, length);
    const sub = subscriptions.findAgain(sid, <i32>(sidEnd - sid));
    if (sub != 0) {
      if (!isPlainWithoutMax(sub)) break;
      countReceived(sub);
    } else if (judgesUnknown(connection)) break;
    const name = replyLength > 0 && access.grantsReplies ? noteReply(connection, reply, replyLength) : 0;
    connection.receivesRequests = replyLength > 0;
    answerDelivered(connection, meter, subject, length);
    if (replyLength > 0) requestDelivered(connection, reply, replyLength, subjectClass, name);
    DELIVERY_RUN.add(subjectClass, size);
    p = sizeEnd + 2 + <usize>size + 2;
  }
  return p;
}
