import { POINTER_ANSWER, SIZE_ANSWER } from "../bytes/hot-page";
import { proxy_get_shared_data, proxy_set_shared_data, STATUS_OK } from "./host";
import { releaseAnswer } from "./memory";

/**
 * The proxy's shared data: values by key that every VM of the proxy sees, whatever its thread, until the process ends.
 * Istio leaves `vm_id` empty, so all Wasm plugins of a proxy share the keys. The host copies a value as a whole under a
 * lock, and gives each write a number of its own (proxy-wasm-cpp-host src/shared_data.cc).
 */

const writeAddress: usize = memory.data(4);

/**
 * In place of the number of a write: there is no value. As what `writeShared` expects it lets a value be created, which the
 * host does whatever number is expected, and lets none be replaced, since no write has this number.
 */
export const ABSENT: u32 = u32.MAX_VALUE;
/** As what `writeShared` expects: whatever value is there is replaced. */
export const ANY: u32 = 0;

/** The value that `readShared` has found last. Its bytes stay until `releaseShared`, or until a property is read. */
export let sharedPointer: usize = 0;
/** Bytes of it. */
export let sharedSize: i32 = 0;

/** Fetches the value of a key. Answers the number of the write that left it, or ABSENT. */
export function readShared(key: StaticArray<u8>): u32 {
  store<u32>(POINTER_ANSWER, 0);
  store<u32>(SIZE_ANSWER, 0);
  store<u32>(writeAddress, 0);
  const status = proxy_get_shared_data(
    changetype<usize>(key),
    <usize>key.length,
    POINTER_ANSWER,
    SIZE_ANSWER,
    writeAddress,
  );
  sharedPointer = <usize>load<u32>(POINTER_ANSWER);
  sharedSize = sharedPointer == 0 ? 0 : <i32>load<u32>(SIZE_ANSWER);
  return status == STATUS_OK ? load<u32>(writeAddress) : ABSENT;
}

/** Frees what `readShared` has found last. */
export function releaseShared(): void {
  releaseAnswer(sharedPointer);
  sharedPointer = 0;
  sharedSize = 0;
}

/** Writes a value if the present one is still that of the write `expected`, or ANY. Answers whether it has written. */
export function writeShared(key: StaticArray<u8>, pointer: usize, size: i32, expected: u32): bool {
  return proxy_set_shared_data(changetype<usize>(key), <usize>key.length, pointer, <usize>size, expected) == STATUS_OK;
}
