import { Ascii } from "../bytes/ascii";
import { startsWith } from "../bytes/compare";
import { FixedText, fixedText } from "../bytes/fixed-text";
import { VECTOR_BYTES } from "../bytes/vector";
import { SHORTEST_BLOCK } from "./headers";
import { firstOf } from "./words";

/**
 * What a client's library takes for blanks in a control line. Where that is more than nats-server does, what
 * `PUB orders.a<FF>2` sends comes to the subscription 2 of whoever reads `orders.*`, whatever that is to, and a reply subject with
 * such a blank ends the reader's connection, or makes lines of the payload (tried with nats-py 2.16, the parser of nats-pure 2.5,
 * async-nats 0.49, nats 1.4 for Node and nats-tcl 3.2).
 */
export const enum LibraryBlanks {
  /** No more than nats-server does. */
  USUAL = 0,
  /** VT and FF too: `\s` in regular expressions of Python and Ruby. */
  VERTICAL = 1,
  /** These, and in an HMSG all of Unicode's: Rust's `split_whitespace` (async-nats connection.rs, `try_read_op`). */
  UNICODE = 2,
  /** VT, FF and each byte 0xa0: `\s` in regular expressions of JavaScript, over bytes read as Latin-1 (nats 1.x for Node, ts-nats). */
  LATIN = 3,
  /** VT and FF, and what else is no plain word of a list: nats-tcl takes the line for one (the manual of Tcl, `list`). */
  TCL = 4,
}

const RUST: FixedText = fixedText("rust");
/** How `lang` begins in CONNECTs of nats-py, and of nats-pure under Ruby's engines. */
const VERTICAL_LANGS: StaticArray<FixedText> = [
  fixedText("python"),
  fixedText("ruby"),
  fixedText("jruby"),
  fixedText("truffleruby"),
];

/** nats 1.x for Node writes just this, and later ones something longer; they have a reader of their own. */
const NODE: FixedText = fixedText("node");
const TYPESCRIPT: FixedText = fixedText("typescript");
const TCL: FixedText = fixedText("Tcl");

const VT: u8 = 0x0b;
const FF: u8 = 0x0c;
const LATIN_BLANK: u8 = 0xa0;
const LEFT_BRACE: u8 = 0x7b;

/** What the library takes for blanks that calls its language so in CONNECT. */
export function blanksOf(lang: usize, length: i32): LibraryBlanks {
  if (startsWith(lang, length, RUST)) return LibraryBlanks.UNICODE;
  for (let i = 0; i < VERTICAL_LANGS.length; i++) {
    if (startsWith(lang, length, unchecked(VERTICAL_LANGS[i]))) return LibraryBlanks.VERTICAL;
  }
  if (startsWith(lang, length, TCL)) return LibraryBlanks.TCL;
  if (startsWith(lang, length, TYPESCRIPT)) return LibraryBlanks.LATIN;
  if (length == NODE.length && startsWith(lang, length, NODE)) return LibraryBlanks.LATIN;
  return LibraryBlanks.USUAL;
}

/**
 * Are there MSGs that a library which knows these blanks takes for others, though nothing in them is a blank or control character of
 * ASCII? The short ways look for no more than these.
 */
export function mayMisreadMsg(blanks: LibraryBlanks): bool {
  return blanks >= LibraryBlanks.LATIN;
}

/** In place of the length of headers: a MSG, which has none. */
export const NO_HEADERS: i32 = -1;

/**
 * Does a library that knows these blanks, which are more than the USUAL ones, take the subject or the reply subject (of length 0: none)
 * of a delivery for two arguments, or for the end of the line, or read nothing more behind headers of so many bytes?
 */
export function isMisreadBy(
  blanks: LibraryBlanks,
  headerLength: i32,
  subject: usize,
  length: i32,
  reply: usize,
  replyLength: i32,
): bool {
  const withHeaders = headerLength != NO_HEADERS;
  if (withHeaders && isDeafBehind(blanks, headerLength)) return true;
  return isSplitBy(blanks, withHeaders, subject, length) || isSplitBy(blanks, withHeaders, reply, replyLength);
}

/**
 * Does a library that knows these blanks, which are more than the USUAL ones, take one of the bytes of a subject for one, in an HMSG if
 * `withHeaders`? Fifteen bytes behind the subject must be memory, and the first of them no part of a character.
 * Exported for specs.
 */
export function isSplitBy(blanks: LibraryBlanks, withHeaders: bool, subject: usize, length: i32): bool {
  const end = subject + <usize>length;
  if (blanks == LibraryBlanks.TCL && isNoWordOfTcl(subject, end)) return true;
  if (isPlain(subject, length)) return false;
  if (firstOf(VT, FF, subject, end) < end) return true;
  if (blanks == LibraryBlanks.LATIN) return firstOf(LATIN_BLANK, LATIN_BLANK, subject, end) < end;
  return withHeaders && blanks == LibraryBlanks.UNICODE && hasWideBlank(subject, length);
}

/**
 * Does a library that knows these blanks read nothing more behind headers of so many bytes? nats-py does so behind up to eight (2.16,
 * tried). nats-pure is asked no less, as no library writes less than SHORTEST_BLOCK.
 */
function isDeafBehind(blanks: LibraryBlanks, headerLength: i32): bool {
  return blanks == LibraryBlanks.VERTICAL && headerLength < SHORTEST_BLOCK;
}

/**
 * Does Tcl read these bytes, in a list, otherwise than as they stand? A brace or quote at the beginning must be closed before a blank, and
 * a backslash changes what follows, the blank behind the word too.
 */
function isNoWordOfTcl(word: usize, end: usize): bool {
  if (word == end) return false;
  const first = load<u8>(word);
  return (
    first == LEFT_BRACE || first == Ascii.QUOTE || firstOf(<u8>Ascii.BACKSLASH, <u8>Ascii.BACKSLASH, word, end) < end
  );
}

/** Are all of these bytes visible ASCII characters, as nearly always? */
function isPlain(pointer: usize, length: i32): bool {
  const lowest = i8x16.splat(0x21);
  const end = pointer + <usize>length;
  for (let p = pointer; p < end; p += VECTOR_BYTES) {
    // As a signed byte, one beyond ASCII is less than 0.
    const found = i8x16.bitmask(i8x16.lt_s(v128.load(p), lowest));
    if (found != 0) return p + <usize>ctz(found) >= end;
  }
  return true;
}

/**
 * Is one of these characters a blank of Unicode beyond ASCII (White_Space in PropList.txt)? Two bytes behind them, which are no part
 * of a character, must be memory.
 */
function hasWideBlank(pointer: usize, length: i32): bool {
  for (let p = pointer; p < pointer + <usize>length; p++) {
    const last = load<u8>(p, 2);
    // Two bytes of UTF-8, as they lie in memory.
    switch (load<u16>(p)) {
      case 0x85c2: // U+0085
      case 0xa0c2: // U+00A0
        return true;
      case 0x9ae1: // U+1680
      case 0x80e3: // U+3000
        if (last == 0x80) return true;
        break;
      case 0x80e2: // U+2000 to U+200A, U+2028, U+2029, U+202F
        if (<u8>(last - 0x80) <= 0x0a || last == 0xa8 || last == 0xa9 || last == 0xaf) return true;
        break;
      case 0x81e2: // U+205F
        if (last == 0x9f) return true;
        break;
    }
  }
  return false;
}
