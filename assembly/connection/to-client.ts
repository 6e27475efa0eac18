import { FixedText } from "../bytes/fixed-text";
import { CHUNK_TO_CLIENT } from "../bytes/hot-page";
import { STATUS_BYTES } from "../nats/no-responders";
import { takeLargestSize } from "../nats/numbers";
import { Operation, Reading } from "../nats/operation";
import { ServerError, serverErrorOf } from "../nats/server-errors";
import { isPongLine, PONG_LENGTH, ServerLine } from "../nats/server-line";
import {
  AUTHORIZATION_VIOLATION,
  CONTROL_LINE_EXCEEDED,
  INVALID_PUBLISH_SUBJECT,
  OK_LINE,
  PAYLOAD_VIOLATION,
  SUBSCRIPTIONS_EXCEEDED,
  Violation,
  violationRoom,
  writeViolation,
} from "../nats/texts";
import { Chunk, FAR } from "../proxy/chunk";
import { UPSTREAM_DATA } from "../proxy/host";
import { NO_PROTOCOL_ERROR, ProtocolError } from "../telemetry/protocol-error";
import { Connection, Phase } from "./connection";
import { deliver, maximumTaken, mustNotPass, subscriptionBegins } from "./deliveries";
import { closeSoon, endAtOnce } from "./endings";
import { isStatus, timedPongCame } from "./exchanges";
import { becomesViolation, Pong } from "./expected-pongs";
import { connectTaken } from "./further-connect";
import { releaseInfo, takeInfo } from "./info-to-client";
import { catchUp } from "./live-policy";
import { passPlainDeliveries } from "./plain-deliveries";
import { beginsHeaderDelivery, passPlainHeaderDeliveries } from "./plain-header-deliveries";
import { policyEpoch } from "./policy-epoch";
import { reportServerError } from "./report";

/**
 * Server to client: PONGs that answer PINGs of ours become the texts of refusals, deliveries over a deny entry are
 * left out, everything else passes.
 */

const chunk: Chunk = changetype<Chunk>(CHUNK_TO_CLIENT);
const line: ServerLine = new ServerLine();

/**
 * Takes `size` bytes that the host holds for the client. Answers whether they may go on, perhaps as none: always, unless the host
 * did not let them be edited.
 */
export function takeFromServer(connection: Connection, size: i32): bool {
  if (connection.policyEpoch != policyEpoch) catchUp(connection);
  if (connection.phase == Phase.UNREAD || size == 0) return true;
  if (connection.phase == Phase.ENDED) connection.toClientPassed = false;
  const frozen = connection.observing || connection.toClientPassed;
  chunk.begin(UPSTREAM_DATA, size, connection.toClientTail, frozen, connection.toClientLarge);
  if (connection.phase == Phase.ENDED) {
    chunk.finishWithNothing();
    return !chunk.mustStay;
  }
  let position = -connection.toClientTail.length;
  if (connection.toClientPassed) position = passBegun(connection, position);
  if (connection.notices.length > 0 && !connection.toClientPassed) position = writeNotices(connection, position);
  while (position < size && readable(connection)) {
    if (connection.toClientPayload == 0) {
      // Nothing is in view yet, or nothing behind a payload that was skipped: lines must be, before the short ways can be asked.
      if (position >= chunk.viewEnd) chunk.extend(position);
      const from = position;
      if (position < chunk.viewEnd) position = passPlain(connection, position);
      if (position >= size) break;
      if (position > from && position >= chunk.viewEnd) continue;
    }
    const next = connection.toClientPayload > 0 ? passPayload(connection, position) : takeLine(connection, position);
    if (next == position) break;
    position = next;
  }
  if (chunk.viewEnd > 0) connection.toClientLarge = takeLargestSize() > FAR;
  if (connection.phase == Phase.UNREAD) return true;
  if (!chunk.finish(connection.phase == Phase.ENDED ? size : position)) {
    endAtOnce(connection, chunk.failed ? ProtocolError.HOST : ProtocolError.MEMORY);
  }
  return !chunk.mustStay;
}

/** Lets deliveries go the short ways as far as they can, with and without headers. Answers the position behind them. */
// @ts-ignore: decorator
@inline
function passPlain(connection: Connection, position: i32): i32 {
  let next = position;
  while (true) {
    next = passPlainDeliveries(connection, chunk, next);
    if (next >= chunk.viewEnd || connection.toClientPayload > 0) return next;
    if (!beginsHeaderDelivery(chunk, next)) return next;
    const from = next;
    next = passPlainHeaderDeliveries(connection, chunk, from);
    if (next == from || next >= chunk.viewEnd || connection.toClientPayload > 0) return next;
  }
}

