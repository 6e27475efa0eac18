import { wordOf } from "./compare";
import { GOLDEN_64 } from "./golden-ratio";
import { KEYS } from "./hot-page";

/** Hashes of raw bytes. Nothing here allocates, and no byte beyond the given ones is read. */

/** A second odd multiplier, for products of products of GOLDEN_64 (that of degski's xorshift-multiply mixer of 64 bits). */
export const OTHER_MULTIPLIER: u64 = 0xd6e8feb86659fd93;

/** Set once for each VM, so that clients cannot choose sids or subjects of the same hash. */
let seed: u64 = 0x2545f4914f6cdd1d;
let otherSeed: u64 = 0x632be59bd9b4e019;
let seeded: bool = false;
/** 32 secret bytes, made of the seeds, for hashes in other files. */
export const HASH_KEYS: usize = KEYS;
makeKeys();

/**
 * Seeds all hashes of the VM. Only the first call counts: a table that is filled already would not find its entries any more.
 */
export function seedHashes(value: u64): void {
  if (seeded) return;
  seeded = true;
  seed = (value ^ (value >> 31)) * GOLDEN_64;
  otherSeed = (seed ^ (seed >> 29)) * OTHER_MULTIPLIER;
  makeKeys();
}

function makeKeys(): void {
  let key = seed;
  for (let at: usize = 0; at < 32; at += 8) {
    key = (key ^ (key >> 32)) * GOLDEN_64 + otherSeed;
    store<u64>(HASH_KEYS + at, key ^ (key >> 29));
  }
}

/**
 * A seeded hash of names that clients choose, for tables in which nobody may put many names into one place. Each eight bytes,
 * mixed with the hash of those before, are split into two halves that are multiplied, so that what a changed bit changes
 * depends on the seed. (Multiplying by a constant does not do: the top bit of one block cancels that of the next, whatever the
 * seed.)
 */
export function hashBytes(pointer: usize, length: i32): u32 {
  return shortHash(hashBytes64(pointer, length));
}

/** The `hashBytes` of what has this `hashBytes64`. */
// @ts-ignore: decorator
@inline
export function shortHash(hash: u64): u32 {
  return <u32>(hash >> 32);
}

/** `hashBytes` in 64 bits, for tables that keep no names and take two names of one hash for the same. */
export function hashBytes64(pointer: usize, length: i32): u64 {
  let h = seed ^ (<u64>length * GOLDEN_64);
  if (length >= 8) {
    const last = pointer + <usize>length - 8;
    while (pointer < last) {
      h = mixed(h ^ load<u64>(pointer));
      pointer += 8;
    }
    h = mixed(h ^ load<u64>(last));
  } else h = mixed(h ^ wordOf(pointer, length));
  h = mixed(h ^ OTHER_MULTIPLIER);
  // The upper half of a product is the better mixed one, and is what callers use of 64 bits.
  return (h ^ (h >> 32)) * GOLDEN_64;
}

/** The product of the two halves of `h`. Adding a secret keeps a product of 0 from making the next step known. */
// @ts-ignore: decorator
@inline
function mixed(h: u64): u64 {
  return (h & 0xffffffff) * (h >> 32) + otherSeed;
}

/**
 * A quicker hash, for tables in which two names of one hash cost time alone: answers about long subjects, which are then
 * decided anew, and the tokens of a policy, which clients cannot add to. The products of the blocks do not depend on each
 * other: the look into a table waits for the hash, and a chain of multiplications would make it wait longer.
 */
// @ts-ignore: decorator
@inline
export function quickHash(pointer: usize, length: i32): u32 {
  let h = <u64>length;
  if (length >= 8) {
    const last = pointer + <usize>length - 8;
    while (pointer < last) {
      h = rotl<u64>(h, 23) + (load<u64>(pointer) ^ seed) * GOLDEN_64;
      pointer += 8;
    }
    h = rotl<u64>(h, 23) + (load<u64>(last) ^ seed) * OTHER_MULTIPLIER;
  } else h += (wordOf(pointer, length) ^ seed) * GOLDEN_64;
  h = (h ^ (h >> 32)) * GOLDEN_64;
  return <u32>(h >> 32);
}
