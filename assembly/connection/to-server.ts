import { CHUNK_TO_SERVER } from "../bytes/hot-page";
import { ClientLine } from "../nats/client-line";
import { takeLargestSize } from "../nats/numbers";
import { Operation, Reading } from "../nats/operation";
import { CR, LF } from "../nats/words";
import { Reason } from "../policy/reason";
import { hasBytesAt } from "../proxy/buffers";
import { Chunk, FAR } from "../proxy/chunk";
import { DOWNSTREAM_DATA } from "../proxy/host";
import { Verdict } from "../telemetry/operations";
import { NO_PROTOCOL_ERROR, ProtocolError } from "../telemetry/protocol-error";
import { admit, hasRights } from "./admission";
import { judge, lineFault } from "./client-operations";
import { Connection, Phase } from "./connection";
import { sendUnsubscribes } from "./due-unsubscribes";
import { closeSoon, endAtOnce, endRefused, endUnreadable } from "./endings";
import { Pong } from "./expected-pongs";
import { foreignProtocol } from "./foreign-protocol";
import { beginAnew } from "./further-connect";
import { catchUp } from "./live-policy";
import { writePing } from "./pings";
import { passPlainHeaderPublishes } from "./plain-header-publishes";
import { passPlainPublishes } from "./plain-publishes";
import { dropPlainPublishes } from "./plain-refusals";
import { policyEpoch } from "./policy-epoch";
import { reportConnected, reportUnreadable } from "./report";
import { judgeSubscriptions } from "./revocations";

/**
 * Client to server: the story of a client's byte. Operations are read one by one from front to back; an allowed one
 * stays where it is, a refused one is replaced by a PING whose PONG becomes the refusal's text (to-client.ts).
 */

const chunk: Chunk = changetype<Chunk>(CHUNK_TO_SERVER);
const line: ClientLine = new ClientLine();

/**
 * Takes `size` bytes that the host holds for the server. Answers false when they must stay there: because too many of the
 * client's refusals wait for their PONG already (see `resume`), or because the host did not let them be edited.
 */
export function takeFromClient(connection: Connection, size: i32, endOfStream: bool): bool {
  if (connection.policyEpoch != policyEpoch) catchUp(connection);
  if (connection.phase == Phase.UNREAD) return true;
  if (connection.phase == Phase.ENDING || connection.phase == Phase.ENDED) dropAll(connection, size);
  else {
    // At the end of the stream the host presents held bytes for the last time.
    if (size > 0 && !endOfStream && mustWait(connection)) {
      connection.held = size;
      return false;
    }
    connection.held = 0;
    if (size > 0) process(connection, size);
    if (endOfStream) noteUnfinished(connection);
  }
  return size == 0 || !chunk.mustStay;
}

/** Do too many bytes of records wait for their PONG? */
function mustWait(connection: Connection): bool {
  return connection.outstandingBytes > connection.outstandingRepliesLimit;
}

/** Have so many PONGs come that a client which is held back may go on? */
export function hasDrained(connection: Connection): bool {
  return connection.outstandingBytes <= connection.outstandingRepliesLimit / 2;
}

/**
 * Enough of these have been answered: the bytes that were held are read and edited now, in place. Answers whether they may go on
 * then.
 */
export function resume(connection: Connection): bool {
  const size = connection.held;
  connection.held = 0;
  // Should the host have more bytes than it has announced, these would go to the server unread.
  if (hasBytesAt(DOWNSTREAM_DATA, size)) {
    endAtOnce(connection, ProtocolError.HOST);
    dropAll(connection, i32.MAX_VALUE);
  } else process(connection, size);
  return !chunk.mustStay;
}

function noteUnfinished(connection: Connection): void {
  if (connection.phase != Phase.OPEN) return;
  if (connection.toServerTail.length > 0 || connection.toServerPayload > 0) {
    reportUnreadable(connection, ProtocolError.UNFINISHED);
  }
}

function dropAll(connection: Connection, size: i32): void {
  if (size == 0) return;
  chunk.begin(DOWNSTREAM_DATA, size, connection.toServerTail, connection.observing, false);
  chunk.finishWithNothing();
}

function process(connection: Connection, size: i32): void {
  const frozen = connection.observing || connection.toServerPassed;
  chunk.begin(DOWNSTREAM_DATA, size, connection.toServerTail, frozen, connection.toServerLarge);
  let position = -connection.toServerTail.length;
  if (connection.phase == Phase.NEW) begin(connection);
  if (connection.toServerPassed) position = passBegun(connection, position);
  while (connection.phase == Phase.OPEN && position < size) {
    if (connection.toServerPayload == 0) {
      // Nothing is in view yet, or nothing behind a payload that was skipped: lines must be, before the short ways can be asked.
      if (position >= chunk.viewEnd) chunk.extend(position);
      const from = position;
      if (position < chunk.viewEnd) position = passPlain(connection, position);
      if (position >= size) break;
      if (position > from && position >= chunk.viewEnd) continue;
    }
    const next =
      connection.toServerPayload == 0
        ? takeOperation(connection, position)
        : connection.dropsPayload
          ? dropPayload(connection, position)
          : passPayload(connection, position);
    if (next == position) break;
    position = next;
  }
  if (chunk.viewEnd > 0) connection.toServerLarge = takeLargestSize() > FAR;
  if (connection.phase == Phase.OPEN) {
    if (chunk.finish(position)) return;
    endAtOnce(connection, chunk.failed ? ProtocolError.HOST : ProtocolError.MEMORY);
  } else if (connection.phase == Phase.ENDING) chunk.finish(size);
  else if (connection.phase == Phase.ENDED) chunk.finishWithNothing();
}

/**
 * Lets publishes go the short ways as far as they can: those that are allowed, those that are refused, and behind them those
 * with headers. Answers the position behind them.
 */
