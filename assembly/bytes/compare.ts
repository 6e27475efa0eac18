/** Equality and hashing of raw bytes. Nothing here allocates. */

/** Set once per VM, so that clients cannot prepare sids or subjects that collide in our tables. */
let seed: u32 = 0x9e3779b9;
let seeded: bool = false;

/** Only the first call counts: tables that are filled already would not find their entries again. */
export function seedHashes(value: u64): void {
  if (seeded) return;
  seeded = true;
  seed = ((<u32>value) ^ (<u32>(value >> 32))) | 1;
}

// @ts-ignore: decorator
@inline
export function equalBytes(a: usize, b: usize, length: i32): bool {
  return memory.compare(a, b, <usize>length) == 0;
}

/** Seeded FNV-1a with a final mix: short keys (sids, tokens) dominate, and each byte is read once. */
export function hashBytes(pointer: usize, length: i32): u32 {
  let h: u32 = seed;
  const end = pointer + <usize>length;
  while (pointer < end) {
    h = (h ^ load<u8>(pointer)) * 0x01000193;
    pointer++;
  }
  return mixHash(h);
}

// @ts-ignore: decorator
@inline
export function hashStart(): u32 {
  return seed;
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
