import { LAST_DELIVERY, LAST_PUBLISH } from "../bytes/hot-page";
import { Run } from "./run";

/**
 * The subject that a short way read last, and its class, since most lines name the subject of the line before.
 *
 * What is kept is the address of that subject in the window, with the rest of its line behind it. A new line is compared with
 * those 32 bytes as they are, by two comparisons and without knowing how long the subject is. So nothing but the ends of its
 * arguments need be computed before, and where many subjects come in turn, each costs the noting of an address. When a pass
 * over a chunk ends, the bytes are copied, since the window will show others then.
 *
 * No subject is kept that the policy does not simply allow. The class is that of the answer about it, and holds only for the
 * question that gave it (OWNER).
 *
 * A length is kept while messages on the subject follow each other in a run. A line that begins like the one before, and has
 * its size at the same place, belongs to the run, and its end is known from the length: so the processor goes on to the next
 * line without waiting until this one is read (docs/adr/0012).
 */

/** Offsets into what is kept. LOW and HIGH are the two halves of the 32 bytes, once they are copied. */
const LOW: usize = 0;
const HIGH: usize = 16;
/** The class of the subject, i32; NOT_PLAIN while none is kept. */
const CLASS: usize = 32;
/** The address of the 32 bytes, which is that of LOW except in the middle of a pass. */
const LINE: usize = 36;
/**
 * Of a publish the length of its subject, of a delivery that of its line from the subject to before CR LF; NO_LENGTH where no
 * run is under way.
 */
const LENGTH: usize = 40;
/** The number of the question that has given the class, u32. */
const OWNER: usize = 44;
/** A `Run`, whose last message was on the subject. */
const RUN: usize = 48;

/** In place of a length: no run is under way. It is more than any line has. */
const NO_LENGTH: usize = 1 << 30;

export const PUBLISH_RUN: Run = changetype<Run>(LAST_PUBLISH + RUN);
export const DELIVERY_RUN: Run = changetype<Run>(LAST_DELIVERY + RUN);
PUBLISH_RUN.clear();
DELIVERY_RUN.clear();

/**
 * A pass begins in which messages are judged by the question of this number. What another question has said is forgotten. No
 * run is under way.
 */
// @ts-ignore: decorator
@inline
export function useSubjectOf(last: usize, question: u32): void {
  runsNoMore(last);
  if (load<u32>(last, OWNER) == question) return;
  // Bytes that no subject begins with. Should one do all the same, its class is NOT_PLAIN, -1, whose bytes are these too.
  memory.fill(last, 0xff, LINE);
  store<usize>(last, last, LINE);
  store<u32>(last, question, OWNER);
}

/** Which of the 32 bytes from a subject on, whose halves are `low` and `high`, equal those that are kept, as bits. */
// @ts-ignore: decorator
@inline
export function likeLast(last: usize, low: v128, high: v128): u32 {
  const line = load<usize>(last, LINE);
  return (
    i8x16.bitmask(i8x16.eq(low, v128.load(line, LOW))) | (i8x16.bitmask(i8x16.eq(high, v128.load(line, HIGH))) << 16)
  );
}

/**
 * Are all bytes up to the first of `ends` (`asciiArgumentEnds`) alike, and that one too? With the ends of all arguments that
 * says that the line names the subject that is kept: no byte of that ends an argument, and a blank stands behind it. Without any
 * end among the 32 bytes, all must be alike. With the ends of all arguments that cannot be, since those that are kept have one. With
 * those of later arguments it can, if the kept line's lie further behind too: then no run is under way (`runningLength`).
 */
// @ts-ignore: decorator
@inline
export function isAlikeTo(ends: u32, alike: u32): bool {
  return (~alike & (ends ^ (ends - 1))) == 0;
}

/** The class of the subject that was noted last; NOT_PLAIN before any. */
// @ts-ignore: decorator
@inline
export function lastSubjectClass(last: usize): i32 {
  return load<i32>(last, CLASS);
}

/**
 * Keeps the subject that begins at `line` and ends before a blank within 32 bytes, all of which are memory, and its class. The
 * caller says whether a run is under way (`runsOn`, `runsNoMore`).
 */
// @ts-ignore: decorator
@inline
export function noteSubject(last: usize, line: usize, subjectClass: i32): void {
  store<usize>(last, line, LINE);
  store<i32>(last, subjectClass, CLASS);
}

/** The message before was on the subject that is kept, and has this LENGTH. The next one may continue the run. */
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

/** LENGTH of the run, or more than any line has where none is under way. */
// @ts-ignore: decorator
@inline
export function runningLength(last: usize): usize {
  return load<usize>(last, LENGTH);
}

/** The pass is over: copies the bytes, so that they stay when the window shows others. */
// @ts-ignore: decorator
@inline
export function keepSubject(last: usize): void {
  const line = load<usize>(last, LINE);
  if (line == last) return;
  v128.store(last, v128.load(line, LOW), LOW);
  v128.store(last, v128.load(line, HIGH), HIGH);
  store<usize>(last, last, LINE);
}