// @ts-ignore: decorator
@inline
function passPlain(connection: Connection, position: i32): i32 {
  let next = position;
  while (true) {
    next = passPlainPublishes(connection, chunk, next);
    if (next >= chunk.viewEnd || connection.toServerPayload > 0) return next;
    const from = next;
    next = dropPlainPublishes(connection, chunk, from);
    if (next == from) return passPlainHeaderPublishes(connection, chunk, from);
    if (next >= chunk.viewEnd) return next;
  }
}

/** The first bytes of a client: does it speak NATS at all, and who is it? */
function begin(connection: Connection): void {
  chunk.extend(0);
  const reason = admit(connection);
  const error = hasRights(connection)
    ? foreignProtocol(chunk.address(0), chunk.address(chunk.viewEnd))
    : ProtocolError.MEMORY;
  const isUnreadable = error != NO_PROTOCOL_ERROR;
  const refused = (reason != Reason.ALLOWED || isUnreadable) && !connection.observing;
  const meter = connection.meter;
  if (meter != null) meter.opened(refused ? Verdict.REFUSED : Verdict.ALLOWED);
  connection.phase = Phase.OPEN;
  // In DRY_RUN another protocol passes too.
  if (!refused) reportConnected(connection);
  if (isUnreadable) endUnreadable(connection, chunk, 0, error);
  else if (refused) endRefused(connection, chunk, 0, Pong.AUTHORIZATION_VIOLATION);
}

/**
 * The beginning of this operation went to the server in DRY_RUN, under an older policy, so its end must follow. A subscription
 * that it makes is judged like those before it.
 */
function passBegun(connection: Connection, position: i32): i32 {
  const access = connection.access;
  const hadConnect = connection.options.received;
  connection.access = null;
  connection.observing = true;
  const next = takeOperation(connection, position);
  connection.access = access;
  connection.observing = false;
  if (next == position) return position;
  connection.toServerPassed = false;
  chunk.thaw();
  // The present policy did not hear of it while it passed. An answer is one use of what was granted.
  if (access != null && connection.toServerPayload > 0) access.useGrants(line.subject, line.subjectLength);
  if (connection.phase != Phase.OPEN) {
    // What ends it has been reported as it was met.
    closeSoon(connection);
    return next;
  }
  // Not in `connect`, since a PING of ours is to go behind it. What it ends at the server need not be judged.
  if (hadConnect && line.operation == Operation.CONNECT) beginAnew(connection, chunk, next);
  if (connection.phase == Phase.OPEN) judgeSubscriptions(connection, false);
  return next;
}

function passPayload(connection: Connection, position: i32): i32 {
  const bytes = min(connection.toServerPayload, chunk.size - position);
  connection.toServerPayload -= bytes;
  return position + bytes;
}

/**
 * Drops a refused payload as it streams by. Its CR LF is checked, as nats-server would (parser.go MSG_END_R); behind that goes
 * the PING for the refusal.
 */
function dropPayload(connection: Connection, from: i32): i32 {
  let left = connection.toServerPayload;
  const body = min(max(left - 2, 0), chunk.size - from);
  let position = from + body;
  left -= body;
  while (left > 0 && position < chunk.size) {
    if (position >= chunk.viewEnd && !chunk.extend(position)) return fail(connection);
    if (load<u8>(chunk.address(position)) != (left == 2 ? CR : LF)) {
      // The record of the refusal waits for the PONG of a PING that is never sent. That does no harm: no other PING is sent either.
      endUnreadable(connection, chunk, from, ProtocolError.PAYLOAD_END);
      return chunk.size;
    }
    position++;
    left--;
  }
  chunk.drop(from, position);
  connection.toServerPayload = left;
  if (left == 0) {
    connection.dropsPayload = false;
    writePing(connection, chunk);
  }
  return position;
}

/** Takes the operation at `position` and answers where the next one begins; `position` itself when it is unfinished. */
function takeOperation(connection: Connection, position: i32): i32 {
  if (position >= chunk.viewEnd && !chunk.extend(position)) return fail(connection);
  if (
    connection.dueUnsubscribes.length > 0 &&
    !connection.toServerPassed &&
    !sendUnsubscribes(connection, chunk, position)
  ) {
    endUnreadable(connection, chunk, position, ProtocolError.MEMORY);
    return chunk.size;
  }
  while (true) {
    const reading = line.read(chunk.address(position), chunk.address(chunk.viewEnd), connection.controlLineLimit);
    if (reading == Reading.COMPLETE) {
      if (line.operation != Operation.HPUB || isReady(connection, line))
        return judge(connection, chunk, line, position);
    } else if (reading != Reading.INCOMPLETE) {
      endUnreadable(connection, chunk, position, errorOf(reading));
      return chunk.size;
    }
    if (!chunk.extend(position)) return chunk.failed ? fail(connection) : position;
  }
}

/** May an HPUB be judged? It is with its headers, unless they are too many to be held or its line alone is a fault. */
function isReady(connection: Connection, line: ClientLine): bool {
  return (
    chunk.position(line.next) + line.headerLength <= chunk.viewEnd ||
    line.headerLength > connection.headersLimit ||
    lineFault(connection, line) != NO_PROTOCOL_ERROR
  );
}

function fail(connection: Connection): i32 {
  endAtOnce(connection, ProtocolError.HOST);
  return chunk.size;
}

function errorOf(reading: Reading): ProtocolError {
  if (reading == Reading.BAD_ARGUMENTS) return ProtocolError.BAD_ARGUMENTS;
  if (reading == Reading.LINE_TOO_LONG) return ProtocolError.CONTROL_LINE;
  return ProtocolError.UNKNOWN_OPERATION;
}
