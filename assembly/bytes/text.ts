/** The text as UTF-8. */
export function utf8(text: string): StaticArray<u8> {
  const length = String.UTF8.byteLength(text);
  const bytes = new StaticArray<u8>(length);
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, changetype<usize>(bytes));
  return bytes;
}

/**
 * The first `most` UTF-16 units of a text, or one less where the cut would part a character of two units: half of it is no UTF-8,
 * and with it a log's line, an audit record or a stat's name were none.
 */
export function beginning(text: string, most: i32): string {
  if (text.length > most && (text.charCodeAt(most - 1) & 0xfc00) == 0xd800) most--;
  return text.substring(0, most);
}
