import {
  argumentEnds,
  endOfArgument,
  firstEnd,
  isLineEnd,
  readPlainSize,
  SHORTEST_ARGUMENTS,
  withoutFirst,
} from "../nats/plain-line";
import { Operation } from "../nats/operation";
import { OTHER_CLASS } from "../policy/subject-classes";
import { Chunk } from "../proxy/chunk";
import { Meter } from "../telemetry/meter";
import { Access } from "./access";
import { Connection } from "./connection";
import { answerDelivered, requestDelivered } from "./exchanges";
import { countReceived, isLive, maxOf } from "./subscriptions";

/** `MSG `, as a little-endian number. nats-server writes no other case. */
const MSG_BLANK: u32 = 0x2047534d;

/**
 * The short way of messages that go to their client unasked: `MSG subject sid [reply] size`, while no delivery is
 * filtered and no dry-run rule is asked. Takes as many as it can and answers the position of what is
 * anything else, which goes the long way (to-client.ts).
 */
export function passPlainDeliveries(connection: Connection, chunk: Chunk, position: i32): i32 {
  const p = chunk.address(position);
  if (p + 4 > chunk.address(chunk.viewEnd) || load<u32>(p) != MSG_BLANK) return position;
  const access = connection.access;
  const meter = connection.meter;
  if (access == null || meter == null || connection.shadow != null || connection.samples) return position;
  return access.filtering ? position : pass(connection, chunk, position, access, meter);
}

function pass(connection: Connection, chunk: Chunk, position: i32, access: Access, meter: Meter): i32 {
  const subscriptions = connection.subscriptions;
  const begin = chunk.address(position);
  const end = chunk.address(chunk.viewEnd);
  let p = begin;
  let runClass = OTHER_CLASS;
  let count = 0;
  let bytes: u64 = 0;
  // A payload may lead behind the view, and the largest one round the end of memory.
  while (p + 4 + SHORTEST_ARGUMENTS <= end && p >= begin && load<u32>(p) == MSG_BLANK) {
    const subject = p + 4;
    const ends = argumentEnds(subject);
    const sid = firstEnd(ends, subject, subject, end) + 1;
    const endsBehindSubject = withoutFirst(ends);
    const sidEnd = firstEnd(endsBehindSubject, subject, sid, end);
    if (sid == subject + 1 || sidEnd == sid || sidEnd >= end) break;
    if (load<u8>(sid - 1) != 0x20 || load<u8>(sidEnd) != 0x20) break;
    const reply = sidEnd + 1;
    let replyEnd = reply;
    let size = reply;
    let sizeEnd = firstEnd(withoutFirst(endsBehindSubject), subject, size, end);
    if (sizeEnd < end && load<u8>(sizeEnd) == 0x20 && sizeEnd != size) {
      replyEnd = sizeEnd;
      size = sizeEnd + 1;
      sizeEnd = endOfArgument(size, end);
    }
    if (!isLineEnd(sizeEnd, end)) break;
    const payload = readPlainSize(size, sizeEnd);
    if (payload < 0) break;
    const sub = subscriptions.findAgain(sid, <i32>(sidEnd - sid));
    if (sub != 0) {
      // One that has ended may have to be kept back, and one with a maximum may be at its end.
      if (!isLive(sub) || maxOf(sub) != 0) break;
      countReceived(sub);
    }
    if (replyEnd != reply && access.grantsReplies) access.noteReply(reply, <i32>(replyEnd - reply));
    const length = <i32>(sid - 1 - subject);
    const subjectClass = access.permissions.classOf(subject, length);
    answerDelivered(connection, meter, subject, length);
    if (replyEnd != reply) requestDelivered(connection, meter, reply, <i32>(replyEnd - reply), subjectClass);
    if (subjectClass != runClass) {
      countRun(connection, meter, runClass, count, bytes);
      runClass = subjectClass;
      count = 0;
      bytes = 0;
    }
    count++;
    bytes += payload;
    p = sizeEnd + 2 + <usize>payload + 2;
  }
  countRun(connection, meter, runClass, count, bytes);
  const next = chunk.position(p);
  if (next <= chunk.size) return next;
  // The delivery before may have been kept back.
  connection.dropsDelivery = false;
  connection.toClientPayload = next - chunk.size;
  return chunk.size;
}

/** Deliveries that came one after the other, of one class. */
function countRun(connection: Connection, meter: Meter, subjectClass: i32, count: i32, bytes: u64): void {
  if (count == 0) return;
  meter.allowedPayloads(Operation.MSG, subjectClass, count, bytes);
  connection.totals.messagesOut += count;
  connection.totals.bytesOut += bytes;
}
