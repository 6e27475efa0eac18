import { Ascii } from "../bytes/ascii";
import { decimal } from "../bytes/digits";
import { decodeString, JsonScanner, JsonToken, numberOf, textOf } from "../bytes/json";
import { isValidUtf8 } from "../bytes/utf8";
import { Faults, quoted } from "./faults";
import { JsonPath } from "./json-path";
import { listed, nearest } from "./json-suggest";

/** What `nextKey` answers after the last key. */
export const NO_MORE_KEYS: i32 = -1;

/** What `readInteger` answers for what it has reported as a fault. */
export const NO_INTEGER: i64 = i64.MIN_VALUE;

/** Bytes of a number that a fault shows at most: more than any number needs. */
const SHOWN_NUMBER: i32 = 40;

// A longer string is no name, subject or principal that could ever be met.
const MAX_STRING_BYTES: i32 = 8192;

/** Bytes of the longest string with escapes that `atText` reads: more than nearly all subjects have. */
const MAX_DECODED_BYTES: i32 = 256;
/** Where it writes the text of such a string. */
const decoded: usize = heap.alloc(MAX_DECODED_BYTES);

/** "a string", "an object": what a fault says was found. */
function found(token: i32): string {
  switch (token) {
    case JsonToken.OBJECT_START:
      return "an object";
    case JsonToken.ARRAY_START:
      return "a list";
    case JsonToken.STRING:
      return "a string";
    case JsonToken.NUMBER:
      return "a number";
    case JsonToken.TRUE:
      return "true";
    case JsonToken.FALSE:
      return "false";
    case JsonToken.NULL:
      return "null";
  }
  return "nothing";
}

/** Are these `length` bytes the text, which is ASCII? Calls nothing, since each key of 10,000 rules is compared with all known. */
function isText(start: usize, length: i32, text: string): bool {
  if (text.length != length) return false;
  const units = changetype<usize>(text);
  for (let i: usize = 0; i < <usize>length; i++) {
    if (load<u16>(units + (i << 1)) != load<u8>(start + i)) return false;
  }
  return true;
}

/**
 * Reads a configuration top to bottom and reports what it did not expect, with
 * its path, instead of stopping: after any fault of content the reading goes
 * on behind it. Only text that is no JSON ends it (`broken`).
 *
 * Every `read…`, `begin…` and `skip` takes exactly one value, the one that
 * `nextKey` or `nextElement` announced.
 */
export class JsonReader {
  /** The text is no JSON: what was read so far is all there is. */
  broken: bool = false;

  /** Where the text lies that `atText` has found, up to before `textEnd`, until it is asked again. */
  textStart: usize = 0;
  textEnd: usize = 0;

  private readonly scanner: JsonScanner = new JsonScanner();
  private path: JsonPath = new JsonPath();
  // The token that was looked at and not taken, or -1: nextElement must look at an element to know that the list goes on.
  private ahead: i32 = -1;

  constructor(
    start: usize,
    length: i32,
    readonly faults: Faults,
  ) {
    this.scanner.reset(start, start + <usize>length);
  }

  /** Gives back what is not the collector's. Nothing is to be read after it. */
  destroy(): void {
    this.scanner.destroy();
  }

  /** Behind all that has been read. */
  get position(): usize {
    return this.scanner.position;
  }

  /** Reports a fault of the value just read. */
  fault(message: string): void {
    // Beyond a bound faults are only counted, and need no path: a text may be wrong throughout.
    const path = this.faults.isFull ? "" : this.path.toString();
    this.faults.add(path, message);
  }

  /** Reports a fault of a key of the object in hand. */
  faultOf(key: string, message: string): void {
    const path = this.path.toString();
    this.faults.add(path.length == 0 ? key : path + "." + key, message);
  }

  /** Whether the value is an object, now to be read by `nextKey`; `expected` names it in the fault. */
  beginObject(expected: string): bool {
    return this.begin(JsonToken.OBJECT_START, expected);
  }

