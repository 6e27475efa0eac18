/**
 * Numbers as text. Nothing else makes text of a number, no `toString` and no template: the standard library would bring tables
 * for it, and a function for each type, that are 3 KB of the module.
 */

/** Room for the longest number, the largest u64 in decimal digits, in UTF-16. */
const ROOM: usize = 40;
const end: usize = memory.data(<i32>ROOM) + ROOM;

/** A number in decimal digits. */
export function decimal(value: u64): string {
  let at = end;
  do {
    at -= 2;
    store<u16>(at, 0x30 + <u16>(value % 10));
    value /= 10;
  } while (value != 0);
  return String.UTF16.decodeUnsafe(at, end - at);
}

/** The last `digits` hexadecimal digits of a number, 16 at most, with leading zeros. */
export function hexadecimal(value: u64, digits: i32): string {
  const start = end - ((<usize>digits) << 1);
  for (let at = end; at > start; value >>= 4) {
    at -= 2;
    store<u16>(at, hexDigit(<u32>value));
  }
  return String.UTF16.decodeUnsafe(start, end - start);
}

/** The lowest four bits of `value` as a hexadecimal digit, a small letter from ten on. */
export function hexDigit(value: u32): u8 {
  value &= 15;
  return <u8>(value < 10 ? 0x30 + value : 0x61 - 10 + value);
}

/** How many decimal digits a number has. */
export function digitsOf(value: u32): i32 {
  let digits = 1;
  while (value >= 10) {
    value /= 10;
    digits++;
  }
  return digits;
}

/** Writes the last `digits` decimal digits of a number from `at` on, a byte each. */
export function writeDigits(at: usize, value: u32, digits: i32): void {
  for (let last = at + <usize>digits - 1; last >= at; last--) {
    store<u8>(last, <u8>(0x30 + (value % 10)));
    value /= 10;
  }
}
