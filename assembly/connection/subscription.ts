import { BLOCK_HASH, BLOCK_KEY_LENGTH } from "../bytes/block-table";
import { take } from "../bytes/budget";
import { sameBytes } from "../bytes/compare";
import { NOT_A_SIZE, readNumber } from "../nats/numbers";

/**
 * One subscription of a connection, live or ended: a pointer to a block of the table `Subscriptions`, which alone makes it, changes
 * its state and gives it back.
 */

/**
 * Offsets into the block, whose key is the sid. The fields are followed by sid, subject and queue. Lengths, counts and the
 * maximum are i32. RECEIVED and KEPT_BACK are exported for specs, which cannot count up to their bound.
 */
const SUBJECT_LENGTH: usize = 8;
const QUEUE_LENGTH: usize = 12;
export const RECEIVED: usize = 16;
const MAX: usize = 20;
/** One byte each. */
const STATE: usize = 24;
const FLAGS: usize = 25;
const COUNTED_HERE: usize = 26;
const SERIAL: usize = 28;
const PENDING_MAXIMA: usize = 32;
export const KEPT_BACK: usize = 36;
/** Where the sid is. */
export const SID: usize = 40;

/** Bits of FLAGS. While the subscription was live its sid was used again; that was with another subject; with another queue. */
const AGAIN: u8 = 1;
const OTHER_SUBJECT: u8 = 2;
const OTHER_QUEUE: u8 = 4;
/** Messages of a former subscription with its sid may still come; messages of before a further CONNECT may. */
const FORMER: u8 = 8;
const UNSETTLED: u8 = 16;
/** Messages of the former one must not reach the client. */
const WITHHELD: u8 = 32;
/** The former one was revoked. */
const FORMER_REVOKED: u8 = 64;
/** The policy in force has not judged it yet. */
const UNJUDGED: u8 = 128;

/** The largest maximum that nats-server takes (util.go `parseSize`, nine digits); a longer one means "now". */
const LARGEST_MAXIMUM: i32 = 999_999_999;
/** Counts stop here, above any maximum. Two of them together, or one and a maximum, still fit into an i32. */
const COUNTED_BEYOND_ANY: i32 = LARGEST_MAXIMUM + 1;

/** Where a subscription is between its SUB and the last message of it. */
export const enum State {
  LIVE = 0,
  /** Ended by the client or by its maximum; kept a while, since messages of it are still under way. */
  ENDED = 1,
  /** Its maximum was counted by the server and is reached, but the server is to be told of the end too. */
  REACHED = 2,
  /** Its maximum was counted here and is reached; the server delivers on until it hears of it. */
  COUNTED_OUT = 3,
  /** The same, and the server has been told. */
  TOLD = 4,
  /** A newer policy does not allow it; nothing of it may reach the client any more, however much is under way. */
  REVOKED = 5,
}

/**
 * Makes the block of a live subscription with nothing received. `uncertainties` are those of `uncertaintiesAfter`. Answers 0
 * when the budget has no room.
 */
export function newSubscription(
  hash: u32,
  sid: usize,
  sidLength: i32,
  subject: usize,
  subjectLength: i32,
  queue: usize,
  queueLength: i32,
  uncertainties: u8,
  serial: u32,
): usize {
  const sub = take(SID + <usize>(sidLength + subjectLength + queueLength));
  if (sub == 0) return 0;
  store<u32>(sub, hash, BLOCK_HASH);
  store<i32>(sub, sidLength, BLOCK_KEY_LENGTH);
  store<i32>(sub, subjectLength, SUBJECT_LENGTH);
  store<i32>(sub, queueLength, QUEUE_LENGTH);
  store<i32>(sub, 0, RECEIVED);
  store<i32>(sub, 0, MAX);
  store<u8>(sub, State.LIVE, STATE);
  store<u8>(sub, uncertainties, FLAGS);
  store<u8>(sub, 0, COUNTED_HERE);
  store<u32>(sub, serial, SERIAL);
  store<i32>(sub, 0, PENDING_MAXIMA);
  store<i32>(sub, 0, KEPT_BACK);
  memory.copy(sidOf(sub), sid, <usize>sidLength);
  memory.copy(subjectOf(sub), subject, <usize>subjectLength);
  memory.copy(queueOf(sub), queue, <usize>queueLength);
  return sub;
}