  /**
   * The place in `known` (at most 64 keys) of the next key, or NO_MORE_KEYS.
   * Unknown keys and repeated ones are reported and passed over. Go through
   * the object to its end; afterwards the path is that of the object again.
   */
  nextKey(known: StaticArray<string>): i32 {
    this.path.leaveKey();
    while (this.take() == JsonToken.KEY) {
      const place = this.placeOfKey(known);
      this.path.setKey(this.scanner.tokenStart, this.scanner.tokenEnd, this.scanner.hasEscapes);
      if (place < 0) this.faultUnknown(known);
      else if (this.path.meet(place)) return place;
      else this.fault("is written twice: keep one of them");
      this.skip();
      this.path.leaveKey();
    }
    this.path.leave();
    return NO_MORE_KEYS;
  }

  /** Whether the value is a list, now to be read by `nextElement`; `expected` names it in the fault. */
  beginArray(expected: string): bool {
    return this.begin(JsonToken.ARRAY_START, expected);
  }

  private begin(start: i32, expected: string): bool {
    const token = this.take();
    if (token != start) {
      this.refuse(token, expected);
      return false;
    }
    this.path.enter();
    return true;
  }

  /** The place of the element that comes next, or -1 when the list ends, after which the path is that of the list again. */
  nextElement(): i32 {
    // The place counts up first: if the text breaks here, it breaks within this element.
    const index = this.path.nextIndex();
    const token = this.take();
    if (token == JsonToken.ARRAY_END || token == JsonToken.ERROR) {
      this.path.leave();
      return -1;
    }
    this.ahead = token;
    return index;
  }

  /** Passes over the rest of the list in hand, beginning with the element that `nextElement` has announced. */
  skipElements(): void {
    // Of the element that was announced only the first token is read.
    this.skip();
    this.scanner.skipContainer();
    this.noticeBreak();
    this.path.leave();
  }

  /** The string, or null when the value is none or empty, which has been reported. */
  readString(expected: string): string | null {
    const token = this.take();
    if (token != JsonToken.STRING) {
      this.refuse(token, expected);
      return null;
    }
    const length = <i32>(this.scanner.tokenEnd - this.scanner.tokenStart);
    if (length == 0) {
      this.fault(`is empty: expected ${expected}`);
      return null;
    }
    if (length > MAX_STRING_BYTES) {
      this.fault(`is ${decimal(length)} bytes long: use at most ${decimal(MAX_STRING_BYTES)}`);
      return null;
    }
    if (!isValidUtf8(this.scanner.tokenStart, length)) {
      this.fault(`${quoted(this.text())} is not UTF-8: save the file as UTF-8`);
      return null;
    }
    return this.text();
  }

  /**
   * Is the value a string of UTF-8 that is not empty, of at most MAX_DECODED_BYTES if it has escapes? Its text lies from `textStart`
   * to before `textEnd` then, and may be more than `readString` takes. The value is not taken yet.
   *
   * Istio writes the `>` of each subject as an escape (Go's encoding/json), so a large policy consists of such strings.
   */
  get atText(): bool {
    if (this.peek() != JsonToken.STRING) return false;
    const start = this.scanner.tokenStart;
    const end = this.scanner.tokenEnd;
    const length = <i32>(end - start);
    if (length == 0 || !isValidUtf8(start, length)) return false;
    this.textStart = start;
    this.textEnd = end;
    if (!this.scanner.hasEscapes) return true;
    if (length > MAX_DECODED_BYTES) return false;
    this.textStart = decoded;
    this.textEnd = decoded + <usize>decodeString(start, end, decoded);
    return true;
  }

  /** The place in `words` of the word read, or -1 for a fault that has been reported. */
  readWord(words: StaticArray<string>): i32 {
    const word = this.readString(listed(words));
    if (word === null) return -1;
    const place = words.indexOf(word);
    if (place < 0) {
      const meant = nearest(word, words);
      const remedy = meant.length == 0 ? listed(words) : meant;
      this.fault(`${quoted(word)} is not known here: write ${remedy}`);
    }
    return place;
  }

