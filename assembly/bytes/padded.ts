import { copyShort } from "./copy";
import { GOLDEN_64 } from "./golden-ratio";
import { HASH_KEYS, OTHER_MULTIPLIER } from "./hash";
import { MASKS } from "./hot-page";

/**
 * Names of up to 32 bytes as two vectors of sixteen, with zeros behind the name: together with its length they are the name. So
 * it is compared and hashed without a loop, and without a branch on its length, which the processor would guess wrong wherever
 * lengths differ.
 */

/** Bytes of the longest name that has room in two vectors. */
export const LONGEST: i32 = 32;
/** A name of at most so many bytes is its first half alone. */
export const HALF: i32 = 16;

/**
 * LONGEST bytes of ones and behind them as many zeros: the LONGEST bytes from `MASKS + LONGEST - length` on keep the first
 * `length` bytes of a name and clear what follows it.
 */
memory.fill(MASKS, 0xff, <usize>LONGEST);

/** From any address up to here LONGEST bytes can be read. More can since memory has grown; `readableAtEnd` asks anew. */
let readableUntil: usize = 0;
/** Where a name is copied that lies at the very end of memory. */
const copied: usize = memory.data(LONGEST, 16);

/** Has a name of this length room in two vectors? */
// @ts-ignore: decorator
@inline
export function isPaddable(length: i32): bool {
  return <u32>length <= <u32>LONGEST;
}

/**
 * Where LONGEST bytes can be read that begin with the name at `pointer`, of at most LONGEST bytes; what follows the name there
 * is anything. That is `pointer` itself, except at the very end of linear memory, where reading beyond it would trap: there it
 * is a copy, which lasts until the next such one.
 */
// @ts-ignore: decorator
@inline
export function readable(pointer: usize, length: i32): usize {
  return pointer <= readableUntil ? pointer : readableAtEnd(pointer, length);
}

function readableAtEnd(pointer: usize, length: i32): usize {
  readableUntil = ((<usize>memory.size()) << 16) - LONGEST;
  if (pointer <= readableUntil) return pointer;
  copyShort(copied, pointer, length);
  return copied;
}

/**
 * The first sixteen bytes of a name, with zeros behind it. LONGEST bytes at `pointer` must be memory (`readable`), also where
 * only this half is asked for.
 */
// @ts-ignore: decorator
@inline
export function lowHalf(pointer: usize, length: i32): v128 {
  return v128.and(v128.load(pointer), v128.load(MASKS + LONGEST - <usize>length));
}

/** The other sixteen bytes of it. */
// @ts-ignore: decorator
@inline
export function highHalf(pointer: usize, length: i32): v128 {
  return v128.and(v128.load(pointer, 16), v128.load(MASKS + LONGEST + 16 - <usize>length));
}

/** 0 if the HALF bytes at `pointer` are a name's first half. */
// @ts-ignore: decorator
@inline
export function differsLow(pointer: usize, low: v128): u32 {
  return i8x16.bitmask(i8x16.eq(low, v128.load(pointer))) ^ 0xffff;
}

/** 0 if the LONGEST bytes at `pointer` are a name's two halves. */
// @ts-ignore: decorator
@inline
export function differsBoth(pointer: usize, low: v128, high: v128): u32 {
  const same = v128.and(i8x16.eq(low, v128.load(pointer)), i8x16.eq(high, v128.load(pointer, 16)));
  return i8x16.bitmask(same) ^ 0xffff;
}

/**
 * A hash of a name's two halves, for tables like those of `quickHash` (hash.ts), in which two names of one hash cost only that
 * one of them is decided anew. Another `salt` gives the same name another hash.
 *
 * Each word of the one half is multiplied by that of the other, both with a secret added (NH of UMAC, RFC 4418 section 5.2.2):
 * nobody who does not know the secrets can find two names of one hash, and four products take two instructions.
 */
// @ts-ignore: decorator
@inline
export function hashPadded(low: v128, high: v128, salt: u64): u32 {
  const one = i32x4.add(low, v128.load(HASH_KEYS));
  const other = i32x4.add(high, v128.load(HASH_KEYS, 16));
  const products = i64x2.add(i64x2.extmul_low_i32x4_u(one, other), i64x2.extmul_high_i32x4_u(one, other));
  const all = i64x2.extract_lane(products, 0) + i64x2.extract_lane(products, 1) + salt * GOLDEN_64;
  // The upper half of a product depends on all bits of its factors.
  return <u32>(((all ^ (all >> 32)) * OTHER_MULTIPLIER) >> 32);
}
