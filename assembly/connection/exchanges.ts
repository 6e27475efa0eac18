import { hashBytes64 } from "../bytes/hash";
import { isOfJetStream, isPull } from "../nats/jetstream-subjects";
import { saysNoResponders, STATUS_BYTES } from "../nats/no-responders";
import { Operation } from "../nats/operation";
import { ServerLine } from "../nats/server-line";
import { NO_SUBJECT } from "../policy/subject-classes";
import { recordDuration } from "../telemetry/durations";
import { Meter } from "../telemetry/meter";
import { Duration } from "../telemetry/series";
import { callbackNanoseconds } from "./callback-time";
import { Connection } from "./connection";
import { OpenRequests } from "./open-requests";

/**
 * How long answers take. A publish with a reply subject is a request, and the first message that the client is then
 * delivered on that subject its answer. A delivery with a reply subject is a request to the client, and its publish on
 * that subject the reply, but for one from JetStream itself. What has no reply subject, and comes while none waits, costs
 * nothing here.
 */

/** A publish with a reply subject goes to the server. */
export function requestSent(
  connection: Connection,
  subject: usize,
  length: i32,
  reply: usize,
  replyLength: i32,
  subjectClass: i32,
): void {
  const table = connection.requests;
  if (table == null || table.bound == 0 || isPull(subject, length)) return;
  table.open(connection.awaited, hashBytes64(reply, replyLength), subjectClass, callbackNanoseconds());
}

/** Has the client been delivered requests that it has not answered yet? Known only while service times are taken. */
export function owesReplies(connection: Connection): bool {
  return connection.served.count > 0;
}

/** A publish goes to the server. If it is a reply that was waited for, its duration is recorded. */
// @ts-ignore: decorator
@inline
export function replySent(connection: Connection, meter: Meter, subject: usize, length: i32): void {
  if (owesReplies(connection)) closeServiceOf(connection, meter, subject, length);
}

/** The same of a publish whose subject has this `hashBytes64`. */
export function namedReplySent(connection: Connection, meter: Meter, name: u64): void {
  if (owesReplies(connection)) closeService(connection, meter, name);
}

function closeServiceOf(connection: Connection, meter: Meter, subject: usize, length: i32): void {
  closeService(connection, meter, hashBytes64(subject, length));
}

// @ts-ignore: decorator
@inline
function closeService(connection: Connection, meter: Meter, name: u64): void {
  const table = connection.services;
  if (table == null || !table.close(connection.served, name)) return;
  recordDuration(meter, Duration.SERVICE, table.subjectClass, callbackNanoseconds() - table.since);
}

/**
 * A message goes to the client. If it was waited for, its duration is recorded, or if it is `unheard`, nats-server's own answer
 * that nobody listens, that is counted instead: nobody took that time to answer.
 */
// @ts-ignore: decorator
@inline
export function answerDelivered(
  connection: Connection,
  meter: Meter,
  subject: usize,
  length: i32,
  unheard: bool = false,
): void {
  const owner = connection.awaited;
  if (owner.count > 0) closeRequest(connection, owner, meter, subject, length, unheard);
}

function closeRequest(
  connection: Connection,
  owner: OpenRequests,
  meter: Meter,
  subject: usize,
  length: i32,
  unheard: bool,
): void {
  const table = connection.requests;
  if (table == null || !table.close(owner, hashBytes64(subject, length))) return;
  if (unheard) meter.noResponders(table.subjectClass);
  else recordDuration(meter, Duration.REQUEST, table.subjectClass, callbackNanoseconds() - table.since);
}

/**
 * Is a message nats-server's own answer that nobody listens? It counts for no maximum there (client.go
 * `processInboundClientMsg`).
 */
export function isNoResponders(line: ServerLine): bool {
  return isStatus(line) && saysNoResponders(line.next);
}

/**
 * A message with a reply subject goes to the client. It is no request where that is one of JetStream's own, on which
 * nats-server hears that the client keeps up: acknowledgements, flow control, the parts of a backup. `name` is the reply
 * subject's `hashBytes64`, or 0 where that is not known.
 */
export function requestDelivered(
  connection: Connection,
  reply: usize,
  length: i32,
  subjectClass: i32,
  name: u64,
): void {
  const table = connection.services;
  if (table == null || table.bound == 0 || isOfJetStream(reply, length)) return;
  if (name == 0) name = hashBytes64(reply, length);
  table.open(connection.served, name, subjectClass, callbackNanoseconds());
}

/**
 * Has the message headers and no body, so that it may be nats-server's answer that nobody listens? Then STATUS_BYTES of its
 * headers must be in view when it is delivered.
 */
export function isStatus(line: ServerLine): bool {
  return line.operation == Operation.HMSG && line.size >= STATUS_BYTES && line.headerLength == line.size;
}

/** A client's PING goes to the server. It is timed only if it is alone: the next PONG must be its answer then. */
export function pingSent(connection: Connection, alone: bool): void {
  if (alone) connection.pingSince = callbackNanoseconds();
}

/** The PONG of the PING that is being timed has come: its duration is recorded. */
export function timedPongCame(connection: Connection): void {
  const since = connection.pingSince;
  connection.pingSince = 0;
  const meter = connection.meter;
  if (meter != null) recordDuration(meter, Duration.PING, NO_SUBJECT, callbackNanoseconds() - since);
}
