/** The text as UTF-8. It is made once for each constant, so that nothing on a connection's path turns a string into bytes. */
export function utf8(text: string): StaticArray<u8> {
  const length = String.UTF8.byteLength(text);
  const bytes = new StaticArray<u8>(length);
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, changetype<usize>(bytes));
  return bytes;
}

/** The address of the bytes, which is valid as long as somebody holds `bytes`: the collector moves nothing. */
// @ts-ignore: decorator
@inline
export function addressOf(bytes: StaticArray<u8>): usize {
  return changetype<usize>(bytes);
}
