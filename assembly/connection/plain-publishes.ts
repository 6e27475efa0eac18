import { Operation } from "../nats/operation";
import { endOfArgument, isLineEnd, readPlainSize, SHORTEST_ARGUMENTS } from "../nats/plain-line";
import { isReservedPublish, isReservedReply } from "../nats/reserved";
import { Permissions } from "../policy/permissions";
import { Reason } from "../policy/reason";
import { Chunk } from "../proxy/chunk";
import { Meter } from "../telemetry/meter";
import { Connection } from "./connection";

/** `PUB ` as a little-endian number, and what makes letters of either case equal; the blank has none. */
const PUB_BLANK: u32 = 0x20425550;
const CAPITALS: u32 = 0xffdfdfdf;

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
  if (access == null || meter == null || connection.shadow != null || connection.unsubscribe.length > 0)
    return position;
  return pass(connection, chunk, position, access.permissions, meter);
}

function pass(connection: Connection, chunk: Chunk, position: i32, permissions: Permissions, meter: Meter): i32 {
  const largest = connection.largestPayload;
  const lineLimit = <usize>connection.controlLineLimit;
  const begin = chunk.address(position);
  const end = chunk.address(chunk.viewEnd);
  let p = begin;
  let count: u64 = 0;
  let bytes: u64 = 0;
  // A payload may lead behind the view, and the largest one round the end of memory.
  while (p + 4 + SHORTEST_ARGUMENTS <= end && p >= begin && (load<u32>(p) & CAPITALS) == PUB_BLANK) {
    const subject = p + 4;
    const subjectEnd = endOfArgument(subject, end);
    if (subjectEnd == subject || subjectEnd >= end || load<u8>(subjectEnd) != 0x20) break;
    let sizeBegin = subjectEnd + 1;
    let sizeEnd = endOfArgument(sizeBegin, end);
    const reply = sizeBegin;
    const replyEnd = sizeEnd;
    const hasReply = sizeEnd < end && load<u8>(sizeEnd) == 0x20;
    if (hasReply) {
      if (replyEnd == reply) break;
      sizeBegin = replyEnd + 1;
      sizeEnd = endOfArgument(sizeBegin, end);
    }
    if (!isLineEnd(sizeEnd, end) || sizeEnd - subject > lineLimit) break;
    const size = readPlainSize(sizeBegin, sizeEnd);
    if (size < 0 || size > largest || !mayPublish(permissions, subject, <i32>(subjectEnd - subject))) break;
    if (hasReply && !mayName(permissions, reply, <i32>(replyEnd - reply))) break;
    count++;
    bytes += size;
    p = sizeEnd + 2 + <usize>size + 2;
  }
  if (count > 0) meter.allowedPayloads(Operation.PUB, count, bytes);
  const next = chunk.position(p);
  if (next <= chunk.size) return next;
  connection.toServerPayload = next - chunk.size;
  return chunk.size;
}

// @ts-ignore: decorator
@inline
function mayPublish(permissions: Permissions, subject: usize, length: i32): bool {
  return !isReservedPublish(subject, length) && permissions.publish(subject, length) == Reason.ALLOWED;
}

/** A reply that is not the peer's own may be allowed all the same; the long way asks further. */
// @ts-ignore: decorator
@inline
function mayName(permissions: Permissions, reply: usize, length: i32): bool {
  return !isReservedReply(reply, length) && permissions.receives(reply, length);
}
