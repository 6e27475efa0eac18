import { equalBytes } from "../bytes/compare";
import { copyShort } from "../bytes/copy";
import { GOLDEN_32 } from "../bytes/golden-ratio";
import { quickHash } from "../bytes/hash";
import { differsBoth, differsLow, HALF, hashPadded, highHalf, LONGEST, lowHalf } from "../bytes/padded";
import { NO_ANSWER } from "./answer";
import { AnswerTable, isFree, SLOT_ANSWER, SLOT_KEY, SLOT_SUBJECT } from "./answer-table";

/**
 * Answers that the subject alone decides, remembered for all permissions of the VM, so that neither the number of rules nor
 * that of principals changes what a repeated subject costs. Most subjects are short (up to 32 bytes) and have a
 * table of their own, whose slots are a line of the processor's cache each; beginnings of subjects (question.ts) are shorter yet,
 * and those of up to 16 bytes have one whose slots are half a line. All else, beginnings too, lies in slots of two lines.
 */

/** Longer subjects are decided anew each time. */
export const MAX_REMEMBERED_BYTES: i32 = 112;

/** Slots up to which the tables of short subjects and of beginnings grow. */
const USUAL_SLOTS: i32 = 32_768;
/** The same under large policies (`makeRoomFor`). */
const MOST_SLOTS: i32 = 262_144;
/** Slots of beginnings that a policy has from the start, at most: with more, what is asked for the first time waits for memory. */
const MOST_READY_SLOTS: i32 = 131_072;
/**
 * Slots of beginnings for each entry. With two, a set of eight is full here and there, and so the table would soon grow. With three,
 * 10,000 entries leave so many away from their homes that 1,000 subjects at random take ×1.07.
 */
const READY_SLOTS: i32 = 4;
/**
 * With more beginnings among the short subjects, the table of these has USUAL_SLOTS at once. It would grow to that as others are
 * remembered (`isCrowded`, answer-table.ts), and forget them.
 */
const MOST_LONG_BEGINNINGS: i32 = 256;
/**
 * Slots of short subjects at first. The table takes 592 KiB then, 2.1 MiB where some hundred subjects come again, and up to 17
 * MiB for large policies.
 */
const LEAST_SHORT_SLOTS: i32 = 8192;
/**
 * Slots of beginnings at first. The table takes 98 KiB then, 1.1 MiB where subjects begin in many ways, and up to 9 MiB for
 * large policies.
 */
const LEAST_BEGINNING_SLOTS: i32 = 1024;
/** Slots of all else at first, which take 48 KiB, and MOST_LONG_SLOTS at last, which take 1 MiB. */
const LEAST_LONG_SLOTS: i32 = 256;
const MOST_LONG_SLOTS: i32 = 8192;
const BEGINNING_SHIFT: usize = 5;
const SHORT_SHIFT: usize = 6;
const LONG_SHIFT: usize = 7;
/** Bytes of a slot that is filled by `fillSlot` or `fillBeginningSlot`, and that `slotHas` and `slotHasBeginning` look at. */
export const SHORT_SLOT_BYTES: usize = 1 << SHORT_SHIFT;
/** Bytes of a slot that may be filled by `fillLongSlot` too, and that `slotHasLong` looks at. */
export const SLOT_BYTES: usize = 1 << LONG_SHIFT;

const shortAnswers: AnswerTable = new AnswerTable(LEAST_SHORT_SLOTS, USUAL_SLOTS, SHORT_SHIFT, USUAL_SLOTS);
const beginningAnswers: AnswerTable = new AnswerTable(LEAST_BEGINNING_SLOTS, USUAL_SLOTS, BEGINNING_SHIFT);
const longAnswers: AnswerTable = new AnswerTable(LEAST_LONG_SLOTS, MOST_LONG_SLOTS, LONG_SHIFT);

let questions: u32 = 0;
/** In place of a question's number: there is no question. */
export const NO_QUESTION: u32 = u32.MAX_VALUE;

/**
 * A number for one kind of question to one `Permissions`, never given twice in a VM: answers of a policy that is gone are not
 * found any more, even those that `forgetAnswers` leaves.
 */
export function newQuestion(): u32 {
  return ++questions;
}

/**
 * A policy of `entries` entries is about to be asked. Each entry may make an answer for all subjects that begin with its tokens
 * (question.ts), and with room for these, decisions depend less on how large the policy is. For these there is room from now on, up to
 * MOST_READY_SLOTS, since each growth forgets what was known; says whether that is enough for all of them. The tables never shrink
 * again: a VM that had a large policy is likely to have the next.
 */
