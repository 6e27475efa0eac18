import { equalBytes, quickHash } from "../bytes/compare";
import { copyShort } from "../bytes/copy";
import { Reason } from "./reason";

/**
 * One of 4,096 slots: what was asked (question and hash, read as one number), what was answered, the subject. Two that lie
 * side by side are a pair.
 */
const SLOTS: i32 = 4096;
const STRIDE: usize = 128;
const KEY: usize = 0;
const RULE: usize = 8;
const REASON: usize = 12;
const LENGTH: usize = 13;
const CLASS: usize = 14;
const SUBJECT: usize = 16;
/** Longer subjects are decided anew each time. */
const MAX_LENGTH: i32 = 112;
/** Of the processor's cache: a slot with a subject of up to 48 bytes is one. */
const LINE: usize = 64;

const slots: usize = (heap.alloc(<usize>SLOTS * STRIDE + LINE) + LINE - 1) & ~(LINE - 1);
memory.fill(slots, 0, <usize>SLOTS * STRIDE);

/** For each slot the hash of what was last to be remembered in it. */
const marks: usize = heap.alloc((<usize>SLOTS) << 2);
memory.fill(marks, 0, (<usize>SLOTS) << 2);

let questions: u32 = 0;
let chance: u32 = 1;

/**
 * A number for one kind of question to one `Permissions`, never given twice: answers of an older policy are not found
 * any more, they are only overwritten.
 */
export function newQuestion(): u32 {
  return ++questions;
}

/**
 * Answers that the subject alone decides, remembered for all permissions of the VM in one table of 512 KiB, so that
 * neither the number of rules nor that of principals changes what a repeated subject costs. A subject has two places, side by side.
 *
 * An answer is written down when it is given for the second time. Subjects that come only once then cost the table nothing
 * but a mark of four bytes: they neither drive out those that come again nor wait for memory.
 */

/** What `recall` and `remember` are to be asked with. */
// @ts-ignore: decorator
@inline
export function hashOf(question: u32, pointer: usize, length: i32): u32 {
  return quickHash(pointer, length) ^ (question * 0x9e3779b1);
}

/**
 * Where the answer for this subject is written down, or 0. Which of its two places has it is computed, not branched on: with
 * subjects at random the processor would guess wrong every second time.
 */
// @ts-ignore: decorator
@inline
export function recall(hash: u32, question: u32, pointer: usize, length: i32): usize {
  const key = keyOf(hash, question);
  const pair = slotAt(firstOf(hash));
  const slot = pair + <usize>(load<u64>(pair, KEY) != key) * STRIDE;
  return load<u64>(slot, KEY) == key && hasSubject(slot, pointer, length) ? slot : 0;
}

/** One of the slots, whose answer is about anything. */
export const ANY_SLOT: usize = slots;

/** Is this the answer for this subject, whatever has been written down since it was found? */
// @ts-ignore: decorator
@inline
export function isAbout(slot: usize, question: u32, pointer: usize, length: i32): bool {
  return load<u32>(slot, KEY) == question && hasSubject(slot, pointer, length);
}

// @ts-ignore: decorator
@inline
function hasSubject(slot: usize, pointer: usize, length: i32): bool {
  return <i32>load<u8>(slot, LENGTH) == length && equalBytes(slot + SUBJECT, pointer, length);
}

export function rememberedRule(slot: usize): i32 {
  return load<i32>(slot, RULE);
}

export function rememberedReason(slot: usize): Reason {
  return load<u8>(slot, REASON);
}

/** The number of the subject's class (subject-classes.ts). */
export function rememberedClass(slot: usize): i32 {
  return load<u16>(slot, CLASS);
}

/** An answer that was not to be recalled. */
export function remember(
  hash: u32,
  question: u32,
  pointer: usize,
  length: i32,
  reason: Reason,
  rule: i32,
  subjectClass: i32,
): void {
  const place = placeOf(hash);
  if (place < 0) {
    store<u32>(markAt(placeFor(hash)), hash);
    return;
  }
  if (length > MAX_LENGTH) return;
  const slot = slotAt(place);
  store<u64>(slot, keyOf(hash, question), KEY);
  store<i32>(slot, rule, RULE);
  store<u8>(slot, <u8>reason, REASON);
  store<u8>(slot, <u8>length, LENGTH);
  store<u16>(slot, <u16>subjectClass, CLASS);
  copyShort(slot + SUBJECT, pointer, length);
}

// @ts-ignore: decorator
@inline
function keyOf(hash: u32, question: u32): u64 {
  return (<u64>question) | ((<u64>hash) << 32);
}

/** The first of a hash's two places. */
// @ts-ignore: decorator
@inline
function firstOf(hash: u32): i32 {
  return <i32>(hash & (<u32>SLOTS - 2));
}

/** The one of a hash's two places that bears its mark, or -1. */
function placeOf(hash: u32): i32 {
  const first = firstOf(hash);
  if (load<u32>(markAt(first)) == hash) return first;
  return load<u32>(markAt(first + 1)) == hash ? first + 1 : -1;
}

/** The one of a hash's two places that it gets. By chance, so that two that come again end up beside each other. */
function placeFor(hash: u32): i32 {
  chance = chance * 1664525 + 1013904223;
  return firstOf(hash) + <i32>(chance >> 31);
}

// @ts-ignore: decorator
@inline
function slotAt(place: i32): usize {
  return slots + <usize>place * STRIDE;
}

// @ts-ignore: decorator
@inline
function markAt(place: i32): usize {
  return marks + ((<usize>place) << 2);
}
