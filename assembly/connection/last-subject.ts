import { Run } from "./run";

/**
 * The subject that a short way read last, and its class: most lines name the one of the line before. It is that line's bytes from
 * the subject on, where they lie in the window, so that a line is held against the one before it by two comparisons that neither
 * mask nor measure, before anything of it is computed but where its arguments end; and so that many subjects in turn cost the
 * noting of an address each. At the end of a pass the bytes are copied, since the window will show others then.
 *
 * Its class is a policy's answer about the subject alone, NOT_PLAIN where that allows nothing, and holds for the question that gave
 * it, the owner.
 *
 * Its length is only known while messages on it follow each other in a run: a line that names it, and ends with the size of the line
 * before where that did, belongs to the run. So the next line is looked for without waiting until this one is read (docs/adr/0012).
 */

const LOW: usize = 0;
const HIGH: usize = 16;
const CLASS: usize = 32;
/** Where the line's bytes lie: at LOW and HIGH, but in the middle of a pass. */
const LINE: usize = 36;
/** Of a publish that of its subject, of a delivery that of its line from the subject to CR LF; NO_LENGTH where no run is under way. */
const LENGTH: usize = 40;
/** The number of the question, u32. */
const OWNER: usize = 44;
/** Messages that are counted together, beside the subject of the last of them. */
const RUN: usize = 48;

/** Longer than any line. */
const NO_LENGTH: usize = 1 << 30;

/** Where the two are kept that there are, a line of the processor's cache each, at addresses that the compiler knows. */
export const LAST_PUBLISH: usize = memory.data(64, 64);
export const LAST_DELIVERY: usize = memory.data(64, 64);
export const PUBLISH_RUN: Run = changetype<Run>(LAST_PUBLISH + RUN);
export const DELIVERY_RUN: Run = changetype<Run>(LAST_DELIVERY + RUN);

/** Messages are judged from here on by the question of this number. No run is under way. */
// @ts-ignore: decorator
@inline
export function useSubjectOf(last: usize, question: u32): void {
  runsNoMore(last);
  if (load<u32>(last, OWNER) == question) return;
  // Nothing is known: no subject should begin so, and one that does is NOT_PLAIN (-1 in every byte).
  memory.fill(last, 0xff, LINE);
  store<usize>(last, last, LINE);
  store<u32>(last, question, OWNER);
}

/** Which of a line's 32 bytes from the subject on, whose halves are `low` and `high`, are those of the line before, as bits. */
// @ts-ignore: decorator
@inline
export function likeLast(last: usize, low: v128, high: v128): u32 {
  const line = load<usize>(last, LINE);
  return (
    i8x16.bitmask(i8x16.eq(low, v128.load(line, LOW))) | (i8x16.bitmask(i8x16.eq(high, v128.load(line, HIGH))) << 16)
  );
}

/**
 * Are all bytes up to the first of `ends` (`asciiArgumentEnds`) alike, and that one? Up to the first end of all, the line names the
 * subject of the line before: no byte of a subject that is kept ends an argument, and the one behind it is a blank. Without an
 * end in sight all 32 must be alike, which then holds none.
 */
// @ts-ignore: decorator
@inline
export function isAlikeTo(ends: u32, alike: u32): bool {
  return (~alike & (ends ^ (ends - 1))) == 0;
}

/** The class of the subject that was noted last, or that of no class before any. */
// @ts-ignore: decorator
@inline
export function lastSubjectClass(last: usize): i32 {
  return load<i32>(last, CLASS);
}

/** Notes the subject that begins at `line` and ends before a blank within 32 bytes, all of which are memory. It begins no run. */
// @ts-ignore: decorator
@inline
export function noteSubject(last: usize, line: usize, subjectClass: i32): void {
  store<usize>(last, line, LINE);
  store<i32>(last, subjectClass, CLASS);
  runsNoMore(last);
}

/** The message before was on this subject, with such a LENGTH, and is the last of a run. */
// @ts-ignore: decorator
@inline
export function runsOn(last: usize, length: i32): void {
  store<usize>(last, <usize>length, LENGTH);
}

/** No run is under way. */
// @ts-ignore: decorator
@inline
export function runsNoMore(last: usize): void {
  store<usize>(last, NO_LENGTH, LENGTH);
}

/** LENGTH, which is more than any line has where no run is under way. */
// @ts-ignore: decorator
@inline
export function runningLength(last: usize): usize {
  return load<usize>(last, LENGTH);
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