/** The beginning of this line went to the client in DRY_RUN, under an older policy, so its end must follow, whatever it is. */
function passBegun(connection: Connection, position: i32): i32 {
  const access = connection.access;
  connection.access = null;
  connection.observing = true;
  const next = takeLine(connection, position);
  connection.access = access;
  connection.observing = false;
  if (next == position) return position;
  // A delivery, whose reply subject the present policy did not hear of while it passed.
  if (
    access != null &&
    connection.toClientPayload > 0 &&
    line.replyLength > 0 &&
    !mustNotPass(connection, access, line)
  ) {
    access.noteReply(line.reply, line.replyLength);
  }
  connection.toClientPassed = false;
  chunk.thaw();
  if (connection.phase == Phase.ENDED) {
    // Nothing more is for the client (`endAfter`), and nothing could be dropped until now.
    chunk.drop(chunk.position(line.next), chunk.size);
    return chunk.size;
  }
  if (connection.phase != Phase.UNREAD) return next;
  // What ends it has been reported as it was met.
  closeSoon(connection);
  // Nobody has read what follows it in the chunk.
  chunk.drop(0, chunk.size);
  return chunk.size;
}

/**
 * Writes lines of our own between two lines of the server, behind a payload if one is under way. Answers the position behind
 * that.
 */
function writeNotices(connection: Connection, position: i32): i32 {
  if (connection.toClientPayload > 0) position = passPayload(connection, position);
  if (connection.toClientPayload > 0) return position;
  const notices = connection.notices;
  chunk.drop(position, position);
  chunk.writeBytes(notices.pointer, notices.length);
  notices.release();
  return position;
}

function readable(connection: Connection): bool {
  return connection.phase != Phase.ENDED && connection.phase != Phase.UNREAD;
}

function passPayload(connection: Connection, position: i32): i32 {
  const bytes = min(connection.toClientPayload, chunk.size - position);
  if (connection.dropsDelivery) chunk.drop(position, position + bytes);
  connection.toClientPayload -= bytes;
  return position + bytes;
}

/** Takes the line at `position` and answers where the next one begins; `position` itself when it is unfinished. */
function takeLine(connection: Connection, position: i32): i32 {
  if (position >= chunk.viewEnd && !chunk.extend(position)) return fail(connection, position, ProtocolError.HOST);
  while (true) {
    const reading = line.read(chunk.address(position), chunk.address(chunk.viewEnd));
    if (reading == Reading.COMPLETE) {
      if (!isStatus(line) || chunk.position(line.next) + STATUS_BYTES <= chunk.viewEnd) {
        return takeOperation(connection, position);
      }
    } else if (reading != Reading.INCOMPLETE) return fail(connection, position, ProtocolError.SERVER);
    if (!chunk.extend(position)) {
      return chunk.failed ? fail(connection, position, ProtocolError.HOST) : position;
    }
  }
}

/** The stream cannot be read on. What came before has passed; nothing else does, and the tick closes the connection. */
function fail(connection: Connection, position: i32, kind: ProtocolError): i32 {
  endAtOnce(connection, kind);
  return dropRest(position);
}

function dropRest(position: i32): i32 {
  chunk.drop(position, chunk.size);
  return chunk.size;
}

function takeOperation(connection: Connection, position: i32): i32 {
  const next = chunk.position(line.next);
  switch (line.operation) {
    case Operation.MSG:
    case Operation.HMSG:
      connection.toClientPayload = line.size + 2;
      connection.dropsDelivery = !deliver(connection, line);
      if (connection.phase == Phase.ENDED) return dropRest(position);
      if (connection.dropsDelivery) chunk.drop(position, next);
      return next;
    case Operation.PONG: {
      if (connection.pingSince != 0) timedPongCame(connection);
      const end = takePong(connection, position, next);
      if (connection.pongs.isEmpty) connection.subscriptions.allAnswered();
      return end;
    }
    case Operation.OK:
      if (connection.swallowsOk) {
        connection.swallowsOk = false;
        chunk.drop(position, next);
      }
      return next;
    case Operation.ERR:
      return takeError(connection, position, next);
    case Operation.INFO: {
      const fault = takeInfo(connection, chunk, line, position);
      return fault == NO_PROTOCOL_ERROR ? next : fail(connection, position, fault);
    }
  }
  return next;
}

/**
 * nats-server's own error passes. Only where it waits for a CONNECT, and that was too long for us, its answer to our PING is not for
 * the client: libraries take an Authorization Violation for the end of all attempts.
 */
function takeError(connection: Connection, position: i32, next: i32): i32 {
  const kind = serverErrorOf(line.argument, line.argumentLength);
  if (kind == ServerError.AUTHORIZATION_VIOLATION && connection.pongs.kind == Pong.LONG_CONNECT) {
    chunk.drop(position, next);
    endAfter(connection, CONTROL_LINE_EXCEEDED);
    return chunk.size;
  }
  reportServerError(connection, kind);
  return next;
}

