import { CONNECT_WITHOUT_JSON, ILLEGAL_CONNECT, ILLEGAL_LINE, PING_LINE, PUB_WITHOUT_SIZE } from "../nats/texts";
import { Reason } from "../policy/reason";
import { Chunk } from "../proxy/chunk";
import { ProtocolError } from "../telemetry/protocol-error";
import { Unanswered } from "../telemetry/series";
import { callbackTime } from "./callback-time";
import { Connection, Phase } from "./connection";
import { Pong } from "./expected-pongs";
import { reportRevokedConnection, reportUnreadable } from "./report";

/** As the time at which an ending has begun: so long ago that the next tick closes the connection. */
const LONG_AGO: i64 = 1;

/**
 * How a connection ends from our side. There is no call that writes to a client, so nats-server is made to end it:
 * the rest of the client's chunk is replaced by a line that every nats-server refuses, before it a PING if the client
 * is to get another text than nats-server's own. Nothing of what we could not read is forwarded. Should the server
 * not close, the tick does (root-context.ts).
 */

/** The client's stream cannot be read from `position` on. In DRY_RUN it passes unread from here. */
export function endUnreadable(connection: Connection, chunk: Chunk, position: i32, kind: ProtocolError): void {
  reportUnreadable(connection, kind);
  if (connection.observing) {
    passUnread(connection);
    return;
  }
  // Before authentication nats-server reads no line beyond its first byte, unless that is a C.
  const isLikeConnect = kind <= ProtocolError.CONTROL_LINE && (load<u8>(chunk.address(position)) & 0xdf) == 0x43;
  const isAwaited = isLikeConnect && connection.awaitsAuthentication;
  chunk.drop(position, chunk.size);
  switch (kind) {
    case ProtocolError.BAD_ARGUMENTS:
    case ProtocolError.HEADERS_UNSUPPORTED:
      chunk.write(PUB_WITHOUT_SIZE);
      break;
    case ProtocolError.CONNECT_JSON:
      chunk.write(CONNECT_WITHOUT_JSON);
      break;
    case ProtocolError.CONTROL_LINE:
      endWithText(connection, chunk, isAwaited ? Pong.LONG_CONNECT : Pong.CONTROL_LINE_EXCEEDED);
      return;
    case ProtocolError.PAYLOAD_SIZE:
      endWithText(connection, chunk, Pong.PAYLOAD_VIOLATION);
      return;
    default:
      chunk.write(isLikeConnect ? ILLEGAL_CONNECT : ILLEGAL_LINE);
  }
  startEnding(connection);
}

/** In DRY_RUN nothing is edited or closed: what cannot be read passes, and so does all that follows it. */
function passUnread(connection: Connection): void {
  connection.phase = Phase.UNREAD;
  connection.toServerTail.release();
  connection.toClientTail.release();
  if (connection.passesUnread) connection.endExchanges(Unanswered.UNSEEN);
}

/**
 * The peer may not connect. Everything from `position` on is dropped, and the client's last line becomes the text of `pong`.
 */
export function endRefused(connection: Connection, chunk: Chunk, position: i32, pong: Pong): void {
  chunk.drop(position, chunk.size);
  endWithText(connection, chunk, pong);
}

/**
 * A PING whose PONG becomes the text of `pong`, and an illegal line behind it, at which the server closes. Without room for
 * the record there is no text.
 */
function endWithText(connection: Connection, chunk: Chunk, pong: Pong): void {
  if (connection.pongs.push(pong)) chunk.write(PING_LINE);
  chunk.write(ILLEGAL_LINE);
  startEnding(connection);
}

function startEnding(connection: Connection): void {
  connection.phase = Phase.ENDING;
  connection.endingSince = callbackTime();
}

/** Nothing passes any more, and the next tick closes the connection. Whoever calls this says why. */
export function closeSoon(connection: Connection): void {
  connection.phase = Phase.ENDED;
  connection.endingSince = LONG_AGO;
}

/** A newer policy ends an open connection. */
export function endRevoked(connection: Connection, reason: Reason): void {
  reportRevokedConnection(connection, reason);
  closeSoon(connection);
}

/**
 * What cannot be read, or held, ends a connection at once. It is reported, unless it has ended already: what ends it may be met for
 * each of its subscriptions. Nor is a lack of memory reported that is met while it is ending: of why it ends there is a record. In
 * DRY_RUN the connection passes unread instead.
 */
export function endAtOnce(connection: Connection, kind: ProtocolError): void {
  if (connection.phase == Phase.ENDED) return;
  if (connection.phase != Phase.ENDING || kind != ProtocolError.MEMORY) reportUnreadable(connection, kind);
  if (connection.observing) {
    passUnread(connection);
    return;
  }
  closeSoon(connection);
}
