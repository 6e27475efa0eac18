import { copyShort } from "./copy";
import { HASH_KEYS } from "./hash";

/**
 * Names of up to 32 bytes as two vectors of sixteen, with zeros behind the name: together with its length they are the name. So
 * it is compared and hashed without a loop, and without a branch on its length, which the processor would guess wrong wherever
 * lengths differ.
 */

export const LONGEST: i32 = 32;
/** A name of at most so many bytes is its first half alone. */
export const HALF: i32 = 16;

/** LONGEST bytes that keep a byte, and as many that do not: from `LONGEST - length` on they are the mask of a name. */
const MASKS: usize = memory.data(64, 64);
memory.fill(MASKS, 0xff, <usize>LONGEST);

/** Up to here LONGEST bytes are memory. It may be too low, since memory grows. */
let readableUntil: usize = 0;
const copied: usize = memory.data(LONGEST, 16);

const SALT_MULTIPLIER: u64 = 0x9e3779b97f4a7c15;
const LAST_MULTIPLIER: u64 = 0xd6e8feb86659fd93;

/** Has a name of this length room in two vectors? */
// @ts-ignore: decorator
@inline
export function isPaddable(length: i32): bool {
  return <u32>length <= <u32>LONGEST;
}

/**
 * Where a name of at most LONGEST bytes can be read with what follows it, up to LONGEST bytes. It is where it was, but at the
 * very end of memory, behind which a look would trap.
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

/** The first sixteen bytes. LONGEST bytes must be memory (`readable`), for the other half too. */
// @ts-ignore: decorator
@inline
export function lowHalf(pointer: usize, length: i32): v128 {
  return v128.and(v128.load(pointer), v128.load(MASKS + LONGEST - <usize>length));
}

/** The other sixteen. */
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
 * For the same places as `quickHash` (hash.ts), those where two names of one hash cost no more than that one is decided
 * anew. `salt` tells apart what has the same halves.
 *
 * Each word of the one half is multiplied by that of the other, both with a secret added (NH of UMAC, RFC 4418 section 5.2.2):
 * of two names nobody who does not know the secrets can say that they have the same hash, and four products take two instructions.
 */
// @ts-ignore: decorator
@inline
export function hashPadded(low: v128, high: v128, salt: u64): u32 {
  const one = i32x4.add(low, v128.load(HASH_KEYS));
  const other = i32x4.add(high, v128.load(HASH_KEYS, 16));
  const products = i64x2.add(i64x2.extmul_low_i32x4_u(one, other), i64x2.extmul_high_i32x4_u(one, other));
  const all = i64x2.extract_lane(products, 0) + i64x2.extract_lane(products, 1) + salt * SALT_MULTIPLIER;
  // The upper half of a product has all bits of its factors in it.
  return <u32>(((all ^ (all >> 32)) * LAST_MULTIPLIER) >> 32);
}
