import { LAST_PUBLISH, PUBLISH_SIZE } from "../bytes/hot-page";
import { Operation } from "../nats/operation";
import {
  argumentEnds,
  asciiArgumentEnds,
  beginsPublish,
  firstEnd,
  GLANCE,
  isArgument,
  isCrLf,
  isLineEnd,
  isSecondBlank,
  laterArgumentEnds,
  LOWEST_OF_ARGUMENTS,
  PUBLISH_VERB,
  SHORTEST_ARGUMENTS,
  withoutFirst,
} from "../nats/plain-line";
import {
  endsLikeLastSize,
  isFewDigits,
  lastSize,
  lastSizeLength,
  readFewDigits,
  readPlainSize,
} from "../nats/plain-size";
import { SPACE } from "../nats/words";
import { allowsPublish, classOf } from "../policy/answer";
import { Permissions } from "../policy/permissions";
import { Chunk } from "../proxy/chunk";
import { Meter } from "../telemetry/meter";
import { Access } from "./access";
import { Connection } from "./connection";
import { owesReplies, replySent } from "./exchanges";
import {
  isAlikeTo,
  keepSubject,
  lastSubjectClass,
  likeLast,
  noteSubject,
  PUBLISH_RUN,
  runningLength,
  runsNoMore,
  runsOn,
  useSubjectOf,
} from "./last-subject";
import { judgePlain, NOT_PLAIN, noteUnpicked, plainEnd } from "./plain-judgement";

/**
 * The short way of what most connections send most: `PUB subject [reply] size` on a subject that is allowed or
 * was granted. Takes as many as it can and answers the position of what is anything else, which goes the long way
 * (to-server.ts). Nothing is decided here that would be decided otherwise there.
 */
export function passPlainPublishes(connection: Connection, chunk: Chunk, position: i32): i32 {
  const p = chunk.address(position);
  if (p + PUBLISH_VERB > chunk.address(chunk.viewEnd) || !beginsPublish(p)) return position;
  const access = connection.strictest;
  const meter = connection.meter;
  if (access == null || meter == null || connection.dueUnsubscribes.length > 0) return position;
  const end = plainEnd(connection, chunk, position);
  const passed = connection.messagesIn;
  const next = passUpTo(end, connection, chunk, position, access, meter);
  noteUnpicked(connection, connection.messagesIn - passed);
  return next;
}

/** The same for lines up to `end`, none of which is audited. */
// @ts-ignore: decorator
@inline
function passUpTo(end: usize, connection: Connection, chunk: Chunk, position: i32, access: Access, meter: Meter): i32 {
  // Requests are for `passLonger`. A client that has been asked is likely to answer now, and about grants it alone asks. One that
  // comes alone, to a cold processor, must not go through the loop of `pass` in vain.
  if (connection.sendsRequests || owesReplies(connection)) {
    const p = chunk.address(position);
    const next = endLonger(passLonger(connection, p, end, access.permissions, meter), connection, chunk, meter);
    if (next == position || next >= chunk.viewEnd) return next;
    position = next;
  }
  return pass(end, connection, chunk, position, access.permissions, meter);
}

/**
 * Takes lines `PUB subject size` whose end is within the bytes seen at a glance, as most lines' are, in a loop of its own that
 * asks for little. Other lines are left to `passLonger`, which reads all that may be written plainly.
 */
function pass(
  end: usize,
  connection: Connection,
  chunk: Chunk,
  position: i32,
  permissions: Permissions,
  meter: Meter,
): i32 {
  const largest = connection.largestPayload;
  const lowest = v128.load(LOWEST_OF_ARGUMENTS);
  useSubjectOf(LAST_PUBLISH, permissions.publishNumber);
  const last = end - (PUBLISH_VERB + SHORTEST_ARGUMENTS);
  let p = chunk.address(position);
  while (true) {
    // A payload may take `p` behind the view. Sums of addresses and sizes do not wrap: the window lies low in memory.
    while (p <= last) {
      if (!beginsPublish(p)) break;
      const subject = p + PUBLISH_VERB;
      const low = v128.load(subject);
      const high = v128.load(subject, 16);
      const ends = asciiArgumentEnds(low, high, lowest);
      const isAgain = isAlikeTo(ends, likeLast(LAST_PUBLISH, low, high));
      if (isAgain) {
        // Computed from the line before: if it were read from this line's own bytes, all that follows would wait for them.
        const sameEnd = subject + runningLength(LAST_PUBLISH) + lastSizeLength(PUBLISH_SIZE);
        if (sameEnd + 2 <= end) {
          if (endsLikeLastSize(sameEnd, PUBLISH_SIZE)) {
            if (isCrLf(sameEnd)) {
              // Within the limit, as the line before, which has passed in this run, and has closed the request that it replies to.
              const size = lastSize(PUBLISH_SIZE);
              PUBLISH_RUN.addAlike(size);
              p = sameEnd + 2 + <usize>size + 2;
              continue;
            }
          }
        }
      }
      const endsBehindSubject = withoutFirst(ends);
      let sizeEnd = subject + ctz(endsBehindSubject);
      if (endsBehindSubject == 0) {
        const laterEnds = laterArgumentEnds(subject);
        sizeEnd += ctz(ends == 0 ? withoutFirst(laterEnds) : laterEnds);
      }
      // Within any limit: `limits.controlLine` is at least 128. An end that is not in sight counts as 64 bytes away.
      if (sizeEnd + 2 > end) break;
      if (!isCrLf(sizeEnd)) break;
      let subjectEnd = subject + ctz(ends);
      if (ends == 0) subjectEnd += ctz(laterArgumentEnds(subject));
      // An end that is not in sight is too far away for few digits.
      const digits = <i32>(sizeEnd - subjectEnd) - 1;
      if (!isFewDigits(digits)) break;
      const size = readFewDigits(sizeEnd, digits, PUBLISH_SIZE);
      // NO_PLAIN_SIZE is negative, and so more than any limit as an unsigned number.
      if (<u32>size > <u32>largest) break;
      const length = <i32>(subjectEnd - subject);
      let subjectClass: i32;
      if (isAgain) {
        subjectClass = lastSubjectClass(LAST_PUBLISH);
        if (subjectClass == NOT_PLAIN) break;
      } else {
        if (subjectEnd == subject) break;
        if (load<u8>(subjectEnd) != SPACE) break;
        let answer: u64;
        if (ends == 0) answer = judgeLong(permissions, subject, length);
        else answer = permissions.otherPublishAnswer(subject, length);
        // It may have been granted, about which `passLonger` asks: asking here would cost every other line 0.6 ns.
        if (!allowsPublish(answer)) break;
        subjectClass = classOf(answer);
        if (ends != 0) noteSubject(LAST_PUBLISH, subject, subjectClass);
      }
      replySent(connection, meter, subject, length);
      PUBLISH_RUN.add(subjectClass, size);
      if (ends == 0) runsNoMore(LAST_PUBLISH);
      else runsOn(LAST_PUBLISH, length);
      p = sizeEnd + 2 + <usize>size + 2;
    }
    if (p > last) break;
    const from = p;
    p = passLonger(connection, from, end, permissions, meter);
    if (p == from) break;
    runsNoMore(LAST_PUBLISH);
  }
  return endAt(p, connection, chunk, meter);
}

