import { FixedText } from "./fixed-text";

/** Equality of raw bytes. Nothing here allocates, and no byte beyond the given ones is read. */

/**
 * Are the `length` bytes at `a` those at `b`? They are compared in blocks, of which the last one overlaps the one before: names
 * are short, and memory.compare would cost more.
 */
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

/** The up to seven bytes at `pointer` as a number that is another if any of them is, among names of the same length. */
// @ts-ignore: decorator
@inline
export function wordOf(pointer: usize, length: i32): u64 {
  if (length >= 4) return (<u64>load<u32>(pointer)) | ((<u64>load<u32>(pointer + <usize>length - 4)) << 32);
  if (length <= 0) return 0;
  const middle = <u64>load<u8>(pointer + ((<usize>length) >> 1));
  return (<u64>load<u8>(pointer)) | (middle << 8) | ((<u64>load<u8>(pointer + <usize>length - 1)) << 16);
}

/** `equalBytes` by a call, for what no short way asks often: inlined, it takes some 200 bytes of the module. */
export function sameBytes(a: usize, b: usize, length: i32): bool {
  return equalBytes(a, b, length);
}

/** Do these `length` bytes begin with `text`? */
export function startsWith(pointer: usize, length: i32, text: FixedText): bool {
  return length >= text.length && sameBytes(pointer, text.pointer, text.length);
}
