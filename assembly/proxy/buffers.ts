import { POINTER_ANSWER, SIZE_ANSWER } from "../bytes/hot-page";
import { proxy_get_buffer_bytes, STATUS_OK } from "./host";
import { outArea, receiveInto, receiveProperty, releaseAnswer } from "./memory";

/**
 * Copies up to `length` bytes of a host's buffer, from `start` on, to `to`. Answers how many it has copied, or -1 when the host
 * refused or did not use the memory that it was told to.
 */
export function readBytes(buffer: i32, start: i32, length: i32, to: usize): i32 {
  store<usize>(POINTER_ANSWER, 0);
  store<u32>(SIZE_ANSWER, 0);
  receiveInto(to, <usize>length);
  const status = proxy_get_buffer_bytes(buffer, <u32>start, <u32>length, POINTER_ANSWER, SIZE_ANSWER);
  const at = load<usize>(POINTER_ANSWER);
  const size = <i32>load<u32>(SIZE_ANSWER);
  releaseAnswer(at);
  receiveProperty();
  if (status != STATUS_OK) return -1;
  return size == 0 ? 0 : at == to ? size : -1;
}

/** Has the host's buffer a byte at `position`? True also where it cannot be asked. Overwrites what lies in `outArea`. */
export function hasBytesAt(buffer: i32, position: i32): bool {
  return readBytes(buffer, position, 1, outArea) != 0;
}
