/** What `readSize` and `readNumber` answer for anything that is no such number. */
export const NOT_A_SIZE: i32 = -1;

/** The largest size since `takeLargestSize` was asked. */
let largest: i32 = 0;

/** A size of five digits or more, or any that is not read the short way, was read. */
export function noteSize(size: i32): void {
  largest = max(largest, size);
}

/** The largest size that was noted since this was asked last, 0 if none was: whoever asks learns of a callback's payloads. */
export function takeLargestSize(): i32 {
  const size = largest;
  largest = 0;
  return size;
}

/** The size of a payload or of its headers, which is noted. */
export function readSize(pointer: usize, length: i32): i32 {
  const size = readNumber(pointer, length);
  noteSize(size);
  return size;
}

/** nats-server takes 1 to 9 ASCII digits, leading zeros included (util.go `parseSize`). */
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
