import { Ascii, CASE_BIT } from "../bytes/ascii";
import { FixedText } from "../bytes/fixed-text";
import { decodeString, JsonScanner, JsonToken } from "../bytes/json";

/** Bytes as written of the longest key that may be one of ours: 15 letters, each written as an escape of six bytes, are 90. */
const MAX_KEY: i32 = 96;

/** Where keys are decoded, which may write three bytes for one (invalid UTF-8). */
const keyArea: usize = memory.data(3 * MAX_KEY);

/** One scanner serves the VM: a document is read to its end before the next begins. */
export const scanner: JsonScanner = new JsonScanner();

/**
 * Is the KEY just read this name? Go's encoding/json ignores case, with Unicode's simple folding, so that U+017F is
 * an s and U+212A a k (nats-server accepts `verboſe`). `name` is lower-case ASCII.
 */
export function keyIs(name: FixedText): bool {
  const start = scanner.tokenStart;
  const length = <i32>(scanner.tokenEnd - start);
  // Most keys are none of these names at a glance; decoding each for each name took some 0.2 s of a worker for 1 MiB.
  if (length < name.length || length > MAX_KEY) return false;
  const first = load<u8>(start);
  if (first < 0x80 && first != Ascii.BACKSLASH && (first | CASE_BIT) != load<u8>(name.pointer)) return false;
  const size = decodeString(start, scanner.tokenEnd, keyArea);
  let at = keyArea;
  const end = keyArea + <usize>size;
  for (let i = 0; i < name.length; i++) {
    if (at >= end) return false;
    let b = load<u8>(at);
    at++;
    if (b >= 0x41 && b <= 0x5a) b |= <u8>CASE_BIT;
    else if (b == 0xc5 && at < end && load<u8>(at) == 0xbf) {
      b = 0x73; // s
      at++;
    } else if (b == 0xe2 && at + 1 < end && load<u8>(at) == 0x84 && load<u8>(at, 1) == 0xaa) {
      b = 0x6b; // k
      at += 2;
    }
    if (b != load<u8>(name.pointer + <usize>i)) return false;
  }
  return at == end;
}

/** What a value did to a field of its Go type. */
export const enum Value {
  /** Of the right type. */
  TAKEN = 0,
  /** `null`, which changes nothing. */
  NULL = 1,
  WRONG_TYPE = 2,
  /** The document is no JSON. */
  BROKEN = 3,
}

/** Reads the next value for a field of `type`; containers of the wrong type are passed over, as Go does. */
export function readValue(type: JsonToken): Value {
  const token = scanner.next();
  if (token == JsonToken.ERROR) return Value.BROKEN;
  if (token == JsonToken.NULL) return Value.NULL;
  if (token == JsonToken.OBJECT_START || token == JsonToken.ARRAY_START) {
    return scanner.skipContainer() ? Value.WRONG_TYPE : Value.BROKEN;
  }
  if (type == JsonToken.TRUE) {
    return token == JsonToken.TRUE || token == JsonToken.FALSE ? Value.TAKEN : Value.WRONG_TYPE;
  }
  return token == type ? Value.TAKEN : Value.WRONG_TYPE;
}

/** Was the boolean value just TAKEN `true`? */
export function tokenIsTrue(): bool {
  return load<u8>(scanner.tokenStart) == 0x74; // t
}