/**
 * What is not known of a new subscription, as bits of FLAGS: whether what comes for its sid is of `former`, which had the sid
 * before (0: none had), or of one that is forgotten (`mayHaveForgotten`), and whether it is of before a CONNECT that the server
 * has not taken yet (`unsettled`). From a client that is `observed`, in DRY_RUN, nothing is withheld.
 */
export function uncertaintiesAfter(former: usize, mayHaveForgotten: bool, unsettled: bool, observed: bool): u8 {
  let uncertainties: u8 = unsettled ? UNSETTLED : 0;
  if (former == 0) return mayHaveForgotten ? uncertainties | FORMER : uncertainties;
  uncertainties |= FORMER;
  if (observed || !(endedByCount(former) || isWithheld(former))) return uncertainties;
  return uncertainties | WITHHELD | (bringsRevoked(former) ? FORMER_REVOKED : 0);
}

/** The longest sid that is one word. */
export const LONGEST_WORD: i32 = 8;

/**
 * A sid of one to eight bytes as one number, which of sids of the same length no other has. Eight bytes that end with the sid are
 * read, and what stands before it is shifted away. All eight are memory wherever a sid is, since the compiler leaves the first
 * kilobyte free.
 */
// @ts-ignore: decorator
@inline
export function sidWord(sid: usize, length: i32): u64 {
  return load<u64>(sid + <usize>length - 8) >> unneededBits(length);
}

/** Of the eight bytes that end with a sid, the bits that stand before it. */
// @ts-ignore: decorator
@inline
function unneededBits(length: i32): u64 {
  return (<u64>(LONGEST_WORD - length)) << 3;
}

/** Is this its sid? Nearly all sids are numbers of few digits. */
// @ts-ignore: decorator
@inline
export function hasSid(sub: usize, sid: usize, length: i32): bool {
  if (load<i32>(sub, BLOCK_KEY_LENGTH) != length) return false;
  if (length > LONGEST_WORD) return sameBytes(sub + SID, sid, length);
  const before = <usize>length - 8;
  return (load<u64>(sub + SID + before) ^ load<u64>(sid + before)) >> unneededBits(length) == 0;
}

/**
 * A sid as a number. Those that are none, or of more than nine digits, are the largest. Equal sids have equal numbers. Client
 * libraries count upwards, so the largest of some stands for all of them.
 */
export function rankOf(sid: usize, length: i32): i32 {
  const number = readNumber(sid, length);
  return number == NOT_A_SIZE ? i32.MAX_VALUE : number;
}

/** Bytes of the block. */
export function sizeOf(sub: usize): usize {
  return (
    SID + <usize>(load<i32>(sub, BLOCK_KEY_LENGTH) + load<i32>(sub, SUBJECT_LENGTH) + load<i32>(sub, QUEUE_LENGTH))
  );
}

/**
 * The client has sent a SUB with the sid of a live subscription. nats-server keeps the old one if that is live there too; if it
 * has ended there without our knowledge, the new one counts. We do not know which, nor what the server has counted.
 */
export function noteReuse(sub: usize, subject: usize, subjectLength: i32, queue: usize, queueLength: i32): void {
  let flags = load<u8>(sub, FLAGS) | AGAIN;
  if (subjectLength != subjectLengthOf(sub) || !sameBytes(subject, subjectOf(sub), subjectLength)) {
    flags |= OTHER_SUBJECT;
  }
  if (queueLength != queueLengthOf(sub) || !sameBytes(queue, queueOf(sub), queueLength)) flags |= OTHER_QUEUE;
  store<u8>(sub, flags, FLAGS);
}

/** Is `queueOf` the queue by which the server delivers? */
export function isQueueKnown(sub: usize): bool {
  return (load<u8>(sub, FLAGS) & OTHER_QUEUE) == 0;
}

