import { utf8 } from "../../assembly/bytes/text";

/** What is tested holds bare addresses, so the bytes stay for as long as the spec runs. */
const kept: StaticArray<u8>[] = [];

/** The address of these bytes, valid until the spec ends. */
export function keep(bytes: StaticArray<u8>): usize {
  kept.push(bytes);
  return changetype<usize>(bytes);
}

/** The address of the text's UTF-8, valid until the spec ends. */
export function pointerTo(text: string): usize {
  return keep(utf8(text));
}

export function lengthOf(text: string): i32 {
  return String.UTF8.byteLength(text);
}

/** The text of these bytes; "" for length 0, whatever the address. */
export function textAt(pointer: usize, length: i32): string {
  return length == 0 ? "" : String.UTF8.decodeUnsafe(pointer, <usize>length);
}

/** Bytes that `counting` has to be looked at. */
export const LONGEST: i32 = 40;

/** Bytes 1, 2, 3 … with one more at each end that is not compared. */
export function counting(outside: u8): usize {
  const bytes = new StaticArray<u8>(LONGEST + 2);
  bytes[0] = outside;
  for (let i = 1; i <= LONGEST; i++) bytes[i] = <u8>i;
  bytes[LONGEST + 1] = outside;
  return keep(bytes) + 1;
}