/**
 * The answer about a subject whose end is not among the first 32 bytes. A function of its own, since code in the loop costs each
 * line.
 */
function judgeLong(permissions: Permissions, subject: usize, length: i32): u64 {
  return permissions.publishAnswer(subject, length);
}

/**
 * The pass is over at `p`: counts what is not counted yet, and notes what is left of the last payload. Answers the position.
 */
function endAt(p: usize, connection: Connection, chunk: Chunk, meter: Meter): i32 {
  keepSubject(LAST_PUBLISH);
  return endLonger(p, connection, chunk, meter);
}

/** The same where nothing has gone through the loop of `pass`. */
// @ts-ignore: decorator
@inline
function endLonger(p: usize, connection: Connection, chunk: Chunk, meter: Meter): i32 {
  PUBLISH_RUN.end(Operation.PUB, meter, connection);
  return publishedTo(p, connection, chunk);
}

/** What begins at `p` is not taken here: notes how much of the last payload is still to come. Answers the position. */
export function publishedTo(p: usize, connection: Connection, chunk: Chunk): i32 {
  const next = chunk.position(p);
  if (next <= chunk.size) return next;
  connection.toServerPayload = next - chunk.size;
  return chunk.size;
}

/**
 * Takes the line at `from`, and those behind it up to one that is for `pass` and follows no reply that was granted. Answers
 * where that begins; `from` when it could not take any.
 */
function passLonger(connection: Connection, from: usize, end: usize, permissions: Permissions, meter: Meter): usize {
  const largest = connection.largestPayload;
  const lineLimit = <usize>connection.controlLineLimit;
  const last = end - (PUBLISH_VERB + SHORTEST_ARGUMENTS);
  let p = from;
  // After an answer that was granted another one is likely to follow, which `pass` would only leave to this function again.
  let behindGranted = false;
  while (p <= last) {
    if (!beginsPublish(p)) break;
    const subject = p + PUBLISH_VERB;
    const ends = argumentEnds(subject);
    const subjectEnd = firstEnd(ends, subject, subject, end);
    if (!isArgument(subject, subjectEnd, end)) break;
    let sizeBegin = subjectEnd + 1;
    let endsBehindSubject = withoutFirst(ends);
    let sizeEnd = firstEnd(endsBehindSubject, subject, sizeBegin, end);
    let reply = sizeBegin;
    let replyLength = 0;
    if (isLineEnd(sizeEnd, end)) {
      if (sizeEnd - subject < GLANCE && p != from && !behindGranted) break;
    } else {
      if (isSecondBlank(sizeBegin)) {
        reply = ++sizeBegin;
        endsBehindSubject = withoutFirst(endsBehindSubject);
        sizeEnd = firstEnd(endsBehindSubject, subject, sizeBegin, end);
      }
      if (!isLineEnd(sizeEnd, end)) {
        if (!isArgument(reply, sizeEnd, end)) break;
        replyLength = <i32>(sizeEnd - reply);
        sizeBegin = sizeEnd + 1;
        sizeEnd = firstEnd(withoutFirst(endsBehindSubject), subject, sizeBegin, end);
        if (!isLineEnd(sizeEnd, end)) break;
      }
    }
    if (sizeEnd - subject > lineLimit) break;
    const size = readPlainSize(sizeBegin, sizeEnd, PUBLISH_SIZE);
    if (<u32>size > <u32>largest) break;
    const length = <i32>(subjectEnd - subject);
    const answer = permissions.publishAnswer(subject, length);
    behindGranted = !allowsPublish(answer);
    const subjectClass = judgePlain(connection, meter, permissions, answer, subject, length, reply, replyLength);
    if (subjectClass == NOT_PLAIN) break;
    connection.sendsRequests = replyLength > 0;
    PUBLISH_RUN.add(subjectClass, size);
    p = sizeEnd + 2 + <usize>size + 2;
  }
  return p;
}