/** Are `subjectOf` and `queueOf` what the server has under this sid? */
export function isNameKnown(sub: usize): bool {
  return (load<u8>(sub, FLAGS) & (OTHER_SUBJECT | OTHER_QUEUE)) == 0;
}

/**
 * Is what was counted for this sid, passed or kept back, what the server has delivered to this subscription? Not where messages
 * of a former one may have been under way.
 */
export function isCountKnown(sub: usize): bool {
  return (load<u8>(sub, FLAGS) & (AGAIN | FORMER | UNSETTLED)) == 0;
}

/** May what comes for this sid be of another subscription, a former one or one of before a further CONNECT? */
export function mayBeFormers(sub: usize): bool {
  return (load<u8>(sub, FLAGS) & (FORMER | UNSETTLED)) != 0;
}

/**
 * Is what comes for this sid withheld, because it may be of a former subscription that has lost its right or had its maximum?
 */
export function isWithheld(sub: usize): bool {
  return (load<u8>(sub, FLAGS) & WITHHELD) != 0;
}

/** May what comes for this sid be of a subscription that a newer policy has revoked? */
export function bringsRevoked(sub: usize): bool {
  return stateOf(sub) == State.REVOKED || (load<u8>(sub, FLAGS) & FORMER_REVOKED) != 0;
}

/**
 * Has the policy in force not judged it yet? Then it is judged before its next message passes, or that message by its own
 * subject (revocations.ts).
 */
// @ts-ignore: decorator
@inline
export function isUnjudged(sub: usize): bool {
  return (load<u8>(sub, FLAGS) & UNJUDGED) != 0;
}

/** Notes whether the policy in force is still to judge it. */
export function setUnjudged(sub: usize, unjudged: bool): void {
  const others = load<u8>(sub, FLAGS) & ~UNJUDGED;
  store<u8>(sub, unjudged ? others | UNJUDGED : others, FLAGS);
}

/** Is it live and judged, and has nobody else had its sid lately? Then nothing about it but its maximum needs a closer look. */
// @ts-ignore: decorator
@inline
export function isPlain(sub: usize): bool {
  // The two bytes STATE and FLAGS: LIVE, and none of the bits.
  return load<u16>(sub, STATE) == 0;
}

/**
 * Is it plain, and without a maximum? Then a message for it needs no closer look: one that has ended, or whose sid another had, may have
 * to be kept back, and one with a maximum may be at its end.
 */
// @ts-ignore: decorator
@inline
export function isPlainWithoutMax(sub: usize): bool {
  return isPlain(sub) && maxOf(sub) == 0;
}

/** Did another subscription have its sid, of which messages may still come? False from `beginCount` on. */
export function hasFormer(sub: usize): bool {
  return (load<u8>(sub, FLAGS) & FORMER) != 0;
}

/** All that the server delivered before its SUB is here: what comes is of it, and is counted from here on. */
export function beginCount(sub: usize): void {
  countAnew(sub, FORMER | WITHHELD | FORMER_REVOKED);
}

/** All that the server delivered before a further CONNECT is here, likewise. */
export function settleCount(sub: usize): void {
  countAnew(sub, UNSETTLED);
}

/** Takes away these uncertainties, and begins the count anew if there was any of them. */
function countAnew(sub: usize, uncertainties: u8): void {
  const flags = load<u8>(sub, FLAGS);
  if ((flags & uncertainties) == 0) return;
  store<u8>(sub, flags & ~uncertainties, FLAGS);
  store<i32>(sub, 0, RECEIVED);
  store<i32>(sub, 0, KEPT_BACK);
}

/** See `State`. */
export function stateOf(sub: usize): State {
  return <State>load<u8>(sub, STATE);
}

/** Only for `Subscriptions`, which counts them by state. */
export function setState(sub: usize, state: State): void {
  store<u8>(sub, state, STATE);
}

/** Is it one that the client has and the server knows? */
export function isLive(sub: usize): bool {
  return stateOf(sub) == State.LIVE;
}

/**
 * Must no further message of it reach the client, because a maximum that is counted here is reached or a newer policy has
 * revoked it? The maximum holds for one that the client has ended as well: the server, which does not know it, may have delivered
 * more before it took the UNSUB.
 */
