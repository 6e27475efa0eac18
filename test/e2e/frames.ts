import type { Frame } from "../stand/server-frames.ts";

/** The control lines, without the PINGs that nats-server sends by itself, the first of them two seconds after CONNECT. */
export function linesOf(frames: readonly Frame[]): string[] {
  return frames.filter(({ verb }) => verb !== "PING").map(({ line }) => line);
}

/** nats-server's number for the connection, from its INFO. */
export function clientIdOf(info: Frame): number {
  return (JSON.parse(info.line.slice("INFO ".length)) as { client_id: number }).client_id;
}
