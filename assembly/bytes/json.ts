import { Ascii, CASE_BIT, isDigit } from "./ascii";
import { decimal } from "./digits";
import { FixedText, fixedText } from "./fixed-text";
import { JsonProblem, describeByte, problemText } from "./json-problem";

export { decodeString, integerOf, isInteger, numberOf, textOf } from "./json-values";

/** What `JsonScanner.next` has read. */
export const enum JsonToken {
  /** The document is complete and only blanks followed. */
  END,
  /** The document is not JSON; `errorOffset` and `errorText()` say where and why. */
  ERROR,
  OBJECT_START,
  OBJECT_END,
  ARRAY_START,
  ARRAY_END,
  KEY,
  STRING,
  NUMBER,
  TRUE,
  FALSE,
  NULL,
}

/** Go's encoding/json refuses what nests deeper (maxNestingDepth), and so do we: one bit a level. */
export const MAX_DEPTH: i32 = 10000;

/** Bytes of the levels of one scanner. */
const DEPTH_BYTES: usize = (MAX_DEPTH + 7) / 8;

const TRUE: FixedText = fixedText("true");
const FALSE: FixedText = fixedText("false");
const NULL: FixedText = fixedText("null");

const enum State {
  /** A value must come: at the top, after a key, after a comma in an array. */
  VALUE,
  FIRST_KEY,
  FIRST_ELEMENT,
  AFTER_VALUE,
  FAILED,
}

// @ts-ignore: decorator
@inline
function isHexDigit(byte: i32): bool {
  return isDigit(byte) || <u32>((byte | CASE_BIT) - 0x61) < 6; // a to f
}

/**
 * The address of the first byte from `at` on that is a quote, a backslash or a control character, none of which a string simply
 * contains; `end` without any.
 */
function behindPlain(at: usize, end: usize): usize {
  while (end - at >= 16) {
    const bytes = v128.load(at);
    const marks = v128.or(
      i8x16.eq(bytes, i8x16.splat(<i8>Ascii.QUOTE)),
      i8x16.eq(bytes, i8x16.splat(<i8>Ascii.BACKSLASH)),
    );
    const special = i8x16.bitmask(v128.or(marks, i8x16.lt_u(bytes, i8x16.splat(<i8>Ascii.SPACE))));
    if (special != 0) return at + <usize>ctz(special);
    at += 16;
  }
  for (; at < end; at++) {
    const byte: i32 = load<u8>(at);
    if (byte == Ascii.QUOTE || byte == Ascii.BACKSLASH || byte < Ascii.SPACE) break;
  }
  return at;
}

/**
 * Reads JSON in place, one token a call, and allocates nothing while it does.
 * It accepts exactly what Go's encoding/json accepts (RFC 8259, 10,000 levels,
 * invalid UTF-8 and lone surrogates within strings tolerated), since
 * nats-server reads CONNECT by that. The bytes must not move or change before
 * the last token has been used. It lies outside the collector's heap, for which
 * each of its functions would keep it on the shadow stack (docs/adr/0007).
 */
@unmanaged
@final
export class JsonScanner {
  /** First byte of the token; for KEY and STRING the first within the quotes. */
  tokenStart: usize = 0;
  /** Behind the last byte of the token; for KEY and STRING that of the quote. */
  tokenEnd: usize = 0;
  /** Whether the KEY or STRING must go through `decodeString`. */
  hasEscapes: bool = false;
  /** Where the document stops being JSON, in bytes from its start; -1 while it is. */
  errorOffset: i32 = -1;

  private start: usize = 0;
  private at: usize = 0;
  private end: usize = 0;
  private state: i32 = State.VALUE;
  private problem: i32 = JsonProblem.NONE;
  private depth: i32 = 0;
  /** Where there is a bit for each level: set for an object, clear for an array. */
  private readonly levels: usize = heap.alloc(DEPTH_BYTES);

  /** Begins anew with the document in [start, end). */
  reset(start: usize, end: usize): void {
    this.start = start;
    this.at = start;
    this.end = max(start, end);
    this.tokenStart = start;
    this.tokenEnd = start;
    this.hasEscapes = false;
    this.errorOffset = -1;
    this.state = State.VALUE;
    this.problem = JsonProblem.NONE;
    this.depth = 0;
  }

