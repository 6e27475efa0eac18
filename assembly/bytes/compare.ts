/** Equality and hashing of raw bytes. Nothing here allocates, and no byte beyond the given ones is read. */

const MULTIPLIER: u64 = 0x9e3779b97f4a7c15;
const OTHER_MULTIPLIER: u64 = 0xd6e8feb86659fd93;

/** Set once per VM, so that clients cannot prepare sids or subjects that collide in our tables. */
let seed: u64 = 0x2545f4914f6cdd1d;
let seeded: bool = false;

/** Only the first call counts: tables that are filled already would not find their entries again. */
export function seedHashes(value: u64): void {
  if (seeded) return;
  seeded = true;
  seed = value | 1;
}

/** In blocks, the last one overlapping: names are short, so the call of a memcmp would cost more. */
// @ts-ignore: decorator
@inline
export function equalBytes(a: usize, b: usize, length: i32): bool {
  if (length >= 16) {
    const last = <usize>length - 16;
    let differs = v128.xor(v128.load(a + last), v128.load(b + last));
    for (let at: usize = 0; at < last; at += 16) {
      differs = v128.or(differs, v128.xor(v128.load(a + at), v128.load(b + at)));
    }
    return !v128.any_true(differs);
  }
  if (length >= 8) {
    const last = <usize>length - 8;
    return load<u64>(a) == load<u64>(b) && load<u64>(a + last) == load<u64>(b + last);
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

/** A seeded hash. */
// @ts-ignore: decorator
@inline
export function hashBytes(pointer: usize, length: i32): u32 {
  return <u32>(hashBytes64(pointer, length) >> 32);
}

/**
 * The same in 64 bits, for tables that keep no key and so rely on its being another for another name. Two rows of
 * multiplications, since one waits for its result before the next can begin.
 */
// @ts-ignore: decorator
@inline
export function hashBytes64(pointer: usize, length: i32): u64 {
  let h = (seed ^ (<u64>length)) * MULTIPLIER;
  if (length >= 8) {
    const last = pointer + <usize>length - 8;
    const g = (seed ^ load<u64>(last)) * OTHER_MULTIPLIER;
    while (pointer < last) {
      h = (h ^ load<u64>(pointer)) * MULTIPLIER;
      h ^= h >> 32;
      pointer += 8;
    }
    h ^= g ^ (g >> 32);
  } else h ^= wordOf(pointer, length);
  return h * MULTIPLIER;
}
