/** Verbs and blanks as nats-server reads them (parser.go). Comparison of letters ignores case; blanks are SP and TAB. */
import { Ascii } from "../bytes/ascii";
import { VECTOR_BYTES } from "../bytes/vector";
import { Reading } from "./operation";

export const SPACE: u8 = <u8>Ascii.SPACE;
export const TAB: u8 = <u8>Ascii.TAB;
export const CR: u8 = <u8>Ascii.CR;
export const LF: u8 = <u8>Ascii.LF;
/** Both, as they lie in memory. */
export const CR_LF: u16 = 0x0a0d;

/** Verbs, packed for `matchVerb`. `+` without its fifth bit is 0x0b. */
export const INFO: u64 = 0x4f464e49;
export const PING: u64 = 0x474e4950;
export const PONG: u64 = 0x474e4f50;
export const OK: u64 = 0x4b4f0b;

/** SP or TAB, what parser.go skips between arguments. */
// @ts-ignore: decorator
@inline
export function isBlank(b: u8): bool {
  return b == SPACE || b == TAB;
}

/**
 * Makes a small letter a capital one. Other bytes change too, into none that a verb has: what `+` and `-` become has another meaning
 * there, so that readers look for these as they are first.
 */
export const CAPITALS: u64 = 0xdfdfdfdfdfdfdfdf;

/**
 * Compares what stands at `pointer`, as far as it has arrived, with a verb of `length` letters, at most eight: COMPLETE, INCOMPLETE
 * where all that has arrived fits but the verb is longer, or UNKNOWN_OPERATION. The verb is packed into a number with its first
 * letter lowest (`PUB` is 0x425550), so that no managed array is touched for each line.
 */
// @ts-ignore: decorator
@inline
export function matchVerb(pointer: usize, end: usize, verb: u64, length: i32): Reading {
  if (end - pointer >= 8) {
    const mask = u64.MAX_VALUE >> ((<u64>(8 - length)) << 3);
    return (load<u64>(pointer) & CAPITALS & mask) == verb ? Reading.COMPLETE : Reading.UNKNOWN_OPERATION;
  }
  return matchShort(pointer, end, verb, length);
}

function matchShort(pointer: usize, end: usize, verb: u64, length: i32): Reading {
  for (let i = 0; i < length; i++) {
    if (pointer >= end) return Reading.INCOMPLETE;
    if (<u64>(load<u8>(pointer) & 0xdf) != (verb & 0xff)) return Reading.UNKNOWN_OPERATION;
    verb >>= 8;
    pointer++;
  }
  return Reading.COMPLETE;
}

/**
 * The first byte from `p` on that is `one` or `other`, which may be the same; `end` without any. Fifteen bytes behind `end`
 * must be memory.
 */
export function firstOf(one: u8, other: u8, p: usize, end: usize): usize {
  const ones = i8x16.splat(one);
  const others = i8x16.splat(other);
  for (; p < end; p += VECTOR_BYTES) {
    const bytes = v128.load(p);
    const found = i8x16.bitmask(v128.or(i8x16.eq(bytes, ones), i8x16.eq(bytes, others)));
    if (found != 0) return min(p + <usize>ctz(found), end);
  }
  return end;
}
