import { seedOfHashes } from "./compare";

/**
 * Names of 8 to 32 bytes as four words of eight bytes, which overlap as far as they must: together with its length they are
 * the name. So it is compared and hashed without a loop and without a branch on its length, which the processor would guess
 * wrong wherever lengths differ; and no byte beside the name is read.
 */

export const SHORTEST: i32 = 8;
export const LONGEST: i32 = 32;

const FIRST_MULTIPLIER: u64 = 0x9e3779b97f4a7c15;
const SECOND_MULTIPLIER: u64 = 0xd6e8feb86659fd93;
const THIRD_MULTIPLIER: u64 = 0xc2b2ae3d27d4eb4f;
const FOURTH_MULTIPLIER: u64 = 0x165667b19e3779f9;
const SALT_MULTIPLIER: u64 = 0x85ebca77c2b2ae63;

/** Has a name the length for it? */
// @ts-ignore: decorator
@inline
export function isFourWords(length: i32): bool {
  return <u32>(length - SHORTEST) <= <u32>(LONGEST - SHORTEST);
}

// @ts-ignore: decorator
@inline
export function firstWord(pointer: usize): u64 {
  return load<u64>(pointer);
}

// @ts-ignore: decorator
@inline
export function secondWord(pointer: usize, length: i32): u64 {
  return load<u64>(pointer + <usize>min(8, length - 8));
}

// @ts-ignore: decorator
@inline
export function thirdWord(pointer: usize, length: i32): u64 {
  return load<u64>(pointer + <usize>max(length - 16, 0));
}

// @ts-ignore: decorator
@inline
export function fourthWord(pointer: usize, length: i32): u64 {
  return load<u64>(pointer + <usize>length - 8);
}

/**
 * For the same places as `quickHash` (compare.ts), those where two names of one hash cost no more than that one is decided
 * anew. `salt` tells apart what has the same words.
 */
// @ts-ignore: decorator
@inline
export function hashWords(first: u64, second: u64, third: u64, fourth: u64, salt: u64): u32 {
  const front = rotl<u64>((first ^ seedOfHashes()) * FIRST_MULTIPLIER, 23) + second * SECOND_MULTIPLIER;
  const back = rotl<u64>(third * THIRD_MULTIPLIER, 31) + fourth * FOURTH_MULTIPLIER;
  // Turned, since words of a name that overlap wholly would cancel each other's bits.
  const all = rotl<u64>(front, 17) + back + salt * SALT_MULTIPLIER;
  // The upper half of a product has all bits of its factors in it.
  return <u32>(((all ^ (all >> 32)) * FIRST_MULTIPLIER) >> 32);
}
