import { startsWith } from "../bytes/compare";
import { FixedText, fixedText } from "../bytes/fixed-text";
import { DOT, isOfJetStream } from "./subject";

const NO_RESPONDERS = fixedText("NATS/1.0 503\r\n");
/** Bytes of a header block that `saysNoResponders` looks at. */
export const STATUS_BYTES: i32 = 14;
const API = fixedText(".API.");
const NEXT = fixedText(".API.CONSUMER.MSG.NEXT.");

/**
 * Is a header block, of which STATUS_BYTES are there, nats-server's answer to a request that nobody listens to? Later
 * versions add the request's subject behind the status line.
 */
export function saysNoResponders(pointer: usize): bool {
  return memory.compare(pointer, NO_RESPONDERS.pointer, <usize>STATUS_BYTES) == 0;
}

/**
 * A pull from a JetStream consumer: `$JS.API.CONSUMER.MSG.NEXT.` or `$JS.DOMAIN.API.CONSUMER.MSG.NEXT.`. It has a reply
 * subject and is no request: its messages come, after any time, with their own subjects.
 */
// @ts-ignore: decorator
@inline
export function isPull(pointer: usize, length: i32): bool {
  return isOfJetStream(pointer, length) && follows(pointer, length, NEXT);
}

/** A request to JetStream's API, `$JS.API.…` or `$JS.DOMAIN.API.…` (client.go `isJSAPIRequest`, 2.14.10 and 2.15.3). */
// @ts-ignore: decorator
@inline
export function isApiRequest(pointer: usize, length: i32): bool {
  return isOfJetStream(pointer, length) && follows(pointer, length, API);
}

/** Do these words follow `$JS`, or `$JS.` and a domain of one token? The subject begins with `$JS.`. */
function follows(pointer: usize, length: i32, words: FixedText): bool {
  if (startsWith(pointer + 3, length - 3, words)) return true;
  let at = 4;
  while (at < length && load<u8>(pointer + <usize>at) != DOT) at++;
  return startsWith(pointer + <usize>at, length - at, words);
}
