import { FixedText } from "../bytes/fixed-text";
import { POINTER_ANSWER, SIZE_ANSWER } from "../bytes/hot-page";
import { isValidUtf8 } from "../bytes/utf8";
import { proxy_get_property, proxy_set_property, STATUS_OK } from "./host";
import { releaseAnswer } from "./memory";

// A property's path is here as the host wants it: its segments, joined by NUL, such as "connection\0id".

/** The address of the property's bytes, whose number is at `SIZE_ANSWER`; 0 when it is absent. Give it to `releaseAnswer`. */
function receive(path: FixedText): usize {
  store<usize>(POINTER_ANSWER, 0);
  store<usize>(SIZE_ANSWER, 0);
  const status = proxy_get_property(path.pointer, <usize>path.length, POINTER_ANSWER, SIZE_ANSWER);
  return status == STATUS_OK ? load<usize>(POINTER_ANSWER) : 0;
}

/**
 * The property as text, or "" when it is absent: an answer, not an error (a plaintext connection has no certificate). It is "" too
 * where its bytes are not UTF-8, which a certificate may hold: decoded all the same, an overlong form or a sequence that is cut off
 * would read as a name that somebody else has.
 */
export function textProperty(path: FixedText): string {
  const pointer = receive(path);
  const size = load<usize>(SIZE_ANSWER);
  if (pointer == 0 || size == 0) return "";
  const text = isValidUtf8(pointer, <i32>size) ? String.UTF8.decodeUnsafe(pointer, size) : "";
  releaseAnswer(pointer);
  return text;
}

/** An unsigned property of eight bytes, little endian, or 0 when it is absent. */
export function numberProperty(path: FixedText): u64 {
  const pointer = receive(path);
  if (pointer == 0) return 0;
  const value = load<usize>(SIZE_ANSWER) == 8 ? load<u64>(pointer) : 0;
  releaseAnswer(pointer);
  return value;
}

/** Sets filter state of the connection. Access logs read a path of one segment, `key`, as `wasm.key`. */
export function setTextProperty(path: FixedText, value: string): void {
  const bytes = String.UTF8.encode(value);
  proxy_set_property(path.pointer, <usize>path.length, changetype<usize>(bytes), <usize>bytes.byteLength);
}
