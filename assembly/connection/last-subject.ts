import { DELIVERY_SUBJECT_OWNER, PUBLISH_SUBJECT_OWNER } from "../bytes/hot-line";

/**
 * The subject that a short way read last, and its class: most lines name the one of the line before. It is that line's bytes from
 * the subject on, where they lie in the window, so that a line is held against the one before it by two comparisons that neither
 * mask nor measure, before anything of it is computed but where its arguments end; and so that many subjects in turn cost the
 * noting of an address each. At the end of a pass the bytes are copied, since the window will show others then.
 *
 * Its class is a policy's answer about the subject alone, NOT_PLAIN where that allows nothing, and holds for the question that gave
 * it, the owner.
 */

const LOW: usize = 0;
const HIGH: usize = 16;
const CLASS: usize = 32;
/** Where the line's bytes lie: at LOW and HIGH, but in the middle of a pass. */
const LINE: usize = 36;
const BYTES: usize = 40;

/** Where the two are kept that there are, a line of the processor's cache each, at addresses that the compiler knows. */
export const LAST_PUBLISH: usize = memory.data(64, 64);
export const LAST_DELIVERY: usize = memory.data(64, 64);

/** Publishes are judged from here on by the question of this number. */
// @ts-ignore: decorator
@inline
export function usePublishSubjectOf(question: u32): void {
  use(LAST_PUBLISH, PUBLISH_SUBJECT_OWNER, question);
}

/** The same of deliveries. */
// @ts-ignore: decorator
@inline
export function useDeliverySubjectOf(question: u32): void {
  use(LAST_DELIVERY, DELIVERY_SUBJECT_OWNER, question);
}

/** Under another question nothing is known: no subject should begin so, and one that does is NOT_PLAIN (-1 in every byte). */
// @ts-ignore: decorator
@inline
function use(last: usize, owner: usize, question: u32): void {
  if (load<u32>(owner) == question) return;
  store<u32>(owner, question);
  memory.fill(last, 0xff, BYTES);
  store<usize>(last, last, LINE);
}

/**
 * Does the line whose bytes from the subject on are `low` and `high` name the same subject? `ends` are the ends of its arguments
 * (`asciiArgumentEnds`). All up to the first of these must be the same, with that one, which is then a blank: no byte of a
 * subject that is kept ends an argument, and the one behind it is a blank. Without an end in sight it is another one.
 */
// @ts-ignore: decorator
@inline
export function namesLastSubject(last: usize, low: v128, high: v128, ends: u32): bool {
  const line = load<usize>(last, LINE);
  const same: u32 =
    i8x16.bitmask(i8x16.eq(low, v128.load(line, LOW))) | (i8x16.bitmask(i8x16.eq(high, v128.load(line, HIGH))) << 16);
  return (~same & (ends ^ (ends - 1))) == 0;
}

// @ts-ignore: decorator
@inline
export function lastSubjectClass(last: usize): i32 {
  return load<i32>(last, CLASS);
}

/** Notes the subject that begins at `line` and ends before a blank within 32 bytes, all of which are memory. */
// @ts-ignore: decorator
@inline
export function noteSubject(last: usize, line: usize, subjectClass: i32): void {
  store<usize>(last, line, LINE);
  store<i32>(last, subjectClass, CLASS);
}

/** The pass is over: what was noted is kept. */
// @ts-ignore: decorator
@inline
export function keepSubject(last: usize): void {
  const line = load<usize>(last, LINE);
  if (line == last) return;
  v128.store(last, v128.load(line, LOW), LOW);
  v128.store(last, v128.load(line, HIGH), HIGH);
  store<usize>(last, last, LINE);
}
