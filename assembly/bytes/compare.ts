/** Equality and hashing of raw bytes. Nothing here allocates, and no byte beyond the given ones is read. */

const MULTIPLIER: u64 = 0x9e3779b97f4a7c15;

/** Set once per VM, so that clients cannot prepare sids or subjects that collide in our tables. */
let seed: u64 = 0x2545f4914f6cdd1d;
let seeded: bool = false;

/** Only the first call counts: tables that are filled already would not find their entries again. */
export function seedHashes(value: u64): void {
  if (seeded) return;
  seeded = true;
  seed = value | 1;
}

/** Eight bytes at a time, the last eight overlapping: names are short, so the call of a memcmp would cost more. */
// @ts-ignore: decorator
@inline
export function equalBytes(a: usize, b: usize, length: i32): bool {
  if (length >= 8) {
    const last = <usize>length - 8;
    let at: usize = 0;
    while (at < last) {
      if (load<u64>(a + at) != load<u64>(b + at)) return false;
      at += 8;
    }
    return load<u64>(a + last) == load<u64>(b + last);
  }
  return wordOf(a, length) == wordOf(b, length);
}

/** Up to seven bytes as a number that differs when any of them does (for one length). */
// @ts-ignore: decorator
@inline
function wordOf(pointer: usize, length: i32): u64 {
  if (length >= 4) return (<u64>load<u32>(pointer)) | ((<u64>load<u32>(pointer + <usize>length - 4)) << 32);
  if (length <= 0) return 0;
  const middle = <u64>load<u8>(pointer + ((<usize>length) >> 1));
  return (<u64>load<u8>(pointer)) | (middle << 8) | ((<u64>load<u8>(pointer + <usize>length - 1)) << 16);
}

/** A seeded hash: a multiplication for each eight bytes. */
export function hashBytes(pointer: usize, length: i32): u32 {
  return <u32>(mixBytes(pointer, length) >> 32);
}

/** The same in 64 bits, for tables that keep no key and so rely on its being another for another name. */
export function hashBytes64(pointer: usize, length: i32): u64 {
  return mixBytes(pointer, length);
}

// @ts-ignore: decorator
@inline
function mixBytes(pointer: usize, length: i32): u64 {
  let h = seed ^ (<u64>length * MULTIPLIER);
  if (length >= 8) {
    const last = pointer + <usize>length - 8;
    while (pointer < last) {
      h = (h ^ load<u64>(pointer)) * MULTIPLIER;
      h ^= h >> 29;
      pointer += 8;
    }
    h = (h ^ load<u64>(last)) * MULTIPLIER;
  } else h = (h ^ wordOf(pointer, length)) * MULTIPLIER;
  h ^= h >> 32;
  return h * MULTIPLIER;
}

/** The same for bytes that come one by one: begin with `hashStart`, end with `mixHash`. */
// @ts-ignore: decorator
@inline
export function hashStart(): u32 {
  return <u32>seed;
}

// @ts-ignore: decorator
@inline
export function hashStep(h: u32, byte: u8): u32 {
  return (h ^ byte) * 0x01000193;
}

// @ts-ignore: decorator
@inline
export function mixHash(h: u32): u32 {
  h ^= h >> 15;
  h *= 0x2c1b3c6d;
  return h ^ (h >> 13);
}
