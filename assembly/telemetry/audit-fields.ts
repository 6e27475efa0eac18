import { Ascii } from "../bytes/ascii";
import { decimal, hexDigit } from "../bytes/digits";
import { beginning } from "../bytes/text";
import { MOST_SHOWN, quotedBytes } from "./quoted-bytes";

/** Fields of an audit record, in JSON, each with the comma before it. */

/** Bytes of a subject, reply or queue that a record shows; the rest is cut and marked. */
const SHOWN_BYTES: i32 = MOST_SHOWN;

/** UTF-16 units of a text that are shown, since a certificate may name any URI. */
const SHOWN_UNITS: i32 = 2048;

/** A field with a number. */
export function numberField(name: string, value: u64): string {
  return ',"' + name + '":' + decimal(value);
}

/** A field with a text. */
export function textField(name: string, value: string): string {
  if (value.length > SHOWN_UNITS) value = beginning(value, SHOWN_UNITS) + "…";
  return ',"' + name + '":"' + escape(value) + '"';
}

/** A field with a subject, reply or queue, quoted as nats-server quotes it. */
export function bytesField(name: string, pointer: usize, length: i32): string {
  const text = quotedBytes(pointer, length, SHOWN_BYTES);
  return textField(name, length > SHOWN_BYTES ? text + "…" : text);
}

/** JSON string escapes; `text` comes from quoting, configuration or certificates. */
function escape(text: string): string {
  let length = text.length;
  for (let i = 0; i < text.length; i++) length += growthOf(text.charCodeAt(i));
  if (length == text.length) return text;
  // Written into one block: a string to which units are added is copied for each of them.
  const area = heap.alloc((<usize>length) << 1);
  let p = area;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const growth = growthOf(c);
    if (growth > 0) {
      store<u16>(p, Ascii.BACKSLASH);
      p += 2;
    }
    if (growth > 1) {
      // `u00` and the higher digit of two, which is at most 7.
      store<u64>(p, 0x0030_0030_0030_0075 + ((<u64>(c >> 4)) << 48));
      p += 8;
    }
    store<u16>(p, growth > 1 ? hexDigit(c) : c);
    p += 2;
  }
  const escaped = String.UTF16.decodeUnsafe(area, (<usize>length) << 1);
  heap.free(area);
  return escaped;
}

/** By how many units a unit is longer when it is escaped: as `\"`, `\\` or `\u0001`. */
function growthOf(c: i32): i32 {
  if (c == Ascii.QUOTE || c == Ascii.BACKSLASH) return 1;
  return c < Ascii.SPACE || c == Ascii.DELETE ? 5 : 0;
}
