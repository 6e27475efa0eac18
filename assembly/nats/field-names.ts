import { CASE_BIT } from "../bytes/ascii";
import { sameBytes } from "../bytes/compare";
import { decodeString } from "../bytes/json";
import { VECTOR_BYTES } from "../bytes/vector";

/** What `placeOf` answers for a key that is none of the names. */
const NO_NAME: i32 = -1;

/** Bytes as written of the longest key that may be one of ours: 15 letters, each written as an escape of six bytes, are 90. */
const MAX_KEY: i32 = 96;

/** Where keys are decoded, which may write three bytes for one (invalid UTF-8). */
const keyArea: usize = memory.data(3 * MAX_KEY);

/** Names in lower-case ASCII, in one block: each is its length, a byte, and its bytes. */
@unmanaged
@final
export class FieldNames {
  count: i32 = 0;
}

/** To be called once for each constant: nothing gives it back. */
export function fieldNames(names: StaticArray<string>): FieldNames {
  let size = offsetof<FieldNames>();
  for (let i = 0; i < names.length; i++) size += 1 + <usize>names[i].length;
  const block = heap.alloc(size);
  store<i32>(block, names.length, offsetof<FieldNames>("count"));
  let at = block + offsetof<FieldNames>();
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    store<u8>(at, <u8>name.length);
    String.UTF8.encodeUnsafe(changetype<usize>(name), name.length, at + 1);
    at += 1 + <usize>name.length;
  }
  return changetype<FieldNames>(block);
}

/**
 * The place among the names of the key from `start` to `end`, as the scanner has found it in a document that ends at `documentEnd`, or
 * NO_NAME.
 */
export function placeOf(names: FieldNames, start: usize, end: usize, hasEscapes: bool, documentEnd: usize): i32 {
  let length = <i32>(end - start);
  if (hasEscapes || !isFoldedAlready(start, length, documentEnd)) {
    if (length > MAX_KEY) return NO_NAME;
    length = fold(start, end);
    start = keyArea;
  }
  let name = changetype<usize>(names) + offsetof<FieldNames>();
  for (let place = 0; place < names.count; place++) {
    const size: i32 = load<u8>(name);
    if (size == length && sameBytes(name + 1, start, length)) return place;
    name += 1 + <usize>size;
  }
  return NO_NAME;
}

/**
 * Is the text as it stands what folding would make of it, being ASCII without a capital letter? Nearly all keys are. It is not asked of
 * what is too long for a name, nor of a short key near the end of the document, behind which there may be no memory.
 */
// @ts-ignore: decorator
@inline
function isFoldedAlready(start: usize, length: i32, documentEnd: usize): bool {
  if (length > <i32>VECTOR_BYTES || documentEnd - start < VECTOR_BYTES) return false;
  const bytes = v128.load(start);
  const isCapital = i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(0x41)), i8x16.splat(26));
  return (i8x16.bitmask(v128.or(bytes, isCapital)) & ((1 << length) - 1)) == 0;
}

/**
 * Writes to `keyArea` what a key means, at most MAX_KEY bytes as written, and answers the length of that. Go's encoding/json ignores
 * the case of keys, with Unicode's simple folding, so that U+017F is an s and U+212A a k (nats-server accepts `verboſe`).
 */
function fold(start: usize, end: usize): i32 {
  const behind = keyArea + <usize>decodeString(start, end, keyArea);
  let to = keyArea;
  for (let at = keyArea; at < behind; at++) {
    let byte = load<u8>(at);
    if (byte >= 0x41 && byte <= 0x5a) byte |= <u8>CASE_BIT;
    else if (byte == 0xc5 && at + 1 < behind && load<u8>(at, 1) == 0xbf) {
      byte = 0x73; // s
      at++;
    } else if (byte == 0xe2 && at + 2 < behind && load<u8>(at, 1) == 0x84 && load<u8>(at, 2) == 0xaa) {
      byte = 0x6b; // k
      at += 2;
    }
    store<u8>(to++, byte);
  }
  return <i32>(to - keyArea);
}
