import { sameBytes } from "../bytes/compare";
import { endOfToken, GREATER, STAR, Tokens } from "./subject";

/** Comparisons of two patterns, ported from nats-server's sublist.go with its treatment of odd tokens (`*a`, `>a`). */

/**
 * Does `test`, a pattern, contain `subject` token by token (`isSubsetMatchTokenized`)? A token of `test` that merely
 * begins with '*' takes any token, and '>' takes whatever follows, empty tokens too.
 */
export function isSubsetMatch(subject: usize, subjectLength: i32, test: usize, testLength: i32): bool {
  const subjectEnd = subject + <usize>subjectLength;
  const testEnd = test + <usize>testLength;
  while (true) {
    const testStop = endOfToken(test, testEnd);
    const wanted = <i32>(testStop - test);
    if (wanted == 0) return false;
    if (wanted == 1 && load<u8>(test) == GREATER) return true;
    const subjectStop = endOfToken(subject, subjectEnd);
    const given = <i32>(subjectStop - subject);
    if (given == 0 || (given == 1 && load<u8>(subject) == GREATER)) return false;
    if (given == 1 && load<u8>(subject) == STAR) {
      if (wanted != 1 || load<u8>(test) != STAR) return false;
    } else if (load<u8>(test) != STAR && (given != wanted || !sameBytes(subject, test, given))) return false;
    const testDone = testStop == testEnd;
    const subjectDone = subjectStop == subjectEnd;
    if (testDone || subjectDone) return testDone && subjectDone;
    test = testStop + 1;
    subject = subjectStop + 1;
  }
}

/** Is a whole token of these bytes '*' or '>'? */
export function hasWildcardToken(pointer: usize, length: i32): bool {
  const end = pointer + <usize>length;
  while (pointer < end) {
    const stop = endOfToken(pointer, end);
    const first = load<u8>(pointer);
    if (stop - pointer == 1 && (first == STAR || first == GREATER)) return true;
    pointer = stop + 1;
  }
  return false;
}

/** Does `test` equal `subject`, or has it a wildcard token and contains it? Without one an odd token (`*a`) is a literal one. */
export function isWithin(subject: usize, subjectLength: i32, test: usize, testLength: i32): bool {
  if (subjectLength == testLength && sameBytes(subject, test, subjectLength)) return true;
  return hasWildcardToken(test, testLength) && isSubsetMatch(subject, subjectLength, test, testLength);
}

const firstTokens: Tokens = new Tokens();
const secondTokens: Tokens = new Tokens();

/**
 * Could one literal subject match both patterns (`SubjectsCollide`)? Neither has an empty token. Where both have
 * wildcards, tokens that begin with one are taken for one: never wrongly false.
 */
export function subjectsCollide(a: usize, aLength: i32, b: usize, bLength: i32): bool {
  if (aLength == bLength && sameBytes(a, b, aLength)) return true;
  const first = firstTokens;
  const second = secondTokens;
  if (!first.split(a, aLength) || !second.split(b, bLength)) return false;
  if (!first.hasWildcard && !second.hasWildcard) return false;
  if (!first.hasWildcard) return isSubsetMatch(a, aLength, b, bLength);
  if (!second.hasWildcard) return isSubsetMatch(b, bLength, a, aLength);
  if (first.count < second.count && !first.hasGreater) return false;
  if (second.count < first.count && !second.hasGreater) return false;
  const stop = min(first.recorded, second.recorded);
  for (let i = 0; i < stop; i++) {
    if (first.beginsWithWildcard(i) || second.beginsWithWildcard(i)) continue;
    if (first.length(i) != second.length(i) || !sameBytes(first.pointer(i), second.pointer(i), first.length(i))) {
      return false;
    }
  }
  return true;
}
