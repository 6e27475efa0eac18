import { sameBytes } from "../bytes/compare";
import { FixedText, fixedText } from "../bytes/fixed-text";

const NO_RESPONDERS: FixedText = fixedText("NATS/1.0 503\r\n");
/** Bytes of a header block that `saysNoResponders` looks at. */
export const STATUS_BYTES: i32 = 14;

/**
 * Is a header block, of which STATUS_BYTES are there, nats-server's answer to a request that nobody listens to? Later
 * versions add the request's subject behind the status line.
 */
export function saysNoResponders(pointer: usize): bool {
  return sameBytes(pointer, NO_RESPONDERS.pointer, STATUS_BYTES);
}
