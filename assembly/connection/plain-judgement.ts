import { isReservedReply } from "../nats/reserved";
import { allowsPublish, classOf } from "../policy/answer";
import { Permissions } from "../policy/permissions";
import { Meter } from "../telemetry/meter";
import { Connection } from "./connection";
import { replySent, requestSent } from "./exchanges";

/** Not allowed by the lists alone; the long way asks further. */
export const NOT_PLAIN: i32 = -1;

/**
 * Judges a publish of which nothing but its subject and reply subject (of length 0: none) matters, and notes its exchange.
 * Answers the subject's class, or NOT_PLAIN with nothing noted.
 */
// @ts-ignore: decorator
@inline
export function judgePlain(
  connection: Connection,
  meter: Meter,
  permissions: Permissions,
  subject: usize,
  length: i32,
  reply: usize,
  replyLength: i32,
): i32 {
  const answer = permissions.publishAnswer(subject, length);
  if (!allowsPublish(answer)) return NOT_PLAIN;
  // A reply that is not the peer's own may be allowed all the same.
  if (replyLength > 0 && (isReservedReply(reply, replyLength) || !permissions.receives(reply, replyLength))) {
    return NOT_PLAIN;
  }
  const subjectClass = classOf(answer);
  replySent(connection, meter, subject, length);
  if (replyLength > 0) requestSent(connection, meter, subject, length, reply, replyLength, subjectClass);
  return subjectClass;
}
