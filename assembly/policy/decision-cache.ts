import { equalBytes, hashBytes } from "../bytes/compare";
import { Reason } from "./reason";

/** One of 4,096 slots: what was asked (8 bytes), what was answered (8 bytes), the subject. */
const SLOTS: i32 = 4096;
const STRIDE: usize = 96;
const QUESTION: usize = 0;
const LENGTH: usize = 4;
const RULE: usize = 8;
const REASON: usize = 12;
const CLASS: usize = 14;
const SUBJECT: usize = 16;
/** Longer subjects are decided anew each time. */
const MAX_LENGTH: i32 = 80;

const slots: usize = heap.alloc(<usize>SLOTS * STRIDE);
memory.fill(slots, 0, <usize>SLOTS * STRIDE);

let questions: u32 = 0;

/**
 * A number for one kind of question to one `Permissions`, never given twice: answers of an older policy are not found
 * any more, they are only overwritten.
 */
export function newQuestion(): u32 {
  return ++questions;
}

/**
 * Answers that the subject alone decides, remembered for all permissions of the VM in one table of 384 KiB, so that
 * neither the number of rules nor that of principals changes what a repeated subject costs. A subject has one place;
 * the newer of two that share it stays.
 */

/** The slot of a subject; ask `isRemembered` of it, and give it to `remember`. 0 for a subject that has none. */
export function slotOf(question: u32, pointer: usize, length: i32): usize {
  if (length > MAX_LENGTH) return 0;
  const hash = hashBytes(pointer, length) ^ (question * 0x9e3779b1);
  return slots + <usize>(hash & (<u32>SLOTS - 1)) * STRIDE;
}

export function isRemembered(slot: usize, question: u32, pointer: usize, length: i32): bool {
  return (
    slot != 0 &&
    load<u32>(slot, QUESTION) == question &&
    load<i32>(slot, LENGTH) == length &&
    equalBytes(slot + SUBJECT, pointer, length)
  );
}

export function rememberedRule(slot: usize): i32 {
  return load<i32>(slot, RULE);
}

export function rememberedReason(slot: usize): Reason {
  return load<u16>(slot, REASON);
}

/** The number of the subject's class (subject-classes.ts). */
export function rememberedClass(slot: usize): i32 {
  return load<u16>(slot, CLASS);
}

export function remember(
  slot: usize,
  question: u32,
  pointer: usize,
  length: i32,
  reason: Reason,
  rule: i32,
  subjectClass: i32,
): void {
  if (slot == 0) return;
  store<u32>(slot, question, QUESTION);
  store<i32>(slot, length, LENGTH);
  store<i32>(slot, rule, RULE);
  store<u16>(slot, <u16>reason, REASON);
  store<u16>(slot, <u16>subjectClass, CLASS);
  memory.copy(slot + SUBJECT, pointer, <usize>length);
}
