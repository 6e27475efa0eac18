import { QUOTED_GROWTH, writeQuoted } from "../nats/quote";

/** Bytes that `quotedBytes` shows at most, whatever it is asked for. */
export const MOST_SHOWN: i32 = 256;
const area: usize = memory.data(MOST_SHOWN * QUOTED_GROWTH);

/**
 * The first `most` of the `length` bytes at `pointer` as text, quoted as nats-server quotes them, so that what
 * operators read agrees with the error that the client was sent.
 */
export function quotedBytes(pointer: usize, length: i32, most: i32): string {
  const size = writeQuoted(pointer, min(length, min(most, MOST_SHOWN)), area);
  return String.UTF8.decodeUnsafe(area, <usize>size);
}
