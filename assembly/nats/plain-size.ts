/**
 * Sizes of payloads and headers as clients and nats-server write them nearly always: a few digits, and often the same ones as in
 * the line before. Whatever looks otherwise is left to the reader of all sizes (numbers.ts).
 */
import { noteSize } from "./numbers";

/** What readers of sizes here answer for one that is not written in the usual way. It is negative. Exported for specs. */
export const NO_PLAIN_SIZE: i32 = -1;
/** More digits than any payload needs; readers of sizes take nine. */
const MAX_DIGITS: usize = 8;
/** Sizes of so many digits, which nearly all payloads have, are read without a loop. */
const FEW_DIGITS: i32 = 4;
/** In each byte: a digit as a character, what makes the highest bit of all above nine, that bit. */
const ZEROS: u32 = 0x30303030;
const ABOVE_NINE: u32 = 0x76767676;
const HIGHEST_BITS: u32 = 0x80808080;

/**
 * Bytes in which a reader of one kind of line keeps the size that it read last, if that had few digits: the four bytes that end
 * with its last digit (u32), its value (i32), and its number of digits plus the blank before them (u32). Exported for specs.
 */
export const SIZE_READ: i32 = 12;

/**
 * The decimal number from `p` to before `end`, or NO_PLAIN_SIZE. A blank stands before `p`, and three bytes before it must be
 * memory.
 *
 * `before` are the SIZE_READ bytes of this kind of line.
 */
// @ts-ignore: decorator
@inline
export function readPlainSize(p: usize, end: usize, before: usize): i32 {
  const digits = <i32>(end - p);
  return isFewDigits(digits) ? readFewDigits(end, digits, before) : readLongSize(p, end);
}

/** Is this a number of digits from one to FEW_DIGITS? False also for negative ones. */
// @ts-ignore: decorator
@inline
export function isFewDigits(digits: i32): bool {
  return <u32>(digits - 1) < <u32>FEW_DIGITS;
}

/**
 * `readPlainSize` of `digits` digits, one to FEW_DIGITS. Payloads of one size often follow each other, and a processor that
 * foresees it reads the next line without waiting for what the digits of this one say.
 */
// @ts-ignore: decorator
@inline
export function readFewDigits(end: usize, digits: i32, before: usize): i32 {
  // Only if they have as many digits: of four equal bytes some may stand before the digits.
  if (endsLikeLastSize(end, before) && lastSizeLength(before) == <usize>digits + 1) return lastSize(before);
  const bytes = load<u32>(end - 4);
  // The bytes that stand before the digits become zeros.
  const bits = (FEW_DIGITS - digits) << 3;
  const values = ((bytes ^ ZEROS) >> bits) << bits;
  if (((values | (values + ABOVE_NINE)) & HIGHEST_BITS) != 0) return NO_PLAIN_SIZE;
  const pairs = values * 10 + (values >> 8);
  const size = <i32>((pairs & 0xff) * 100 + ((pairs >> 16) & 0xff));
  store<u32>(before, bytes);
  store<i32>(before, size, 4);
  store<u32>(before, digits + 1, 8);
  return size;
}

/**
 * Do the four bytes before `end` equal those that are kept in `before`? Then they are that size if they have as many digits.
 */
// @ts-ignore: decorator
@inline
export function endsLikeLastSize(end: usize, before: usize): bool {
  return load<u32>(end - 4) == load<u32>(before);
}

/** The value of the size that is kept in `before`. */
// @ts-ignore: decorator
@inline
export function lastSize(before: usize): i32 {
  return load<i32>(before, 4);
}

/** Bytes of that size as it was written, with the blank before it. */
// @ts-ignore: decorator
@inline
export function lastSizeLength(before: usize): usize {
  return load<u32>(before, 8);
}

function readLongSize(p: usize, end: usize): i32 {
  if (end <= p || end - p > MAX_DIGITS) return NO_PLAIN_SIZE;
  let size = 0;
  while (p < end) {
    const digit = <u32>load<u8>(p++) - 0x30;
    if (digit > 9) return NO_PLAIN_SIZE;
    size = size * 10 + <i32>digit;
  }
  noteSize(size);
  return size;
}