export function endedByCount(sub: usize): bool {
  return stateOf(sub) >= State.COUNTED_OUT || (isCountedHere(sub) && receivedOf(sub) >= maxOf(sub));
}

/** Where its subject lies, as long as the subscription is in the table. */
export function subjectOf(sub: usize): usize {
  return sub + SID + <usize>load<i32>(sub, BLOCK_KEY_LENGTH);
}

/** In bytes. */
export function subjectLengthOf(sub: usize): i32 {
  return load<i32>(sub, SUBJECT_LENGTH);
}

/** Where its queue group lies, as long as the subscription is in the table. */
export function queueOf(sub: usize): usize {
  return sub + SID + <usize>(load<i32>(sub, BLOCK_KEY_LENGTH) + load<i32>(sub, SUBJECT_LENGTH));
}

/** In bytes; 0 without a queue group. */
export function queueLengthOf(sub: usize): i32 {
  return load<i32>(sub, QUEUE_LENGTH);
}

/** Where its sid lies, as long as the subscription is in the table. */
export function sidOf(sub: usize): usize {
  return sub + SID;
}

/** In bytes. */
export function sidLengthOf(sub: usize): i32 {
  return load<i32>(sub, BLOCK_KEY_LENGTH);
}

/** Deliveries counted since the SUB, up to COUNTED_BEYOND_ANY. Exported for specs. */
export function receivedOf(sub: usize): i32 {
  return load<i32>(sub, RECEIVED);
}

/** One more message of it has reached the client. */
export function countReceived(sub: usize): void {
  countOne(sub, RECEIVED);
}

/** Deliveries that were kept back since the SUB. The server counts them too. */
function keptBackOf(sub: usize): i32 {
  return load<i32>(sub, KEPT_BACK);
}

/** One more was kept from the client, which the server has counted as delivered. */
export function countKeptBack(sub: usize): void {
  countOne(sub, KEPT_BACK);
}

/** Adds one to a counter, which stops at COUNTED_BEYOND_ANY: a busy subscription would pass 2^31 within an hour or two. */
// @ts-ignore: decorator
@inline
function countOne(sub: usize, counter: usize): void {
  const count = load<i32>(sub + counter);
  store<i32>(sub + counter, count + i32(count < COUNTED_BEYOND_ANY));
}

/**
 * What counts for its maximum. For one that is counted here (`here`) that is what the client has received; for one of the
 * server's, also what was kept back.
 */
export function countedOf(sub: usize, here: bool): i32 {
  return here ? receivedOf(sub) : receivedOf(sub) + keptBackOf(sub);
}

/**
 * The maximum to tell the server, to which is added what was kept back and the server has counted; 0 where there is none to
 * tell any more.
 */
export function maximumToTell(sub: usize): i32 {
  if (!isLive(sub) || !isCountedHere(sub)) return 0;
  return min(maxOf(sub) + keptBackOf(sub), LARGEST_MAXIMUM);
}

/** The count at which the subscription ends; 0 is never. */
export function maxOf(sub: usize): i32 {
  return load<i32>(sub, MAX);
}

/** Sets the count at which it ends. `here`: the server knows nothing of it, and must be told of the end. */
export function setMax(sub: usize, count: i32, here: bool): void {
  store<i32>(sub, count, MAX);
  store<u8>(sub, u8(here), COUNTED_HERE);
}

/** UNSUBs with a maximum for which a PING has gone that the server has not answered yet. */
export function pendingMaximaOf(sub: usize): i32 {
  return load<i32>(sub, PENDING_MAXIMA);
}

/** So many more have gone; for a negative count, so many have been answered. */
export function addPendingMaxima(sub: usize, count: i32): void {
  store<i32>(sub, pendingMaximaOf(sub) + count, PENDING_MAXIMA);
}

/** Is its maximum counted here, so that the server knows nothing of it? */
export function isCountedHere(sub: usize): bool {
  return load<u8>(sub, COUNTED_HERE) != 0;
}

/** A number that tells it from earlier and later subscriptions with the same sid. */
export function serialOf(sub: usize): u32 {
  return load<u32>(sub, SERIAL);
}
