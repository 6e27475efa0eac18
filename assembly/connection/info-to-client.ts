import { ServerInfo } from "../nats/info";
import { ServerLine } from "../nats/server-line";
import { Chunk } from "../proxy/chunk";
import { NO_PROTOCOL_ERROR, ProtocolError } from "../telemetry/protocol-error";
import { clientOf } from "./client";
import { Connection, FirstPing } from "./connection";
import { speaksTlsToServer } from "./upstream-tls";

/** What becomes of an INFO on its way to the client. */

const info: ServerInfo = new ServerInfo();
/** Bytes of the word INFO. */
const INFO_VERB: usize = 4;

/**
 * Takes the INFO that `line` has read at `position`: keeps what it says of nats-server, and leaves out, or holds, what the client is not
 * to read now. Answers why it cannot, a ProtocolError, or NO_PROTOCOL_ERROR.
 */
export function takeInfo(connection: Connection, chunk: Chunk, line: ServerLine, position: i32): i32 {
  releaseInfo(connection, chunk, position);
  if (!readInfo(connection, line)) return ProtocolError.SERVER;
  if (info.maxPayload > 0) connection.maxPayload = info.maxPayload;
  if (info.clientId != 0) connection.clientId = info.clientId;
  connection.serverMinor = info.minorVersion;
  if (!info.isTested && !connection.untestedServer) {
    connection.untestedServer = true;
    // A client that has waited for the INFO, as most do, is not known yet, and `admit` counts it.
    const meter = connection.meter;
    if (meter != null) meter.untestedServer();
    clientOf(connection.id).telemetry.warnOfVersion(info.version, info.versionLength);
  }
  connection.hasInfo = true;
  connection.serverHeaders = info.headers;
  connection.authRequired = info.authRequired;
  connection.serverRequiresTls = info.tlsRequired && !connection.originatesTls;
  if (connection.observing) return NO_PROTOCOL_ERROR;
  const next = chunk.position(line.next);
  if (info.connectInfo && connection.firstPing == FirstPing.OURS) {
    // The client has sent no PING yet, and is to get it after the PONG for its first one.
    if (!holdInfo(connection, chunk, position, next)) return ProtocolError.MEMORY;
    connection.firstPing = FirstPing.CLIENT;
    chunk.drop(position, next);
    return NO_PROTOCOL_ERROR;
  }
  for (let i = 0; i < info.cutCount; i++) {
    chunk.drop(chunk.position(info.cutStart(i)), chunk.position(info.cutEnd(i)));
  }
  return NO_PROTOCOL_ERROR;
}

/** Reads the INFO in hand. Whether the proxy itself speaks TLS with nats-server is asked only if INFO has a word of TLS. */
function readInfo(connection: Connection, line: ServerLine): bool {
  const urls = connection.removesUrls;
  if (!info.read(line.argument, line.argumentLength, urls, connection.originatesTls)) return false;
  if (connection.originatesTls || !(info.tlsRequired || info.tlsAvailable) || !speaksTlsToServer()) return true;
  connection.originatesTls = true;
  return info.read(line.argument, line.argumentLength, urls, true);
}

/** Keeps the INFO whole: what the client is not to read of it, the policy says that is in force when it is released. */
function holdInfo(connection: Connection, chunk: Chunk, position: i32, next: i32): bool {
  return connection.heldInfo.assign(chunk.address(position), next - position);
}

/** Writes the INFO that is held, if any, before what is at `position`. A later INFO must not overtake it. */
export function releaseInfo(connection: Connection, chunk: Chunk, position: i32): void {
  const held = connection.heldInfo;
  if (held.length == 0) return;
  chunk.drop(position, position);
  let from = held.pointer;
  const end = from + <usize>held.length;
  info.read(from + INFO_VERB, held.length - <i32>INFO_VERB, connection.removesUrls, connection.originatesTls);
  for (let i = 0; i < info.cutCount; i++) {
    chunk.writeBytes(from, <i32>(info.cutStart(i) - from));
    from = info.cutEnd(i);
  }
  chunk.writeBytes(from, <i32>(end - from));
  held.release();
}