  /** Gives back its memory. */
  destroy(): void {
    heap.free(this.levels);
    heap.free(changetype<usize>(this));
  }

  /** Behind all that has been read: directly behind a value that was just read or passed over. */
  get position(): usize {
    return this.at;
  }

  /** The next token, a JsonToken. After ERROR always ERROR, after END always END. */
  next(): i32 {
    this.skipBlanks();
    switch (this.state) {
      case State.VALUE:
        return this.value();
      case State.FIRST_KEY:
        if (this.peek() == Ascii.RIGHT_BRACE) return this.close(JsonToken.OBJECT_END);
        return this.key();
      case State.FIRST_ELEMENT:
        if (this.peek() == Ascii.RIGHT_BRACKET) return this.close(JsonToken.ARRAY_END);
        return this.value();
      case State.AFTER_VALUE:
        return this.afterValue();
    }
    return JsonToken.ERROR;
  }

  /** Passes over the rest of the object or array in hand, its end included. */
  skipContainer(): bool {
    const outside = this.depth - 1;
    if (outside < 0) return false;
    while (this.depth > outside) {
      if (this.next() == JsonToken.ERROR) return false;
    }
    return true;
  }

  /** Why the document is not JSON, in one line without an end; "" while it is. */
  errorText(): string {
    if (this.problem == JsonProblem.NONE) return "";
    const at = this.start + <usize>this.errorOffset;
    const found = at < this.end ? describeByte(load<u8>(at)) : "the end of the text";
    return `${problemText(this.problem)}, found ${found} at byte ${decimal(this.errorOffset)}`;
  }

  // @ts-ignore: decorator
  @inline
  private peek(): i32 {
    return this.at < this.end ? <i32>load<u8>(this.at) : -1;
  }

  private fail(problem: i32): i32 {
    this.state = State.FAILED;
    this.problem = problem;
    this.errorOffset = <i32>(this.at - this.start);
    return JsonToken.ERROR;
  }

  private skipBlanks(): void {
    let at = this.at;
    const end = this.end;
    while (at < end) {
      const byte = load<u8>(at);
      if (byte != Ascii.SPACE && byte != Ascii.LF && byte != Ascii.CR && byte != Ascii.TAB) break;
      at++;
    }
    this.at = at;
  }

  // @ts-ignore: decorator
  @inline
  private inObject(): bool {
    const level = this.depth - 1;
    return ((load<u8>(this.levels + <usize>(level >> 3)) >> ((<u8>level) & 7)) & 1) != 0;
  }

  private open(token: i32): i32 {
    const level = this.depth;
    if (level >= MAX_DEPTH) return this.fail(JsonProblem.TOO_DEEP);
    const byte = this.levels + <usize>(level >> 3);
    const bit: u8 = 1 << ((<u8>level) & 7);
    const isObject = token == JsonToken.OBJECT_START;
    const rest = load<u8>(byte) & ~bit;
    store<u8>(byte, isObject ? rest | bit : rest);
    this.depth = level + 1;
    this.state = isObject ? State.FIRST_KEY : State.FIRST_ELEMENT;
    return this.single(token);
  }

  private close(token: i32): i32 {
    this.depth--;
    this.state = State.AFTER_VALUE;
    return this.single(token);
  }

  private single(token: i32): i32 {
    this.tokenStart = this.at;
    this.at++;
    this.tokenEnd = this.at;
    return token;
  }

  private afterValue(): i32 {
    const byte = this.peek();
    if (this.depth == 0) return byte < 0 ? JsonToken.END : this.fail(JsonProblem.EXPECTED_END);
    const inObject = this.inObject();
    if (byte == Ascii.COMMA) {
      this.at++;
      this.skipBlanks();
      return inObject ? this.key() : this.value();
    }
    if (inObject) {
      if (byte == Ascii.RIGHT_BRACE) return this.close(JsonToken.OBJECT_END);
      return this.fail(JsonProblem.EXPECTED_COMMA_OR_BRACE);
    }
    if (byte == Ascii.RIGHT_BRACKET) return this.close(JsonToken.ARRAY_END);
    return this.fail(JsonProblem.EXPECTED_COMMA_OR_BRACKET);
  }