  /** The whole number from `least` to `most`, or NO_INTEGER for a fault that has been reported. */
  readInteger(least: i64, most: i64, expected: string): i64 {
    const token = this.take();
    if (token != JsonToken.NUMBER) {
      this.refuse(token, expected);
      return NO_INTEGER;
    }
    // Istio hands every number over as a double: 4096 may be written 4.096e+03.
    const value = numberOf(this.scanner.tokenStart, this.scanner.tokenEnd);
    if (!(value >= <f64>least && value <= <f64>most)) {
      this.fault(`${this.shown()} is outside of ${whole(least)} to ${whole(most)}: write ${expected} within them`);
      return NO_INTEGER;
    }
    if (Math.floor(value) != value) {
      this.fault(`${this.shown()} is not a whole number: write ${expected}`);
      return NO_INTEGER;
    }
    return <i64>value;
  }

  /** Whether the value is true or false, not taken yet. */
  get atBoolean(): bool {
    const token = this.peek();
    return token == JsonToken.TRUE || token == JsonToken.FALSE;
  }

  /** Whether the value is a string, not taken yet. */
  get atString(): bool {
    return this.peek() == JsonToken.STRING;
  }

  /** The value, which `atBoolean` has found to be one. */
  readBoolean(): bool {
    return this.take() == JsonToken.TRUE;
  }

  /** Passes over the value. */
  skip(): void {
    this.skipBehind(this.take());
  }

  /** Reports what follows the document, if anything does. */
  finish(): void {
    if (!this.broken) this.take();
  }

  private peek(): i32 {
    if (this.ahead < 0) this.ahead = this.take();
    return this.ahead;
  }

  private take(): i32 {
    const ahead = this.ahead;
    if (ahead >= 0) {
      this.ahead = -1;
      return ahead;
    }
    const token = this.scanner.next();
    if (token == JsonToken.ERROR) this.noticeBreak();
    return token;
  }

  private noticeBreak(): void {
    if (this.broken || this.scanner.errorOffset < 0) return;
    this.broken = true;
    this.fault(`is not JSON: ${this.scanner.errorText()}`);
  }

  private refuse(token: i32, expected: string): void {
    if (token == JsonToken.ERROR) return;
    this.fault(`expected ${expected}, found ${found(token)}`);
    this.skipBehind(token);
  }

  /** Passes over the rest of the value of which this is the first token. */
  private skipBehind(token: i32): void {
    if (token != JsonToken.OBJECT_START && token != JsonToken.ARRAY_START) return;
    this.scanner.skipContainer();
    this.noticeBreak();
  }

  private faultUnknown(known: StaticArray<string>): void {
    // To find which key was meant takes some 35 µs, and a text may be wrong throughout.
    if (this.faults.isFull) return this.fault("");
    const key = this.text();
    const meant = nearest(key, known);
    // `allow` in a rule is not the beginning of `allow_responses`, but a key of publish and subscribe.
    const isNone = meant.length == 0 || (key.length < meant.length && meant.charCodeAt(key.length) == Ascii.UNDERSCORE);
    this.fault(isNone ? `unknown key: the keys here are ${listed(known)}` : `unknown key: did you mean ${meant}?`);
  }

  /** Compares bytes, so that the known keys of 10,000 rules make no strings. */
  private placeOfKey(known: StaticArray<string>): i32 {
    if (this.scanner.hasEscapes) return known.indexOf(this.text());
    const start = this.scanner.tokenStart;
    const length = <i32>(this.scanner.tokenEnd - start);
    for (let i = 0; i < known.length; i++) {
      if (isText(start, length, known[i])) return i;
    }
    return -1;
  }

  /** The number as written, cut to what a line bears. */
  private shown(): string {
    const start = this.scanner.tokenStart;
    const length = min(<i32>(this.scanner.tokenEnd - start), SHOWN_NUMBER);
    return String.UTF8.decodeUnsafe(start, <usize>length);
  }

  private text(): string {
    return textOf(this.scanner.tokenStart, this.scanner.tokenEnd, this.scanner.hasEscapes);
  }
}

function whole(value: i64): string {
  return (value < 0 ? "-" : "") + decimal(abs(value));
}
