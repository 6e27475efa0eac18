import { OK } from "./host";
import { releaseAnswer } from "./memory";

/**
 * The proxy's shared data: values by key that every VM of the proxy sees, whatever its thread, until the process ends.
 * Istio leaves `vm_id` empty, so all Wasm plugins of a proxy share the keys. The host copies a value as a whole under a
 * lock, and gives each write a number of its own (proxy-wasm-cpp-host src/shared_data.cc).
 */

// The SDK declares these with other arguments than the host has.
// @ts-ignore: decorator
@external("env", "proxy_get_shared_data")
declare function proxy_get_shared_data(
  key: usize,
  keySize: usize,
  pointerOut: usize,
  sizeOut: usize,
  writeOut: usize,
): u32;
// @ts-ignore: decorator
@external("env", "proxy_set_shared_data")
declare function proxy_set_shared_data(key: usize, keySize: usize, value: usize, size: usize, write: u32): u32;

const pointerAddress: usize = memory.data(4);
const sizeAddress: usize = memory.data(4);
const writeAddress: usize = memory.data(4);

/**
 * As the expected write's number: there is no value yet. The host has no such word: it creates a key whatever number is
 * expected, and no write has this one.
 */
export const ABSENT: u32 = u32.MAX_VALUE;
/** As the expected write's number: whatever is there. */
export const ANY: u32 = 0;

/** What the last `readShared` has found. The bytes stay until `releaseShared`. */
export let sharedPointer: usize = 0;
export let sharedSize: i32 = 0;

/** Answers the number of the write that left the value, or ABSENT. */
export function readShared(key: StaticArray<u8>): u32 {
  store<u32>(pointerAddress, 0);
  store<u32>(sizeAddress, 0);
  store<u32>(writeAddress, 0);
  const status = proxy_get_shared_data(
    changetype<usize>(key),
    <usize>key.length,
    pointerAddress,
    sizeAddress,
    writeAddress,
  );
  sharedPointer = <usize>load<u32>(pointerAddress);
  sharedSize = sharedPointer == 0 ? 0 : <i32>load<u32>(sizeAddress);
  return status == OK ? load<u32>(writeAddress) : ABSENT;
}

/** Frees what the last `readShared` has found. */
export function releaseShared(): void {
  releaseAnswer(sharedPointer);
  sharedPointer = 0;
  sharedSize = 0;
}

/** Writes if the present value is still of the write `expected`; answers whether it was. */
export function writeShared(key: StaticArray<u8>, pointer: usize, size: i32, expected: u32): bool {
  return proxy_set_shared_data(changetype<usize>(key), <usize>key.length, pointer, <usize>size, expected) == OK;
}
