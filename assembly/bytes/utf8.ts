/** What `decodeRune` answers for bytes that are no UTF-8. */
export const INVALID_RUNE: i32 = -1;

/** U+FFFD, which Go writes wherever text is not valid UTF-8. */
const REPLACEMENT_RUNE: i32 = 0xfffd;

// @ts-ignore: decorator
@inline
function isContinuation(byte: i32): bool {
  return (byte & 0xc0) == 0x80;
}

/**
 * The code point that begins at `pointer`, of whose bytes `length` are there, or INVALID_RUNE for none: an overlong form, a surrogate,
 * a value above U+10FFFF, a stray continuation byte, a sequence that is cut off, or no byte at all. These are the rules of Go's
 * utf8.DecodeRune, by which nats-server quotes.
 */
export function decodeRune(pointer: usize, length: i32): i32 {
  if (length < 1) return INVALID_RUNE;
  const b0 = <i32>load<u8>(pointer);
  if (b0 < 0x80) return b0;
  // 0x80..0xBF continue, 0xC0 and 0xC1 could only begin an overlong form.
  if (b0 < 0xc2 || length < 2) return INVALID_RUNE;
  const b1 = <i32>load<u8>(pointer, 1);
  if (!isContinuation(b1)) return INVALID_RUNE;
  if (b0 < 0xe0) return ((b0 & 0x1f) << 6) | (b1 & 0x3f);
  if (length < 3) return INVALID_RUNE;
  const b2 = <i32>load<u8>(pointer, 2);
  if (!isContinuation(b2)) return INVALID_RUNE;
  if (b0 < 0xf0) {
    const rune = ((b0 & 0x0f) << 12) | ((b1 & 0x3f) << 6) | (b2 & 0x3f);
    if (rune < 0x800 || (rune >= 0xd800 && rune <= 0xdfff)) return INVALID_RUNE;
    return rune;
  }
  if (b0 > 0xf4 || length < 4) return INVALID_RUNE;
  const b3 = <i32>load<u8>(pointer, 3);
  if (!isContinuation(b3)) return INVALID_RUNE;
  const rune = ((b0 & 0x07) << 18) | ((b1 & 0x3f) << 12) | ((b2 & 0x3f) << 6) | (b3 & 0x3f);
  if (rune < 0x10000 || rune > 0x10ffff) return INVALID_RUNE;
  return rune;
}

/**
 * How many bytes an answer of `decodeRune` stands for. The shortest form is the only valid one, so the code point alone says it;
 * INVALID_RUNE stands for one byte, as in Go.
 */
export function runeWidth(rune: i32): i32 {
  if (rune < 0x80) return 1;
  if (rune < 0x800) return 2;
  return rune < 0x10000 ? 3 : 4;
}

/** Writes `rune` as UTF-8 and answers its width (1 to 4). `out` must have room for 4 bytes. What is no code point becomes U+FFFD. */
export function encodeRune(rune: i32, out: usize): i32 {
  if (rune < 0 || rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff)) {
    rune = REPLACEMENT_RUNE;
  }
  if (rune < 0x80) {
    store<u8>(out, <u8>rune);
    return 1;
  }
  if (rune < 0x800) {
    store<u8>(out, <u8>(0xc0 | (rune >> 6)));
    store<u8>(out, <u8>(0x80 | (rune & 0x3f)), 1);
    return 2;
  }
  if (rune < 0x10000) {
    store<u8>(out, <u8>(0xe0 | (rune >> 12)));
    store<u8>(out, <u8>(0x80 | ((rune >> 6) & 0x3f)), 1);
    store<u8>(out, <u8>(0x80 | (rune & 0x3f)), 2);
    return 3;
  }
  store<u8>(out, <u8>(0xf0 | (rune >> 18)));
  store<u8>(out, <u8>(0x80 | ((rune >> 12) & 0x3f)), 1);
  store<u8>(out, <u8>(0x80 | ((rune >> 6) & 0x3f)), 2);
  store<u8>(out, <u8>(0x80 | (rune & 0x3f)), 3);
  return 4;
}

/** The bit of each of eight bytes that ASCII leaves clear. */
const HIGH_BITS: u64 = ((<u64>0x80808080) << 32) | 0x80808080;

/** Are the `length` bytes at `pointer` UTF-8 throughout? */
export function isValidUtf8(pointer: usize, length: i32): bool {
  const end = pointer + <usize>max(length, 0);
  while (pointer < end) {
    // Most text is ASCII: eight bytes a step.
    if (end - pointer >= 8 && (load<u64>(pointer) & HIGH_BITS) == 0) {
      pointer += 8;
      continue;
    }
    const rune = decodeRune(pointer, <i32>(end - pointer));
    if (rune == INVALID_RUNE) return false;
    pointer += <usize>runeWidth(rune);
  }
  return true;
}