export function makeRoomFor(entries: i32): bool {
  let count = USUAL_SLOTS;
  while (count / 2 < entries && count < MOST_SLOTS) count <<= 1;
  shortAnswers.mayGrowTo(count);
  beginningAnswers.mayGrowTo(count);
  let room = LEAST_BEGINNING_SLOTS;
  while (room / READY_SLOTS < entries && room < MOST_READY_SLOTS) room <<= 1;
  beginningAnswers.makeAtLeast(room);
  return room / READY_SLOTS >= entries;
}

/** There are about to be answers for so many beginnings of more than HALF and at most LONGEST bytes, which lie among short subjects. */
export function makeRoomForLong(beginnings: i32): void {
  if (beginnings > MOST_LONG_BEGINNINGS) shortAnswers.makeAtLeast(USUAL_SLOTS);
}

/**
 * A policy is gone, whose answers would keep the homes of those to come: after ten policies of 10,000 rules none would be remembered
 * at first sight (docs/adr/0010).
 */
export function forgetAnswers(): void {
  shortAnswers.clear();
  beginningAnswers.clear();
}

/** A slot's first word; the question is never 0. */
// @ts-ignore: decorator
@inline
export function keyOf(question: u32, length: i32): u64 {
  return (<u64>question) | ((<u64>length) << 32);
}

/** The length in a slot's key; 0 of a slot that was never filled. */
// @ts-ignore: decorator
@inline
export function lengthOfKey(slot: usize): i32 {
  return load<i32>(slot, SLOT_KEY + 4);
}

/**
 * Is a slot about the short subject of these halves? Key and bytes are compared by one branch. A branch on the key alone would
 * be guessed wrong every other time where lengths differ from one subject to the next (5 ns), and of two comparisons joined by
 * && V8 would make two values (0.7 ns).
 */
// @ts-ignore: decorator
@inline
export function slotHas(slot: usize, key: u64, low: v128, high: v128): bool {
  return ((load<u64>(slot, SLOT_KEY) ^ key) | (<u64>differsBoth(slot + SLOT_SUBJECT, low, high))) == 0;
}

/** The same for a beginning of at most HALF bytes. */
// @ts-ignore: decorator
@inline
export function slotHasBeginning(slot: usize, key: u64, low: v128): bool {
  return ((load<u64>(slot, SLOT_KEY) ^ key) | (<u64>differsLow(slot + SLOT_SUBJECT, low))) == 0;
}

/** The same for a subject or beginning of more than LONGEST bytes, of a slot that has room for MAX_REMEMBERED_BYTES. */
// @ts-ignore: decorator
@inline
export function slotHasLong(slot: usize, key: u64, pointer: usize, length: i32): bool {
  return load<u64>(slot, SLOT_KEY) == key && equalBytes(slot + SLOT_SUBJECT, pointer, length);
}

/** Writes an answer about a subject of at most LONGEST bytes. */
// @ts-ignore: decorator
@inline
export function fillSlot(slot: usize, key: u64, answer: u64, low: v128, high: v128): void {
  store<u64>(slot, key, SLOT_KEY);
  store<u64>(slot, answer, SLOT_ANSWER);
  v128.store(slot, low, SLOT_SUBJECT);
  v128.store(slot, high, SLOT_SUBJECT + 16);
}

/** The same about a beginning of at most HALF bytes. */
// @ts-ignore: decorator
@inline
export function fillBeginningSlot(slot: usize, key: u64, answer: u64, low: v128): void {
  store<u64>(slot, key, SLOT_KEY);
  store<u64>(slot, answer, SLOT_ANSWER);
  v128.store(slot, low, SLOT_SUBJECT);
}

/** The same about a subject or beginning of at most MAX_REMEMBERED_BYTES, in a slot with room for them. */
export function fillLongSlot(slot: usize, key: u64, answer: u64, pointer: usize, length: i32): void {
  store<u64>(slot, key, SLOT_KEY);
  store<u64>(slot, answer, SLOT_ANSWER);
  copyShort(slot + SLOT_SUBJECT, pointer, length);
}

/** The answer about a short subject that has this key, or a beginning of more than HALF bytes, or NO_ANSWER. */
// @ts-ignore: decorator
@inline
export function shortAnswer(key: u64, low: v128, high: v128): u64 {
  const answer = shortAnswerAtHome(key, low, high);
  return answer != NO_ANSWER ? answer : shortAnswerAway(key, low, high);
}

/** The same, but NO_ANSWER unless it lies in its home slot. */
// @ts-ignore: decorator
@inline
export function shortAnswerAtHome(key: u64, low: v128, high: v128): u64 {
  const home = shortAnswers.home(hashPadded(low, high, key), SHORT_SHIFT);
  return slotHas(home, key, low, high) ? load<u64>(home, SLOT_ANSWER) : NO_ANSWER;
}

