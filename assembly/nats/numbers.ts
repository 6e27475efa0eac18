/** What `readSize` and `readNumber` answer for what nats-server takes for no number. */
export const NOT_A_SIZE: i32 = -1;

/** The largest size noted since `takeLargestSize` was called. */
let largest: i32 = 0;

/**
 * Notes a size for `takeLargestSize`. Called for sizes of five digits or more and for all that are not read by `readFewDigits`
 * (plain-size.ts): smaller ones are of no interest to it.
 */
export function noteSize(size: i32): void {
  largest = max(largest, size);
}

/**
 * The largest size that was noted since this was called last, 0 without any. Called once for each pass over a chunk, it tells
 * of the payloads in it.
 */
export function takeLargestSize(): i32 {
  const size = largest;
  largest = 0;
  return size;
}

/** Reads the size of a payload or of its headers, and notes it. Answers it, or NOT_A_SIZE. */
export function readSize(pointer: usize, length: i32): i32 {
  const size = readNumber(pointer, length);
  noteSize(size);
  return size;
}

/**
 * Reads a decimal number as nats-server does: 1 to 9 ASCII digits, leading zeros included (util.go `parseSize`). Answers it, or
 * NOT_A_SIZE.
 */
export function readNumber(pointer: usize, length: i32): i32 {
  if (length == 0 || length > 9) return NOT_A_SIZE;
  let n = 0;
  for (let i = 0; i < length; i++) {
    const digit = load<u8>(pointer + <usize>i) - 0x30;
    if (digit > 9) return NOT_A_SIZE;
    n = n * 10 + <i32>digit;
  }
  return n;
}
