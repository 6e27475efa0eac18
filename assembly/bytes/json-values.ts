import { Ascii, CASE_BIT, isDigit } from "./ascii";
import { INVALID_RUNE, decodeRune, encodeRune, isValidUtf8, runeWidth } from "./utf8";

/** The text of a KEY or STRING token, by the rules of `decodeString`. */
export function textOf(start: usize, end: usize, hasEscapes: bool): string {
  const length = end - start;
  if (!hasEscapes && isValidUtf8(start, <i32>length)) return String.UTF8.decodeUnsafe(start, length);
  const out = heap.alloc(3 * length + 4);
  const written = decodeString(start, end, out);
  const text = String.UTF8.decodeUnsafe(out, <usize>written);
  heap.free(out);
  return text;
}

function hexValue(byte: i32): i32 {
  return byte <= 0x39 ? byte - Ascii.ZERO : (byte | CASE_BIT) - 0x61 + 10; // 9, a
}

/** `\u`, as it lies in memory. */
const UNICODE_ESCAPE: u16 = 0x755c;

/** The four hex digits at `at`, or -1 unless a `\u` stands there in full. */
function unicodeEscape(at: usize, end: usize): i32 {
  if (end - at < 6 || load<u16>(at) != UNICODE_ESCAPE) return -1;
  return (
    (hexValue(load<u8>(at, 2)) << 12) |
    (hexValue(load<u8>(at, 3)) << 8) |
    (hexValue(load<u8>(at, 4)) << 4) |
    hexValue(load<u8>(at, 5))
  );
}

function simpleEscape(byte: u8): u8 {
  switch (byte) {
    case 0x62: // b
      return 0x08;
    case 0x66: // f
      return 0x0c;
    case 0x6e: // n
      return 0x0a;
    case 0x72: // r
      return 0x0d;
    case 0x74: // t
      return 0x09;
  }
  return byte;
}

/**
 * Writes the text of a KEY or STRING token to `out` and answers its length in
 * bytes. As Go's encoding/json does, a lone surrogate and each byte of invalid
 * UTF-8 become U+FFFD. No escape is shorter than what it stands for, so valid
 * UTF-8 needs `end - start` bytes at `out`; the replaced bytes may need
 * `3 * (end - start)`. The bytes must be a string that the scanner accepted.
 */
export function decodeString(start: usize, end: usize, out: usize): i32 {
  const first = out;
  while (start < end) {
    const byte = load<u8>(start);
    if (byte != Ascii.BACKSLASH) {
      // Nearly all bytes, so without a call.
      if (byte < 0x80) {
        store<u8>(out++, byte);
        start++;
        continue;
      }
      const rune = decodeRune(start, <i32>(end - start));
      out += <usize>encodeRune(rune, out);
      start += rune == INVALID_RUNE ? 1 : <usize>runeWidth(rune);
      continue;
    }
    const unit = unicodeEscape(start, end);
    if (unit < 0) {
      store<u8>(out++, simpleEscape(start + 1 < end ? load<u8>(start, 1) : byte));
      start += 2;
      continue;
    }
    start += 6;
    let rune = unit;
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const low = unicodeEscape(start, end);
      if (low >= 0xdc00 && low <= 0xdfff) {
        rune = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        start += 6;
      }
    }
    out += <usize>encodeRune(rune, out);
  }
  return <i32>(out - first);
}

/**
 * Whether a NUMBER token is one that Go would store in an int64: digits with
 * an optional minus, no fraction, no exponent (1.0 and 1e2 are not), in range.
 */
export function isInteger(start: usize, end: usize): bool {
  const negative = start < end && load<u8>(start) == Ascii.DASH;
  if (negative) start++;
  // 19 digits fit a u64, and no int64 has more.
  if (start >= end || end - start > 19) return false;
  let value: u64 = 0;
  for (let at = start; at < end; at++) {
    const digit = <u32>load<u8>(at) - Ascii.ZERO;
    if (digit > 9) return false;
    value = value * 10 + digit;
  }
  return value <= <u64>i64.MAX_VALUE + (negative ? 1 : 0);
}

/** The value of a NUMBER token for which `isInteger` holds. */
export function integerOf(start: usize, end: usize): i64 {
  const negative = start < end && load<u8>(start) == Ascii.DASH;
  let value: i64 = 0;
  for (let at = start + (negative ? 1 : 0); at < end; at++) {
    value = value * 10 + <i64>(load<u8>(at) - Ascii.ZERO);
  }
  return negative ? -value : value;
}

/** 10^0 to 10^22 are the powers of ten that a double holds exactly. */
const POWERS_OF_TEN: StaticArray<f64> = [
  1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
  1e21, 1e22,
];
const LARGEST_EXACT_POWER: i32 = 22;

// Beyond it every double is 0 or Infinity, whatever its 19 digits are.
const MAX_EXPONENT: i32 = 400;

function scaled(value: f64, exponent: i32): f64 {
  while (exponent > 0) {
    const step = min(exponent, LARGEST_EXACT_POWER);
    value *= unchecked(POWERS_OF_TEN[step]);
    exponent -= step;
  }
  while (exponent < 0) {
    const step = min(-exponent, LARGEST_EXACT_POWER);
    value /= unchecked(POWERS_OF_TEN[step]);
    exponent += step;
  }
  return value;
}

/**
 * The value of a NUMBER token, exact for up to 15 significant digits and a
 * decimal exponent of up to 22 either way, else within a few units of the last
 * place; beyond a double's range it is Infinity or 0.
 */
export function numberOf(start: usize, end: usize): f64 {
  let at = start;
  const negative = at < end && load<u8>(at) == Ascii.DASH;
  if (negative) at++;
  let digits: u64 = 0;
  let exponent = 0;
  let inFraction = false;
  for (; at < end; at++) {
    const byte = <i32>load<u8>(at);
    if (byte == Ascii.DOT) {
      inFraction = true;
      continue;
    }
    if (!isDigit(byte)) break;
    // A u64 has room for 19 digits; what comes behind is below the last place.
    const kept = digits < 1_000_000_000_000_000_000;
    if (kept) digits = digits * 10 + <u64>(byte - Ascii.ZERO);
    if (kept && inFraction) exponent--;
    if (!kept && !inFraction) exponent++;
  }
  if (at < end) {
    at++;
    const sign = <i32>load<u8>(at);
    if (sign == Ascii.PLUS || sign == Ascii.DASH) at++;
    let written = 0;
    for (; at < end; at++) {
      written = min(written * 10 + <i32>load<u8>(at) - Ascii.ZERO, 1_000_000);
    }
    exponent += sign == Ascii.DASH ? -written : written;
  }
  const value = scaled(<f64>digits, max(-MAX_EXPONENT, min(MAX_EXPONENT, exponent)));
  return negative ? -value : value;
}