/** The same where the home slot has been looked at in vain. */
// @ts-ignore: decorator
@inline
export function shortAnswerAway(key: u64, low: v128, high: v128): u64 {
  const hash = hashPadded(low, high, key);
  if (isFree(shortAnswers.home(hash, SHORT_SHIFT))) return NO_ANSWER;
  const slot = shortAnswers.candidate(hash);
  return slot != 0 && slotHas(slot, key, low, high) ? load<u64>(slot, SLOT_ANSWER) : NO_ANSWER;
}

/** The answer about all subjects with a beginning of at most HALF bytes that has this key, or NO_ANSWER. */
// @ts-ignore: decorator
@inline
export function beginningAnswer(key: u64, low: v128): u64 {
  const hash = hashBeginning(key, low);
  const home = beginningAnswers.home(hash, BEGINNING_SHIFT);
  if (slotHasBeginning(home, key, low)) return load<u64>(home, SLOT_ANSWER);
  if (isFree(home)) return NO_ANSWER;
  return beginningAnswerAway(hash, key, low);
}

function beginningAnswerAway(hash: u32, key: u64, low: v128): u64 {
  const slot = beginningAnswers.candidate(hash);
  return slot != 0 && slotHasBeginning(slot, key, low) ? load<u64>(slot, SLOT_ANSWER) : NO_ANSWER;
}

/** The answer about any other subject of at most MAX_REMEMBERED_BYTES, or about a beginning as long, or NO_ANSWER. */
export function longAnswer(key: u64, pointer: usize, length: i32): u64 {
  const slot = longAnswers.candidate(hashLong(key, pointer, length));
  return slot != 0 && slotHasLong(slot, key, pointer, length) ? load<u64>(slot, SLOT_ANSWER) : NO_ANSWER;
}

/**
 * Remembers an answer that was not to be recalled, if it is given for the second time and the subject has at most
 * MAX_REMEMBERED_BYTES. Of a short subject LONGEST bytes must be memory (`readable`, bytes/padded.ts).
 */
export function writeDown(question: u32, pointer: usize, length: i32, answer: u64): void {
  if (length > MAX_REMEMBERED_BYTES) return;
  const key = keyOf(question, length);
  const slot =
    length > LONGEST
      ? longAnswers.slotFor(hashLong(key, pointer, length))
      : shortAnswers.slotFor(hashShort(key, pointer, length));
  if (slot != 0) fillSlotWith(slot, key, answer, pointer, length);
}

/**
 * The same for an answer about all subjects with this beginning. Where its home is free, one of at most HALF bytes is remembered at
 * once: that drives nobody out, and the line of the processor's cache is there already.
 */
export function writeDownBeginning(question: u32, pointer: usize, length: i32, answer: u64): void {
  if (length > HALF) return writeDown(question, pointer, length, answer);
  const key = keyOf(question, length);
  const low = lowHalf(pointer, length);
  const hash = hashBeginning(key, low);
  const home = beginningAnswers.home(hash, BEGINNING_SHIFT);
  const slot = isFree(home) ? beginningAnswers.take(home, hash) : beginningAnswers.slotFor(hash);
  if (slot != 0) fillBeginningSlot(slot, key, answer, low);
}

/**
 * The same for an answer that nobody has asked for yet, about all subjects with a beginning of at most LONGEST bytes, all of which
 * must be memory. It drives nobody out: without a free slot it is not remembered.
 */
export function writeDownUnasked(question: u32, pointer: usize, length: i32, answer: u64): void {
  const key = keyOf(question, length);
  if (length > HALF) {
    const slot = shortAnswers.freeSlotFor(hashShort(key, pointer, length));
    if (slot != 0) fillSlotWith(slot, key, answer, pointer, length);
    return;
  }
  const low = lowHalf(pointer, length);
  const slot = beginningAnswers.freeSlotFor(hashBeginning(key, low));
  if (slot != 0) fillBeginningSlot(slot, key, answer, low);
}

/** Fills a slot that has room for a subject of this length, of at most MAX_REMEMBERED_BYTES. */
export function fillSlotWith(slot: usize, key: u64, answer: u64, pointer: usize, length: i32): void {
  if (length > LONGEST) fillLongSlot(slot, key, answer, pointer, length);
  else fillSlot(slot, key, answer, lowHalf(pointer, length), highHalf(pointer, length));
}

function hashShort(key: u64, pointer: usize, length: i32): u32 {
  return hashPadded(lowHalf(pointer, length), highHalf(pointer, length), key);
}

// @ts-ignore: decorator
@inline
function hashBeginning(key: u64, low: v128): u32 {
  return hashPadded(low, i64x2.splat(0), key);
}

// @ts-ignore: decorator
@inline
function hashLong(key: u64, pointer: usize, length: i32): u32 {
  return quickHash(pointer, length) ^ (<u32>key * GOLDEN_32);
}
