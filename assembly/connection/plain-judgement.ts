import { hashBytes64 } from "../bytes/hash";
import { isReservedReply } from "../nats/reserved";
import { allowsPublish, classOf, mayBeGranted, reasonOf } from "../policy/answer";
import { Permissions } from "../policy/permissions";
import { Reason } from "../policy/reason";
import { Chunk } from "../proxy/chunk";
import { Meter } from "../telemetry/meter";
import { Sampler } from "../telemetry/sampler";
import { Connection } from "./connection";
import { namedReplySent, replySent, requestSent } from "./exchanges";

/** In place of a class: the message is not allowed, or not by what is asked here. The long way asks further. */
export const NOT_PLAIN: i32 = -1;

/** What the shortest message takes, in bytes: `PUB a 0`, and its payload. */
const SHORTEST_MESSAGE: usize = 11;

/**
 * Where the short ways must stop reading, since they audit nothing: none of the messages whose lines end before it is picked. It is
 * the end of the view, or before it. What has passed then is to be told by `noteUnpicked`.
 */
// @ts-ignore: decorator
@inline
export function plainEnd(connection: Connection, chunk: Chunk, position: i32): usize {
  const sampler = connection.picking;
  return sampler == null ? chunk.address(chunk.viewEnd) : unpickedEnd(sampler, chunk, position);
}

/** So many messages have passed whose lines end before `plainEnd`. */
// @ts-ignore: decorator
@inline
export function noteUnpicked(connection: Connection, count: u64): void {
  const sampler = connection.picking;
  if (sampler != null) sampler.skip(<i32>count);
}

function unpickedEnd(sampler: Sampler, chunk: Chunk, position: i32): usize {
  const end = chunk.address(chunk.viewEnd);
  const begin = chunk.address(position);
  // As many as a view could hold at most: a product beyond that could wrap.
  const unpicked = min(<usize>sampler.unpicked, end - begin);
  return min(end, begin + unpicked * SHORTEST_MESSAGE);
}

/**
 * Judges a publish of which nothing but its subject and its reply subject (of length 0: none) matters. `answer` is the policy's
 * about its subject. Answers the class of the subject, and has noted the exchange; or NOT_PLAIN, and has noted none. A publish
 * that was granted is plain too.
 */
// @ts-ignore: decorator
@inline
export function judgePlain(
  connection: Connection,
  meter: Meter,
  permissions: Permissions,
  answer: u64,
  subject: usize,
  length: i32,
  reply: usize,
  replyLength: i32,
): i32 {
  if (!allowsPublish(answer)) {
    if (replyLength > 0 || !mayBeGranted(answer)) return NOT_PLAIN;
    return passesByGrant(connection, meter, subject, length) ? classOf(answer) : NOT_PLAIN;
  }
  // A reply subject that is not the peer's own may be allowed by a rule with `replies: ANY`, which the long way asks.
  if (replyLength > 0) {
    if (isReservedReply(reply, replyLength)) return NOT_PLAIN;
    if (reasonOf(permissions.receiveAnswer(reply, replyLength)) != Reason.ALLOWED) return NOT_PLAIN;
  }
  const subjectClass = classOf(answer);
  replySent(connection, meter, subject, length);
  if (replyLength > 0) requestSent(connection, subject, length, reply, replyLength, subjectClass);
  return subjectClass;
}

/**
 * Is it an answer that a delivery has granted? Then this uses the grant and notes the exchange. Where the answer is no, the long
 * way may ask once more and hears the same: what `useGrantsOf` refuses it has removed.
 */
// @ts-ignore: decorator
@inline
function passesByGrant(connection: Connection, meter: Meter, subject: usize, length: i32): bool {
  const access = connection.strictest;
  if (access == null || !access.grantsReplies) return false;
  // Where a rule in DRY_RUN is asked too, either may have granted it. Only the long way asks both.
  if (connection.access != null && connection.shadow != null) return false;
  const name = hashBytes64(subject, length);
  if (!access.useGrantsOf(subject, length, name)) return false;
  namedReplySent(connection, meter, name);
  return true;
}
