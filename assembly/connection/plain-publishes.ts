import { Operation } from "../nats/operation";
import {
  argumentEnds,
  endOfArgument,
  firstEnd,
  isLineEnd,
  readPlainSize,
  SHORTEST_ARGUMENTS,
  withoutFirst,
} from "../nats/plain-line";
import { isReservedPublish, isReservedReply } from "../nats/reserved";
import { classOf, reasonOf } from "../policy/answer";
import { Permissions } from "../policy/permissions";
import { Reason } from "../policy/reason";
import { OTHER_CLASS } from "../policy/subject-classes";
import { Chunk } from "../proxy/chunk";
import { Meter } from "../telemetry/meter";
import { Connection } from "./connection";
import { replySent, requestSent } from "./exchanges";

/** `PUB ` as a little-endian number, and what makes letters of either case equal; the blank has none. */
const PUB_BLANK: u32 = 0x20425550;
const CAPITALS: u32 = 0xffdfdfdf;
const BLANK: u8 = 0x20;

/**
 * The short way of what most connections send most: `PUB subject [reply] size` on an allowed subject. Takes as many as it can and
 * answers the position of what is anything else, which goes the long way (to-server.ts). Nothing is decided here that
 * would be decided otherwise there.
 */
export function passPlainPublishes(connection: Connection, chunk: Chunk, position: i32): i32 {
  const p = chunk.address(position);
  if (p + 4 > chunk.address(chunk.viewEnd) || (load<u32>(p) & CAPITALS) != PUB_BLANK) return position;
  const access = connection.access;
  const meter = connection.meter;
  if (access == null || meter == null || connection.shadow != null) return position;
  if (connection.unsubscribe.length > 0 || connection.samples) return position;
  return pass(connection, chunk, position, access.permissions, meter);
}

function pass(connection: Connection, chunk: Chunk, position: i32, permissions: Permissions, meter: Meter): i32 {
  const largest = connection.largestPayload;
  const lineLimit = <usize>connection.controlLineLimit;
  const end = chunk.address(chunk.viewEnd);
  const last = end - (4 + SHORTEST_ARGUMENTS);
  let p = chunk.address(position);
  let runClass = OTHER_CLASS;
  let count = 0;
  let bytes: u64 = 0;
  // A payload may lead behind the view; the window lies where no payload leads round the end of memory.
  while (p <= last) {
    if ((load<u32>(p) & CAPITALS) != PUB_BLANK) break;
    const subject = p + 4;
    const ends = argumentEnds(subject);
    const subjectEnd = firstEnd(ends, subject, subject, end);
    if (subjectEnd == subject) break;
    if (subjectEnd >= end) break;
    if (load<u8>(subjectEnd) != BLANK) break;
    let sizeBegin = subjectEnd + 1;
    let sizeEnd = firstEnd(withoutFirst(ends), subject, sizeBegin, end);
    const reply = sizeBegin;
    let replyLength = 0;
    if (!isLineEnd(sizeEnd, end)) {
      if (sizeEnd == reply) break;
      if (sizeEnd >= end) break;
      if (load<u8>(sizeEnd) != BLANK) break;
      replyLength = <i32>(sizeEnd - reply);
      sizeBegin = sizeEnd + 1;
      sizeEnd = endOfArgument(sizeBegin, end);
      if (!isLineEnd(sizeEnd, end)) break;
    }
    if (sizeEnd - subject > lineLimit) break;
    const size = readPlainSize(sizeBegin, sizeEnd);
    // NOT_PLAIN is negative.
    if (<u32>size > <u32>largest) break;
    const length = <i32>(subjectEnd - subject);
    if (isReservedPublish(subject, length)) break;
    const answer = permissions.publishAnswer(subject, length);
    if (reasonOf(answer) != Reason.ALLOWED) break;
    const subjectClass = classOf(answer);
    if (replyLength > 0 && !mayName(permissions, reply, replyLength)) break;
    replySent(connection, meter, subject, length);
    if (replyLength > 0) requestSent(connection, meter, subject, length, reply, replyLength, subjectClass);
    if (subjectClass != runClass) {
      countRun(connection, meter, runClass, count, bytes);
      runClass = subjectClass;
      count = 0;
      bytes = 0;
    }
    count++;
    bytes += size;
    p = sizeEnd + 2 + <usize>size + 2;
  }
  countRun(connection, meter, runClass, count, bytes);
  const next = chunk.position(p);
  if (next <= chunk.size) return next;
  connection.toServerPayload = next - chunk.size;
  return chunk.size;
}

/** Publishes that came one after the other, of one class. */
function countRun(connection: Connection, meter: Meter, subjectClass: i32, count: i32, bytes: u64): void {
  if (count == 0) return;
  meter.allowedPayloads(Operation.PUB, subjectClass, count, bytes);
  connection.totals.messagesIn += count;
  connection.totals.bytesIn += bytes;
}

/** A reply that is not the peer's own may be allowed all the same; the long way asks further. */
// @ts-ignore: decorator
@inline
function mayName(permissions: Permissions, reply: usize, length: i32): bool {
  return !isReservedReply(reply, length) && permissions.receives(reply, length);
}
