import { HEADERS_SIZE, TOTAL_SIZE } from "../bytes/hot-page";
import { isFastBatch } from "../nats/fast-batch";
import { actsOnSubjects } from "../nats/headers";
import { Operation } from "../nats/operation";
import {
  argumentEnds,
  firstEnd,
  isArgument,
  isLineEnd,
  isSecondBlank,
  SHORTEST_ARGUMENTS,
  withoutFirst,
} from "../nats/plain-line";
import { readPlainSize } from "../nats/plain-size";
import { CAPITALS, SPACE } from "../nats/words";
import { Permissions } from "../policy/permissions";
import { Chunk } from "../proxy/chunk";
import { Meter } from "../telemetry/meter";
import { Connection } from "./connection";
import { judgePlain, NOT_PLAIN, noteUnpicked, plainEnd } from "./plain-judgement";
import { publishedTo } from "./plain-publishes";
import { RUN_OF_HEADERS } from "./run";

/** `HPUB` as a little-endian number, in capitals. */
const HPUB: u32 = 0x42555048;
const VERB: usize = 5;

/**
 * The short way of `HPUB subject [reply] headers total` on a subject that is allowed, with headers that are all in view and name
 * no other subject, as those of tracing and of deduplication do not. Not of a message of a fast batch, whose headers are asked for
 * those of an atomic one. Like `passPlainPublishes`.
 */
export function passPlainHeaderPublishes(connection: Connection, chunk: Chunk, position: i32): i32 {
  const p = chunk.address(position);
  if (p + VERB > chunk.address(chunk.viewEnd) || (load<u32>(p) & (<u32>CAPITALS)) != HPUB) return position;
  const access = connection.strictest;
  const meter = connection.meter;
  if (access == null || meter == null || connection.dueUnsubscribes.length > 0) return position;
  if (!connection.options.headers || !connection.serverHeaders) return position;
  const end = plainEnd(connection, chunk, position);
  const passed = connection.messagesIn;
  const next = pass(end, connection, chunk, position, access.permissions, meter);
  noteUnpicked(connection, connection.messagesIn - passed);
  return next;
}

function pass(
  end: usize,
  connection: Connection,
  chunk: Chunk,
  position: i32,
  permissions: Permissions,
  meter: Meter,
): i32 {
  const largest = connection.largestPayload;
  const mostHeaders = connection.headersLimit;
  const lineLimit = <usize>connection.controlLineLimit;
  const last = end - (VERB + SHORTEST_ARGUMENTS);
  let p = chunk.address(position);
  // A payload may take `p` behind the view. Sums of addresses and sizes do not wrap: the window lies low in memory.
  while (p <= last) {
    if ((load<u32>(p) & (<u32>CAPITALS)) != HPUB) break;
    if (load<u8>(p, 4) != SPACE) break;
    const subject = p + VERB;
    let ends = argumentEnds(subject);
    const subjectEnd = firstEnd(ends, subject, subject, end);
    if (!isArgument(subject, subjectEnd, end)) break;
    let second = subjectEnd + 1;
    ends = withoutFirst(ends);
    let secondEnd = firstEnd(ends, subject, second, end);
    if (!isArgument(second, secondEnd, end)) {
      if (!isSecondBlank(second)) break;
      second++;
      ends = withoutFirst(ends);
      secondEnd = firstEnd(ends, subject, second, end);
      if (!isArgument(second, secondEnd, end)) break;
    }
    let headers = second;
    let headersEnd = secondEnd;
    let totalBegin = secondEnd + 1;
    ends = withoutFirst(ends);
    let totalEnd = firstEnd(ends, subject, totalBegin, end);
    let replyLength = 0;
    if (!isLineEnd(totalEnd, end)) {
      if (!isArgument(totalBegin, totalEnd, end)) break;
      replyLength = <i32>(secondEnd - second);
      headers = totalBegin;
      headersEnd = totalEnd;
      totalBegin = totalEnd + 1;
      totalEnd = firstEnd(withoutFirst(ends), subject, totalBegin, end);
      if (!isLineEnd(totalEnd, end)) break;
    }
    if (totalEnd - subject > lineLimit) break;
    const total = readPlainSize(totalBegin, totalEnd, TOTAL_SIZE);
    const headerLength = readPlainSize(headers, headersEnd, HEADERS_SIZE);
    // NO_PLAIN_SIZE is negative, and so more than any limit as an unsigned number.
    if (<u32>total > <u32>largest) break;
    if (<u32>headerLength > <u32>min(total, mostHeaders)) break;
    const block = totalEnd + 2;
    if (block + <usize>headerLength > end) break;
    if (isFastBatch(second, replyLength) || actsOnSubjects(block, headerLength)) break;
    const length = <i32>(subjectEnd - subject);
    const answer = permissions.publishAnswer(subject, length);
    const subjectClass = judgePlain(connection, meter, permissions, answer, subject, length, second, replyLength);
    if (subjectClass == NOT_PLAIN) break;
    RUN_OF_HEADERS.add(subjectClass, total);
    p = block + <usize>total + 2;
  }
  RUN_OF_HEADERS.end(Operation.HPUB, meter, connection);
  return publishedTo(p, connection, chunk);
}
