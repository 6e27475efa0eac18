import { Reason } from "./reason";

/**
 * What a policy says about a subject, as one number: why, by which rule, and the subject's class. 0 is no answer, so that
 * looking for one that is remembered needs no second result.
 */
export const NO_ANSWER: u64 = 0;

const REASON_SHIFT: u64 = 32;
const REASON_MASK: u64 = (<u64>0xff) << REASON_SHIFT;
const KNOWN: u64 = (<u64>1) << 40;
/** nats-server keeps the subject for itself, so that no publish on it passes, whatever the policy says. */
const RESERVED: u64 = (<u64>1) << 41;
const CLASS_SHIFT: u64 = 48;

/** Packs an answer. `rule` is a rule's number or NONE, the class has at most sixteen bits. */
export function answerOf(reason: Reason, rule: i32, subjectClass: i32): u64 {
  return ((<u64>rule) & 0xffffffff) | ((<u64>reason) << REASON_SHIFT) | KNOWN | ((<u64>subjectClass) << CLASS_SHIFT);
}

/** The same answer about a subject for which `isReservedPublish` (nats/reserved.ts) holds. */
export function markReserved(answer: u64): u64 {
  return answer | RESERVED;
}

/** Is a publish allowed, and its subject not reserved? */
// @ts-ignore: decorator
@inline
export function allowsPublish(answer: u64): bool {
  // Reason.ALLOWED is 0.
  return (answer & (REASON_MASK | RESERVED)) == 0;
}

/** Do the lists refuse a publish on it? False where the subject is reserved, which refuses it before they are asked. */
// @ts-ignore: decorator
@inline
export function refusesPublish(answer: u64): bool {
  return (answer & RESERVED) == 0 && reasonOf(answer) != Reason.ALLOWED;
}

/**
 * Is a publish on it refused only for lack of an allow entry, so that a grant (`allow_responses`) may allow it? False where the
 * subject is reserved or denied.
 */
// @ts-ignore: decorator
@inline
export function mayBeGranted(answer: u64): bool {
  return (answer & (REASON_MASK | RESERVED)) == (<u64>Reason.NOT_ALLOWED) << REASON_SHIFT;
}

/** Why a publish is refused or a delivery kept back, or ALLOWED. */
// @ts-ignore: decorator
@inline
export function reasonOf(answer: u64): Reason {
  return <i32>((answer >> REASON_SHIFT) & 0xff);
}

/** The rule that decided, or NONE (none.ts). */
// @ts-ignore: decorator
@inline
export function ruleOf(answer: u64): i32 {
  return <i32>answer;
}

/** The number of the subject's class (subject-classes.ts). */
// @ts-ignore: decorator
@inline
export function classOf(answer: u64): i32 {
  return <i32>(answer >> CLASS_SHIFT);
}
