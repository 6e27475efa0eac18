import { PUBLISH_SIZE } from "../bytes/hot-page";
import { Operation } from "../nats/operation";
import {
  argumentEnds,
  beginsPublish,
  firstEnd,
  isArgument,
  isCrLf,
  isLineEnd,
  isSecondBlank,
  PUBLISH_VERB,
  SHORTEST_ARGUMENTS,
  withoutFirst,
} from "../nats/plain-line";
import { readPlainSize } from "../nats/plain-size";
import { PING_LINE, Violation } from "../nats/texts";
import { mayBeGranted, NO_ANSWER, reasonOf, refusesPublish, ruleOf } from "../policy/answer";
import { Chunk } from "../proxy/chunk";
import { Meter } from "../telemetry/meter";
import { Access } from "./access";
import { Connection, FirstPing } from "./connection";
import { Pong } from "./expected-pongs";
import { notePing } from "./pings";
import { countRefusedPublishes, recordRefusal } from "./report";

/**
 * The short way of publishes that are refused one after the other: `PUB subject [reply] size` on a subject that the lists
 * refuse, with all of its payload in view. A PING takes the place of each. Takes as many as it can and answers the position of
 * what is anything else, which goes the other ways (to-server.ts). Nothing is decided here that would be decided otherwise there.
 */
export function dropPlainPublishes(connection: Connection, chunk: Chunk, position: i32): i32 {
  const p = chunk.address(position);
  if (p + PUBLISH_VERB > chunk.address(chunk.viewEnd) || !beginsPublish(p)) return position;
  const access = connection.access;
  const meter = connection.meter;
  if (access == null || meter == null || connection.dueUnsubscribes.length > 0) return position;
  // In pedantic mode the text depends on whether the subject is a literal too (client-operations.ts `publishPong`).
  if (connection.options.pedantic) return position;
  return drop(connection, chunk, position, access, meter);
}

function drop(connection: Connection, chunk: Chunk, position: i32, access: Access, meter: Meter): i32 {
  const permissions = access.permissions;
  const pongs = connection.pongs;
  const largest = connection.largestPayload;
  const lineLimit = <usize>connection.controlLineLimit;
  const begin = chunk.address(position);
  const end = chunk.address(chunk.viewEnd);
  const last = end - (PUBLISH_VERB + SHORTEST_ARGUMENTS);
  // Publishes that are refused by the same answer, one after the other, are counted together.
  let runAnswer = NO_ANSWER;
  let count: u64 = 0;
  let bytes: u64 = 0;
  let p = begin;
  while (p <= last) {
    if (!beginsPublish(p)) break;
    const subject = p + PUBLISH_VERB;
    const ends = argumentEnds(subject);
    const subjectEnd = firstEnd(ends, subject, subject, end);
    if (!isArgument(subject, subjectEnd, end)) break;
    let sizeBegin = subjectEnd + 1;
    let endsBehindSubject = withoutFirst(ends);
    let sizeEnd = firstEnd(endsBehindSubject, subject, sizeBegin, end);
    if (isSecondBlank(sizeBegin)) {
      sizeBegin++;
      endsBehindSubject = withoutFirst(endsBehindSubject);
      sizeEnd = firstEnd(endsBehindSubject, subject, sizeBegin, end);
    }
    if (!isLineEnd(sizeEnd, end)) {
      // A reply subject, about which nothing is asked since the subject is refused first.
      if (!isArgument(sizeBegin, sizeEnd, end)) break;
      sizeBegin = sizeEnd + 1;
      sizeEnd = firstEnd(withoutFirst(endsBehindSubject), subject, sizeBegin, end);
      if (!isLineEnd(sizeEnd, end)) break;
    }
    if (sizeEnd - subject > lineLimit) break;
    const size = readPlainSize(sizeBegin, sizeEnd, PUBLISH_SIZE);
    if (<u32>size > <u32>largest) break;
    const next = sizeEnd + 2 + <usize>size + 2;
    if (next > end || !isCrLf(next - 2)) break;
    const length = <i32>(subjectEnd - subject);
    const answer = permissions.publishAnswer(subject, length);
    if (!refusesPublish(answer)) break;
    // Only the ways that can let it pass ask whether it was granted, since asking uses the grant.
    if (mayBeGranted(answer) && access.hasGrantOf(subject, length)) break;
    if (!pongs.pushName(Pong.PUBLISH_VIOLATION, subject, length)) break;
    if (p == begin) chunk.drop(position, position);
    chunk.write(PING_LINE);
    if (answer != runAnswer) {
      countRefusedPublishes(connection, access, meter, runAnswer, count, bytes);
      runAnswer = answer;
      count = 0;
      bytes = 0;
    }
    count++;
    bytes += size;
    connection.refused++;
    access.refuse(Violation.PUBLISH, subject, length, ruleOf(answer));
    recordRefusal(connection, false, Operation.PUB, reasonOf(answer), access, 0, 0);
    p = next;
  }
  if (p == begin) return position;
  countRefusedPublishes(connection, access, meter, runAnswer, count, bytes);
  // Once for all of them, since only the first can be the first PING of all; for each it would cost 3 of 57 ns (Node 26).
  notePing(connection, FirstPing.OURS);
  const behind = chunk.position(p);
  chunk.drop(position, behind);
  return behind;
}
