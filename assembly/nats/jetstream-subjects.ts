import { startsWith } from "../bytes/compare";
import { FixedText, fixedText } from "../bytes/fixed-text";
import { endOfToken } from "./subject";

/** Which of JetStream's own subjects a subject is: they all begin with `$JS.`. */

/** `$JS.` with the first byte lowest. */
const JETSTREAM: u32 = 0x2e534a24;

/** Does the subject begin with `$JS.`, as those of JetStream's API and acknowledgements do? */
// @ts-ignore: decorator
@inline
export function isOfJetStream(pointer: usize, length: i32): bool {
  return length >= 4 && load<u32>(pointer) == JETSTREAM;
}

/** `$JS.ACK.` with the first byte lowest. */
const ACKNOWLEDGEMENT: u64 = 0x2e4b43412e534a24;

/** Does something follow `$JS.ACK.`, as in the reply subjects of JetStream's deliveries? */
function isAcknowledgement(pointer: usize, length: i32): bool {
  return length > 8 && load<u64>(pointer) == ACKNOWLEDGEMENT;
}

/** May the subject have another one in its tokens, as requests to JetStream's API have? No acknowledgement has. */
export function mayNameSubject(pointer: usize, length: i32): bool {
  return isOfJetStream(pointer, length) && !isAcknowledgement(pointer, length);
}

const API: FixedText = fixedText(".API.");
/** What follows `$JS` in subjects of JetStream's that are no domain's. */
const NO_DOMAINS: StaticArray<FixedText> = [
  fixedText(".ACK."),
  fixedText(".FC."),
  fixedText(".SNAPSHOT."),
  fixedText(".EVENT."),
];
const NEXT: FixedText = fixedText(".API.CONSUMER.MSG.NEXT.");

/**
 * A pull from a JetStream consumer: `$JS.API.CONSUMER.MSG.NEXT.` or `$JS.DOMAIN.API.CONSUMER.MSG.NEXT.`. It has a reply
 * subject and is no request: its messages come, after any time, with their own subjects.
 */
// @ts-ignore: decorator
@inline
export function isPull(pointer: usize, length: i32): bool {
  return isOfJetStream(pointer, length) && follows(pointer, length, NEXT);
}

/**
 * A request to JetStream's API, `$JS.API.…` or `$JS.DOMAIN.API.…` (client.go `jsReservedKind`, 2.15.3). What acknowledges a message of a
 * stream called `API`, `$JS.ACK.API.…`, is none.
 */
// @ts-ignore: decorator
@inline
export function isApiRequest(pointer: usize, length: i32): bool {
  return isOfJetStream(pointer, length) && follows(pointer, length, API) && !isOfNoDomain(pointer, length);
}

function isOfNoDomain(pointer: usize, length: i32): bool {
  for (let i = 0; i < NO_DOMAINS.length; i++) {
    if (startsWith(pointer + 3, length - 3, unchecked(NO_DOMAINS[i]))) return true;
  }
  return false;
}

/** Do these words follow `$JS`, or `$JS.` and a domain of one token? The subject begins with `$JS.`. */
function follows(pointer: usize, length: i32, words: FixedText): bool {
  if (startsWith(pointer + 3, length - 3, words)) return true;
  const end = pointer + <usize>length;
  const behind = endOfToken(pointer + 4, end);
  return startsWith(behind, <i32>(end - behind), words);
}
