/** `NATS/1.0`, with which client.go `hdrLine` begins, as it lies in memory, and its length. */
const VERSION: u64 = 0x302e_312f_5354_414e;
export const VERSION_LENGTH: i32 = 8;

/** Do these `length` bytes begin with the version? Eight bytes from `pointer` on must be memory. */
export function hasVersion(pointer: usize, length: i32): bool {
  return length >= VERSION_LENGTH && load<u64>(pointer) == VERSION;
}
