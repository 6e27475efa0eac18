import { HEADERS_SIZE, TOTAL_SIZE } from "../bytes/hot-page";
import { isMisreadBy, LibraryBlanks } from "../nats/library-blanks";
import { Operation } from "../nats/operation";
import { argumentEnds, firstEnd, isArgument, isLineEnd, SHORTEST_ARGUMENTS, withoutFirst } from "../nats/plain-line";
import { readPlainSize } from "../nats/plain-size";
import { SERVER_LINE_LIMIT } from "../nats/server-line";
import { SPACE } from "../nats/words";
import { classOf, reasonOf } from "../policy/answer";
import { Reason } from "../policy/reason";
import { Chunk } from "../proxy/chunk";
import { Meter } from "../telemetry/meter";
import { Access } from "./access";
import { Connection } from "./connection";
import { answerDelivered, requestDelivered } from "./exchanges";
import { asksPolicy, judgesUnknown, noteReply, passedTo } from "./plain-deliveries";
import { noteUnpicked, plainEnd } from "./plain-judgement";
import { RUN_OF_HEADERS } from "./run";
import { countReceived, isPlainWithoutMax } from "./subscription";

/** `HMSG` as a little-endian number. nats-server writes no other case. */
const HMSG: u32 = 0x47534d48;
const VERB: usize = 5;

/** May a delivery with headers begin at `position`? Asked before the call, which each PONG would have to make. */
// @ts-ignore: decorator
@inline
export function beginsHeaderDelivery(chunk: Chunk, position: i32): bool {
  const p = chunk.address(position);
  return p + VERB <= chunk.address(chunk.viewEnd) && load<u32>(p) == HMSG;
}

/**
 * The short way of messages with headers and a payload: `HMSG subject sid [reply] headers total`, as those of traced publishers and of
 * streams with deduplication are. Like `passPlainDeliveries`, and only where `beginsHeaderDelivery`. Nobody here reads the headers.
 */
export function passPlainHeaderDeliveries(connection: Connection, chunk: Chunk, position: i32): i32 {
  const access = connection.strictest;
  const meter = connection.meter;
  if (access == null || meter == null) return position;
  // Where a deny entry names a queue, the subject alone does not tell.
  if (asksPolicy(connection) && access.permissions.deniesQueues) return position;
  const end = plainEnd(connection, chunk, position);
  const passed = connection.messagesOut;
  const next = pass(end, connection, chunk, position, access, meter);
  noteUnpicked(connection, connection.messagesOut - passed);
  return next;
}

function pass(end: usize, connection: Connection, chunk: Chunk, position: i32, access: Access, meter: Meter): i32 {
  const subscriptions = connection.subscriptions;
  const permissions = access.permissions;
  const filtering = asksPolicy(connection);
  const blanks = connection.options.blanks;
  const last = end - (VERB + SHORTEST_ARGUMENTS);
  let p = chunk.address(position);
  // A payload may take `p` behind the view. Sums of addresses and sizes do not wrap: the window lies low in memory.
  while (p <= last) {
    if (load<u32>(p) != HMSG) break;
    if (load<u8>(p, 4) != SPACE) break;
    const subject = p + VERB;
    let ends = argumentEnds(subject);
    const subjectEnd = firstEnd(ends, subject, subject, end);
    if (!isArgument(subject, subjectEnd, end)) break;
    const sid = subjectEnd + 1;
    ends = withoutFirst(ends);
    const sidEnd = firstEnd(ends, subject, sid, end);
    if (!isArgument(sid, sidEnd, end)) break;
    const reply = sidEnd + 1;
    ends = withoutFirst(ends);
    let headersEnd = firstEnd(ends, subject, reply, end);
    if (!isArgument(reply, headersEnd, end)) break;
    let headers = reply;
    let replyLength = 0;
    ends = withoutFirst(ends);
    let totalEnd = firstEnd(ends, subject, headersEnd + 1, end);
    if (!isLineEnd(totalEnd, end)) {
      headers = headersEnd + 1;
      if (!isArgument(headers, totalEnd, end)) break;
      replyLength = <i32>(headersEnd - reply);
      headersEnd = totalEnd;
      totalEnd = firstEnd(withoutFirst(ends), subject, headersEnd + 1, end);
      if (!isLineEnd(totalEnd, end)) break;
    }
    if (totalEnd - p > <usize>SERVER_LINE_LIMIT) break;
    const total = readPlainSize(headersEnd + 1, totalEnd, TOTAL_SIZE);
    const headerLength = readPlainSize(headers, headersEnd, HEADERS_SIZE);
    if (total < 0) break;
    // Without a payload it may be a status (exchanges.ts `isStatus`). NO_PLAIN_SIZE is negative, and so more as an unsigned number.
    if (<u32>headerLength >= <u32>total) break;
    const length = <i32>(subjectEnd - subject);
    if (blanks != LibraryBlanks.USUAL) {
      if (isMisreadBy(blanks, headerLength, subject, length, reply, replyLength)) break;
    }
    let subjectClass: i32;
    if (filtering) {
      const answer = permissions.deliveryAnswer(subject, length);
      if (reasonOf(answer) != Reason.ALLOWED) break;
      subjectClass = classOf(answer);
    } else subjectClass = connection.classOf(subject, length);
    const sub = subscriptions.findAgain(sid, <i32>(sidEnd - sid));
    if (sub != 0) {
      if (!isPlainWithoutMax(sub)) break;
      countReceived(sub);
    } else if (judgesUnknown(connection)) break;
    const name = replyLength > 0 && access.grantsReplies ? noteReply(connection, reply, replyLength) : 0;
    answerDelivered(connection, meter, subject, length);
    if (replyLength > 0) requestDelivered(connection, reply, replyLength, subjectClass, name);
    RUN_OF_HEADERS.add(subjectClass, total);
    p = totalEnd + 2 + <usize>total + 2;
  }
  RUN_OF_HEADERS.end(Operation.HMSG, meter, connection);
  return passedTo(p, connection, chunk);
}