/**
 * A PONG answers the oldest PING under way, and becomes what the record of that says. Answers the position behind all that was
 * taken.
 */
function takePong(connection: Connection, position: i32, next: i32): i32 {
  const pongs = connection.pongs;
  const kind = pongs.kind;
  // No PING was sent. What nats-server means by it, the client may know.
  if (kind == Pong.NONE) return next;
  if (kind == Pong.CLIENT) {
    pongs.pop();
    releaseInfo(connection, chunk, next);
    return next;
  }
  chunk.drop(position, next);
  switch (kind) {
    case Pong.SWALLOW_OK:
      connection.swallowsOk = true;
      break;
    case Pong.CONNECT_TAKEN:
      connectTaken(connection);
      break;
    case Pong.BEGINS:
      subscriptionBegins(connection);
      break;
    case Pong.REVOCATIONS_TAKEN:
      connection.subscriptions.revocationsTaken();
      break;
    case Pong.MAXIMUM:
    case Pong.MAXIMUM_OK:
      maximumTaken(connection);
      if (connection.phase == Phase.ENDED) dropRest(next);
      else if (kind == Pong.MAXIMUM_OK) chunk.write(OK_LINE);
      break;
    case Pong.SUBSCRIPTIONS_EXCEEDED:
      chunk.write(SUBSCRIPTIONS_EXCEEDED);
      break;
    case Pong.AUTHORIZATION_VIOLATION:
      endAfter(connection, AUTHORIZATION_VIOLATION);
      break;
    case Pong.CONTROL_LINE_EXCEEDED:
    case Pong.LONG_CONNECT:
      endAfter(connection, CONTROL_LINE_EXCEEDED);
      break;
    case Pong.PAYLOAD_VIOLATION:
      endAfter(connection, PAYLOAD_VIOLATION);
      break;
    default:
      writeRefusal(connection, kind);
  }
  pongs.pop();
  if (connection.phase == Phase.ENDED) return chunk.size;
  // Within `passBegun` nothing can be edited, and so only the PONG that has begun to pass is taken.
  return connection.toClientPassed ? next : takeFurtherPongs(connection, next);
}

/**
 * Refusals often come one after the other, and so do the PONGs for them. A PONG that is written plainly and becomes the text of
 * a permissions violation needs no reader, and where it is the same refusal as the one before, its text is copied. Answers the
 * position behind all that was taken.
 */
function takeFurtherPongs(connection: Connection, position: i32): i32 {
  const pongs = connection.pongs;
  // Kind and length of the refused publish that was written last. 0 for other texts, which are more than a line or are rare.
  let former: u32 = 0;
  let written = 0;
  while (position + PONG_LENGTH <= chunk.viewEnd && isPongLine(chunk.address(position))) {
    const kind = pongs.kind;
    if (!becomesViolation(kind)) break;
    chunk.drop(position, position + PONG_LENGTH);
    const present = pongs.kindAndLength;
    if (present != former || !pongs.isNamedLikeFormer || !chunk.writeAgain(written)) {
      written = writeRefusal(connection, kind);
      former = kind == Pong.PUBLISH_VIOLATION ? present : 0;
    }
    pongs.pop();
    position += PONG_LENGTH;
  }
  return position;
}

/** Writes the text that the oldest record stands for. Answers the length of the violation, the last line that is written. */
function writeRefusal(connection: Connection, kind: Pong): i32 {
  const pongs = connection.pongs;
  if (kind == Pong.PEDANTIC_PUBLISH_VIOLATION || kind == Pong.PEDANTIC_REPLY_VIOLATION) {
    chunk.write(INVALID_PUBLISH_SUBJECT);
  }
  const violation =
    kind == Pong.REPLY_VIOLATION || kind == Pong.PEDANTIC_REPLY_VIOLATION
      ? Violation.REPLY
      : kind == Pong.SUBSCRIPTION_VIOLATION || kind == Pong.QUEUE_VIOLATION
        ? Violation.SUBSCRIPTION
        : Violation.PUBLISH;
  const room = violationRoom(pongs.nameLength, pongs.queueLength);
  const out = chunk.writeArea(room);
  const length = writeViolation(violation, pongs.name, pongs.nameLength, pongs.queue, pongs.queueLength, out);
  chunk.wrote(length);
  return length;
}

/** Writes the client's last line. What the server says to the illegal line behind our PING is not for the client. */
function endAfter(connection: Connection, text: FixedText): void {
  chunk.write(text);
  chunk.drop(chunk.position(line.next), chunk.size);
  connection.phase = Phase.ENDED;
}
