import { Chunk } from "../proxy/chunk";
import { ProtocolError } from "../telemetry/protocol-error";
import { Connection } from "./connection";
import { endUnreadable } from "./endings";
import { Pong } from "./expected-pongs";
import { writePing } from "./pings";

/** A further CONNECT, with which subscriptions, grants and filters begin anew at nats-server (client.go `processConnect`). */

/**
 * From this minor version on every nats-server 2 drops all subscriptions at a further CONNECT (2.11 and 2.12 do from some patch
 * on, 2.10 never; read in the sources of 2.10.29, 2.11.17, 2.12.0, 2.12.5, 2.12.10, 2.14.0, 2.15.0). Before others they are kept
 * here with the filter: what the server has dropped after all brings no messages, unless its sid is used again.
 */
const FIRST_THAT_FORGETS: i32 = 14;

/**
 * The client sends a further CONNECT, which ends at `next`, and nothing behind it has been read. A PING goes there, whose PONG
 * shows when the server has taken the CONNECT. In DRY_RUN none can go, and it counts as taken at once.
 */
export function beginAnew(connection: Connection, chunk: Chunk, next: i32): void {
  if (connection.serverMinor < FIRST_THAT_FORGETS) {
    connection.forgetGrants();
    return;
  }
  connection.subscriptions.beginAnew();
  connection.hasUnrecorded = false;
  connection.dueUnsubscribes.release();
  connection.queueLostSince = 0;
  const access = connection.access;
  if (access != null) access.beginReset();
  const shadow = connection.shadow;
  if (shadow != null) shadow.beginReset();
  if (connection.observing) connectTaken(connection);
  else if (connection.pongs.push(Pong.CONNECT_TAKEN)) {
    chunk.drop(next, next);
    writePing(connection, chunk);
  } else endUnreadable(connection, chunk, next, ProtocolError.MEMORY);
}

/** The server has taken a further CONNECT. */
export function connectTaken(connection: Connection): void {
  const access = connection.access;
  if (access != null) access.finishReset(connection.mayHaveStray);
  const shadow = connection.shadow;
  if (shadow != null) shadow.finishReset(connection.mayHaveStray);
  if (!connection.observing && !connection.awaitsConnect) connection.subscriptions.settle();
}
