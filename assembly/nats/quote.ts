/**
 * The inside of Go's `%q`, in which nats-server puts every subject and queue into its texts:
 * fmt's `fmtQ`, that is strconv's `appendEscapedRune` for the quote `"`. Nothing here allocates.
 */
import { Ascii } from "../bytes/ascii";
import { copyShort } from "../bytes/copy";
import { hexDigit } from "../bytes/digits";
import { decodeRune, runeWidth } from "../bytes/utf8";
import { VECTOR_BYTES } from "../bytes/vector";
import { PRINTABLE_BEYOND, PRINTABLE_BMP } from "./printable";

/**
 * No text grows by more: one byte becomes at most `\xNN`, two become `\uNNNN`, three too, four `\UNNNNNNNN`.
 * Room of `length * QUOTED_GROWTH` is therefore always enough.
 */
export const QUOTED_GROWTH: i32 = 4;

/** How one rune, or one byte that begins none, is written. The values are the lengths, except of VERBATIM. */
const enum Form {
  VERBATIM = 0,
  LETTER = 2,
  HEX_2 = 4,
  HEX_4 = 6,
  HEX_8 = 10,
}

/** The letters of `\a` to `\r` (0x07 to 0x0d), in that order. */
const CONTROL_LETTERS: StaticArray<u8> = [0x61, 0x62, 0x74, 0x6e, 0x76, 0x66, 0x72];
const FIRST_LETTERED: u32 = 0x07;

/** Whether an odd number of `table`'s boundaries lie at or below `rune`: then it is inside a printable run. */
function insideRun<T>(table: StaticArray<T>, rune: u32): bool {
  let low = 0;
  let high = table.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (<u32>unchecked(table[middle]) <= rune) low = middle + 1;
    else high = middle;
  }
  return (low & 1) == 1;
}

/** Go's strconv.IsPrint: letters, marks, numbers, punctuation, symbols and the ASCII space. Exported for specs. */
export function isPrintable(rune: u32): bool {
  if (rune < <u32>Ascii.DELETE) return rune >= <u32>Ascii.SPACE;
  return rune > 0xffff ? insideRun<u32>(PRINTABLE_BEYOND, rune) : insideRun<u16>(PRINTABLE_BMP, rune);
}

function asciiForm(byte: u32): Form {
  if (byte == Ascii.QUOTE || byte == Ascii.BACKSLASH) return Form.LETTER;
  if (byte >= <u32>Ascii.SPACE) return byte == Ascii.DELETE ? Form.HEX_2 : Form.VERBATIM;
  return byte - FIRST_LETTERED < <u32>CONTROL_LETTERS.length ? Form.LETTER : Form.HEX_2;
}

/** `rune` is what `decodeRune` answered, so -1 for a byte that is no UTF-8. */
// @ts-ignore: decorator
@inline
function formOf(rune: i32): Form {
  if (rune < 0) return Form.HEX_2;
  if (rune < 0x80) return asciiForm(<u32>rune);
  if (isPrintable(<u32>rune)) return Form.VERBATIM;
  return rune > 0xffff ? Form.HEX_8 : Form.HEX_4;
}

/** Writes `\`, `letter` and the last `digits` hexadecimal digits of `value`. */
function writeHex(out: usize, letter: u8, value: u32, digits: i32): void {
  store<u8>(out, <u8>Ascii.BACKSLASH);
  store<u8>(out, letter, 1);
  out += 2;
  for (let shift = (digits - 1) * 4; shift >= 0; shift -= 4) {
    store<u8>(out++, hexDigit(value >>> (<u32>shift)));
  }
}

/**
 * Which of the sixteen bytes at `pointer` `%q` may not write as they are, as bits: all but printable ASCII, and of that `"` and
 * `\`.
 */
// @ts-ignore: decorator
@inline
function oddAt(pointer: usize): i32 {
  const bytes = v128.load(pointer);
  // Compared as signed numbers, so that bytes beyond ASCII are negative and less than a blank too.
  const controls = i8x16.lt_s(bytes, i8x16.splat(<i8>Ascii.SPACE));
  const deletes = i8x16.eq(bytes, i8x16.splat(<i8>Ascii.DELETE));
  const quotes = i8x16.eq(bytes, i8x16.splat(<i8>Ascii.QUOTE));
  const slashes = i8x16.eq(bytes, i8x16.splat(<i8>Ascii.BACKSLASH));
  return i8x16.bitmask(v128.or(v128.or(controls, deletes), v128.or(quotes, slashes)));
}

/**
 * The number of bytes, from the first on, that are printable ASCII but for `"` and `\`, so that `%q` writes them as they are.
 */
function plainLength(pointer: usize, length: i32): i32 {
  let i = 0;
  for (; i + <i32>VECTOR_BYTES <= length; i += <i32>VECTOR_BYTES) {
    const odd = oddAt(pointer + <usize>i);
    if (odd != 0) return i + ctz(odd);
  }
  if (i == length) return i;
  if (length >= <i32>VECTOR_BYTES) {
    // The last sixteen bytes, some of which have been looked at already.
    const odd = oddAt(pointer + <usize>(length - <i32>VECTOR_BYTES));
    return odd == 0 ? length : length - <i32>VECTOR_BYTES + ctz(odd);
  }
  for (; i < length; i++) {
    const byte = <u32>load<u8>(pointer + <usize>i);
    if (byte >= <u32>Ascii.DELETE || asciiForm(byte) != Form.VERBATIM) break;
  }
  return i;
}

/**
 * Writes the text at `pointer` to `out` as Go's `%q` does, without the outer quotes, and answers the bytes written.
 * `out` has room for `length * QUOTED_GROWTH` bytes and does not overlap the text.
 */
export function writeQuoted(pointer: usize, length: i32, out: usize): i32 {
  const start = out;
  // Almost all names are plain ASCII to their end.
  let i = plainLength(pointer, length);
  copyShort(out, pointer, i);
  out += <usize>i;
  while (i < length) {
    const from = pointer + <usize>i;
    const rune = decodeRune(from, length - i);
    const width = runeWidth(rune);
    const form = formOf(rune);
    switch (form) {
      case Form.VERBATIM: {
        memory.copy(out, from, <usize>width);
        out += <usize>width;
        break;
      }
      case Form.LETTER: {
        store<u8>(out, <u8>Ascii.BACKSLASH);
        const letter = rune >= Ascii.SPACE ? <u8>rune : unchecked(CONTROL_LETTERS[rune - <i32>FIRST_LETTERED]);
        store<u8>(out, letter, 1);
        break;
      }
      case Form.HEX_2: {
        writeHex(out, 0x78 /* x */, <u32>load<u8>(from), 2);
        break;
      }
      case Form.HEX_4: {
        writeHex(out, 0x75 /* u */, <u32>rune, 4);
        break;
      }
      default: {
        writeHex(out, 0x55 /* U */, <u32>rune, 8);
      }
    }
    out += <usize>(<i32>form);
    i += width;
  }
  return <i32>(out - start);
}
