import type { Frame } from "../stand/server-frames.ts";

/** The control lines, without the PINGs that nats-server sends of its own accord: first two seconds after CONNECT. */
export function linesOf(frames: readonly Frame[]): string[] {
  return frames.filter(({ verb }) => verb !== "PING").map(({ line }) => line);
}
