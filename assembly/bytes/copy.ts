/** Bytes up to which `copyShort` does not call the engine's copy. */
const SHORT: i32 = 64;

/**
 * Copies `length` bytes between places that do not overlap. Lines and names are short, and the engine's `memory.copy`
 * is a call out of the module (about 10 ns in V8), so up to 64 bytes go in blocks, the last two of which overlap.
 */
// @ts-ignore: decorator
@inline
export function copyShort(to: usize, from: usize, length: i32): void {
  if (length > SHORT) memory.copy(to, from, <usize>length);
  else if (length >= 16) {
    const last = <usize>length - 16;
    for (let at: usize = 0; at < last; at += 16) v128.store(to + at, v128.load(from + at));
    v128.store(to + last, v128.load(from + last));
  } else copyFew(to, from, length);
}

/** Up to fifteen bytes. */
function copyFew(to: usize, from: usize, length: i32): void {
  if (length >= 8) {
    const last = <usize>length - 8;
    const end = load<u64>(from + last);
    store<u64>(to, load<u64>(from));
    store<u64>(to + last, end);
  } else if (length >= 4) {
    const last = <usize>length - 4;
    const end = load<u32>(from + last);
    store<u32>(to, load<u32>(from));
    store<u32>(to + last, end);
  } else {
    for (let i: usize = 0; i < <usize>length; i++) store<u8>(to + i, load<u8>(from + i));
  }
}
