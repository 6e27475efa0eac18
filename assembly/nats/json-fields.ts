import { CASE_BIT } from "../bytes/ascii";
import { sameBytes } from "../bytes/compare";
import { decodeString, JsonScanner, JsonToken } from "../bytes/json";
import { VECTOR_BYTES } from "../bytes/vector";

/**
 * The fields of one JSON object, by name. Both documents of a connection, INFO and CONNECT, go through the one loop here: a worker
 * that has slept waits for each line of code that it has not met since, and waited longer than it computed.
 */

/** Bytes as written of the longest key that may be one of ours: 15 letters, each written as an escape of six bytes, are 90. */
const MAX_KEY: i32 = 96;

/** Where keys are decoded, which may write three bytes for one (invalid UTF-8). */
const keyArea: usize = memory.data(3 * MAX_KEY);

/** One scanner serves the VM: a document is read to its end before the next begins. */
const scanner: JsonScanner = new JsonScanner();

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

/** What `nextField` answers besides the place of a name. */
export const enum Field {
  /** Its key is none of the names. */
  OTHER = -1,
  /** There is no more, and nothing behind the object. */
  END = -2,
  /** The text is no JSON object. */
  BROKEN = -3,
}

/** Where the last field begins, its key's quote, and where its value ends. */
export let fieldStart: usize = 0;
export let fieldEnd: usize = 0;

/** The token that its value is, or with which it begins. Of a string, a number or a boolean the bytes are from `valueStart` on. */
export let fieldToken: i32 = JsonToken.ERROR;
export let valueStart: usize = 0;
export let valueEnd: usize = 0;

/** Where the document ends. */
let documentEnd: usize = 0;

/** Begins with another document. Answers its first token: `nextField` goes on only behind OBJECT_START. */
export function beginFields(pointer: usize, length: i32): i32 {
  documentEnd = pointer + <usize>length;
  scanner.reset(pointer, documentEnd);
  return scanner.next();
}

/** Is there nothing behind what was read? */
export function atEnd(): bool {
  return scanner.next() == JsonToken.END;
}

/** Reads the next field, its whole value included. Answers the place of its name, or a `Field`. */
export function nextField(names: FieldNames): i32 {
  const key = scanner.next();
  if (key == JsonToken.OBJECT_END) return atEnd() ? Field.END : Field.BROKEN;
  if (key != JsonToken.KEY) return Field.BROKEN;
  const start = scanner.tokenStart;
  const end = scanner.tokenEnd;
  const isFolded = !scanner.hasEscapes && isFoldedAlready(start, <i32>(end - start));
  fieldToken = scanner.next();
  if (fieldToken == JsonToken.ERROR) return Field.BROKEN;
  valueStart = scanner.tokenStart;
  valueEnd = scanner.tokenEnd;
  const isContainer = fieldToken == JsonToken.OBJECT_START || fieldToken == JsonToken.ARRAY_START;
  if (isContainer && !scanner.skipContainer()) return Field.BROKEN;
  fieldStart = start - 1;
  fieldEnd = scanner.position;
  return placeOf(start, end, isFolded, names);
}

/** The place of a key among the names. */
function placeOf(start: usize, end: usize, isFolded: bool, names: FieldNames): i32 {
  let length = <i32>(end - start);
  if (!isFolded) {
    if (length > MAX_KEY) return Field.OTHER;
    length = fold(start, end);
    start = keyArea;
  }
  let name = changetype<usize>(names) + offsetof<FieldNames>();
  for (let place = 0; place < names.count; place++) {
    const size: i32 = load<u8>(name);
    if (size == length && sameBytes(name + 1, start, length)) return place;
    name += 1 + <usize>size;
  }
  return Field.OTHER;
}

/**
 * Is the text as it stands what folding would make of it, being ASCII without a capital letter? Nearly all keys are. It is not asked of
 * what is too long for a name, nor of a short key near the end of the document, behind which there may be no memory.
 */
// @ts-ignore: decorator
@inline
function isFoldedAlready(start: usize, length: i32): bool {
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
