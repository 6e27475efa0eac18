/** `.$FI` as it lies in memory (stream.go `FastBatchSuffix`). */
const SUFFIX: u32 = 0x4946242e;

/** Does a publish with this reply subject belong to a fast batch of JetStream's (since 2.14)? */
// @ts-ignore: decorator
@inline
export function isFastBatch(reply: usize, length: i32): bool {
  return length > 4 && load<u32>(reply + <usize>length - 4) == SUFFIX;
}
