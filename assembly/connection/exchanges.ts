import { hashBytes64 } from "../bytes/compare";
import { ClientLine } from "../nats/client-line";
import { Operation } from "../nats/operation";
import { isPull, saysNoResponders, STATUS_BYTES } from "../nats/requests";
import { ServerLine } from "../nats/server-line";
import { recordDuration } from "../telemetry/durations";
import { Duration, Meter } from "../telemetry/meter";
import { callbackNanoseconds } from "./callback-time";
import { Connection } from "./connection";
import { OpenRequests, RequestTable } from "./open-requests";

/**
 * How long answers take. A publish with a reply subject is a request, and the first message that the client is then
 * delivered on that subject its answer. A delivery with a reply subject is a request to the client, and its publish on
 * that subject the reply. What has no reply subject, and comes while none waits, costs nothing here.
 */

/** A publish with a reply subject goes to the server. */
export function requestSent(connection: Connection, meter: Meter, line: ClientLine, subjectClass: i32): void {
  const table = connection.requests;
  if (table == null || table.bound == 0 || isPull(line.subject, line.subjectLength)) return;
  let owner = connection.awaited;
  if (owner == null) {
    owner = new OpenRequests(meter);
    connection.awaited = owner;
  }
  waitFor(table, owner, line.reply, line.replyLength, subjectClass);
}

function waitFor(table: RequestTable, owner: OpenRequests, reply: usize, length: i32, subjectClass: i32): void {
  table.open(owner, hashBytes64(reply, length), subjectClass, callbackNanoseconds());
}

/** A publish goes to the server: is it a reply? */
// @ts-ignore: decorator
@inline
export function replySent(connection: Connection, meter: Meter, line: ClientLine): void {
  const owner = connection.served;
  if (owner != null && owner.count > 0) closeService(connection, owner, meter, line);
}

function closeService(connection: Connection, owner: OpenRequests, meter: Meter, line: ClientLine): void {
  const table = connection.services;
  if (table == null || !table.close(owner, hashBytes64(line.subject, line.subjectLength))) return;
  recordDuration(meter, Duration.SERVICE, table.subjectClass, callbackNanoseconds() - table.since);
}

/** A message goes to the client: is it an answer, or a request? */
// @ts-ignore: decorator
@inline
export function delivered(connection: Connection, meter: Meter, line: ServerLine, subjectClass: i32): void {
  const owner = connection.awaited;
  if (owner != null && owner.count > 0) closeRequest(connection, owner, meter, line);
  if (line.replyLength > 0) openService(connection, meter, line, subjectClass);
}

function closeRequest(connection: Connection, owner: OpenRequests, meter: Meter, line: ServerLine): void {
  const table = connection.requests;
  if (table == null || !table.close(owner, hashBytes64(line.subject, line.subjectLength))) return;
  recordDuration(meter, Duration.REQUEST, table.subjectClass, callbackNanoseconds() - table.since);
  if (isStatus(line) && saysNoResponders(line.next)) meter.noResponders(table.subjectClass);
}

function openService(connection: Connection, meter: Meter, line: ServerLine, subjectClass: i32): void {
  const table = connection.services;
  if (table == null || table.bound == 0) return;
  let owner = connection.served;
  if (owner == null) {
    owner = new OpenRequests(meter);
    connection.served = owner;
  }
  waitFor(table, owner, line.reply, line.replyLength, subjectClass);
}

/** Can a message be nats-server's answer that nobody listens? Then its headers must be in view when it is delivered. */
export function needsStatus(connection: Connection, line: ServerLine): bool {
  const owner = connection.awaited;
  return owner != null && owner.count > 0 && isStatus(line);
}

/** Headers and no body: nats-server's own messages. */
function isStatus(line: ServerLine): bool {
  return line.operation == Operation.HMSG && line.size >= STATUS_BYTES && line.headerLength == line.size;
}

/** A client's PING goes to the server. Only one that is alone is timed: then the next PONG must be its answer. */
export function pingSent(connection: Connection, alone: bool): void {
  if (alone) connection.pingSince = callbackNanoseconds();
}

/** A PONG has come. */
export function pongCame(connection: Connection): void {
  const since = connection.pingSince;
  if (since == 0) return;
  connection.pingSince = 0;
  const meter = connection.meter;
  if (meter != null) recordDuration(meter, Duration.PING, 0, callbackNanoseconds() - since);
}
