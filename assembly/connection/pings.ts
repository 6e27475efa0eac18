import { PING_LINE } from "../nats/texts";
import { Chunk } from "../proxy/chunk";
import { Connection, FirstPing } from "./connection";

/**
 * The first PING that nats-server reads after CONNECT makes it send a second INFO, after its PONG. Notes whether that PING was
 * the client's or ours.
 */
export function notePing(connection: Connection, whose: FirstPing): void {
  if (connection.firstPing == FirstPing.NONE && connection.options.received) connection.firstPing = whose;
}

/** Sends a PING of ours. */
export function writePing(connection: Connection, chunk: Chunk): void {
  chunk.write(PING_LINE);
  notePing(connection, FirstPing.OURS);
}
