const FNV_OFFSET_BASIS: u64 = ((<u64>0xcbf29ce4) << 32) | 0x84222325;
const FNV_PRIME: u64 = ((<u64>0x100) << 32) | 0x1b3;

/**
 * FNV-1a of the `length` bytes at `pointer`, which tells whether two texts are the same bytes. It is no protection against whoever
 * writes texts to have the same.
 */
export function fingerprintOf(pointer: usize, length: i32): u64 {
  let hash = FNV_OFFSET_BASIS;
  for (let at = pointer, end = pointer + <usize>length; at < end; at++) {
    hash = (hash ^ (<u64>load<u8>(at))) * FNV_PRIME;
  }
  return hash;
}