  private key(): i32 {
    if (this.peek() != Ascii.QUOTE) return this.fail(JsonProblem.EXPECTED_KEY);
    if (this.string(JsonToken.KEY) == JsonToken.ERROR) return JsonToken.ERROR;
    this.skipBlanks();
    if (this.peek() != Ascii.COLON) return this.fail(JsonProblem.EXPECTED_COLON);
    this.at++;
    this.state = State.VALUE;
    return JsonToken.KEY;
  }

  private value(): i32 {
    const byte = this.peek();
    switch (byte) {
      case Ascii.LEFT_BRACE:
        return this.open(JsonToken.OBJECT_START);
      case Ascii.LEFT_BRACKET:
        return this.open(JsonToken.ARRAY_START);
      case Ascii.QUOTE:
        return this.string(JsonToken.STRING);
      case 0x74: // t
        return this.literal(TRUE, JsonToken.TRUE);
      case 0x66: // f
        return this.literal(FALSE, JsonToken.FALSE);
      case 0x6e: // n
        return this.literal(NULL, JsonToken.NULL);
    }
    if (byte == Ascii.DASH || isDigit(byte)) return this.number();
    return this.fail(JsonProblem.EXPECTED_VALUE);
  }

  private literal(word: FixedText, token: i32): i32 {
    this.tokenStart = this.at;
    for (let i = 0, length = word.length; i < length; i++) {
      if (this.peek() != <i32>load<u8>(word.pointer + <usize>i)) {
        return this.fail(JsonProblem.BAD_LITERAL);
      }
      this.at++;
    }
    this.tokenEnd = this.at;
    this.state = State.AFTER_VALUE;
    return token;
  }

  private string(token: i32): i32 {
    this.at++;
    this.tokenStart = this.at;
    this.hasEscapes = false;
    while (true) {
      this.at = behindPlain(this.at, this.end);
      if (this.at >= this.end) return this.fail(JsonProblem.UNFINISHED_STRING);
      const byte: i32 = load<u8>(this.at);
      if (byte < Ascii.SPACE) return this.fail(JsonProblem.CONTROL_CHARACTER);
      if (byte == Ascii.QUOTE) break;
      this.at++;
      if (!this.escape()) return JsonToken.ERROR;
    }
    this.tokenEnd = this.at;
    this.at++;
    this.state = State.AFTER_VALUE;
    return token;
  }

  private escape(): bool {
    this.hasEscapes = true;
    const byte = this.peek();
    switch (byte) {
      case Ascii.QUOTE:
      case Ascii.BACKSLASH:
      case Ascii.SLASH:
      case 0x62: // b
      case 0x66: // f
      case 0x6e: // n
      case 0x72: // r
      case 0x74: // t
        this.at++;
        return true;
      case 0x75: // u
        this.at++;
        for (let i = 0; i < 4; i++) {
          if (!isHexDigit(this.peek())) {
            this.fail(JsonProblem.BAD_ESCAPE);
            return false;
          }
          this.at++;
        }
        return true;
    }
    this.fail(byte < 0 ? JsonProblem.UNFINISHED_STRING : JsonProblem.BAD_ESCAPE);
    return false;
  }

  private digits(): bool {
    if (!isDigit(this.peek())) return false;
    while (isDigit(this.peek())) this.at++;
    return true;
  }

  private number(): i32 {
    this.tokenStart = this.at;
    if (this.peek() == Ascii.DASH) this.at++;
    // A leading zero stands alone: in 01 the 1 is what should not be there.
    if (this.peek() == Ascii.ZERO) this.at++;
    else if (!this.digits()) return this.fail(JsonProblem.BAD_NUMBER);
    if (this.peek() == Ascii.DOT) {
      this.at++;
      if (!this.digits()) return this.fail(JsonProblem.BAD_NUMBER);
    }
    // An e, large or small.
    if ((this.peek() | CASE_BIT) == 0x65) {
      this.at++;
      const sign = this.peek();
      if (sign == Ascii.PLUS || sign == Ascii.DASH) this.at++;
      if (!this.digits()) return this.fail(JsonProblem.BAD_NUMBER);
    }
    this.tokenEnd = this.at;
    this.state = State.AFTER_VALUE;
    return JsonToken.NUMBER;
  }
}
