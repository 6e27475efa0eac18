import { hasFreeBlock } from "../../assembly/bytes/linear-memory";
import { utf8 } from "../../assembly/bytes/text";

/** The code under test holds bare addresses, so the bytes stay for as long as the spec runs. */
const kept: StaticArray<u8>[] = [];

/** The address of these bytes, which is valid until the spec ends. */
export function keep(bytes: StaticArray<u8>): usize {
  kept.push(bytes);
  return changetype<usize>(bytes);
}

/** The address of so many zeros, which are an empty object where the code under test says so. */
export function zeros(length: i32): usize {
  return keep(new StaticArray<u8>(length));
}

/** The address of the text's UTF-8, which is valid until the spec ends. */
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

/**
 * Expects that all is given back that `run` takes. It answers a sum of the addresses that it was given: only if the heap is as it was
 * are they the same the second time.
 */
export function expectGivenBack(run: () => usize): void {
  const first = run();
  expect(run()).toBe(first);
}

/** Takes blocks until none of `size` bytes is free. Answers the last of them; each begins with the address of the one before. */
export function takeAllOf(size: usize): usize {
  let last: usize = 0;
  for (let asked: usize = 1 << 28; asked >= size; asked >>= 1) {
    while (hasFreeBlock(asked)) {
      const block = heap.alloc(asked);
      store<usize>(block, last);
      last = block;
    }
  }
  return last;
}

/** Frees what `takeAllOf` has answered. */
export function freeAll(last: usize): void {
  while (last != 0) {
    const before = load<usize>(last);
    heap.free(last);
    last = before;
  }
}

/** Bytes that `counting` has to read. */
export const LONGEST: i32 = 40;

/** Bytes 1, 2, 3 and so on, with one more at each end that is not compared. */
function counting(outside: u8): usize {
  const bytes = new StaticArray<u8>(LONGEST + 2);
  bytes[0] = outside;
  for (let i = 1; i <= LONGEST; i++) bytes[i] = <u8>i;
  bytes[LONGEST + 1] = outside;
  return keep(bytes) + 1;
}

/** Expects that `same` is true for equal bytes at every length, wherever they lie and whatever is around them. */
export function expectSameOfEqual(same: (a: usize, b: usize, length: i32) => bool): void {
  const a = counting(0xaa);
  const b = counting(0xbb);
  for (let length = 0; length <= LONGEST; length++) {
    store<u8>(b + <usize>length, 0xff);
    assert(same(a, b, length), `length ${length}`);
    store<u8>(b + <usize>length, <u8>(length + 1));
  }
}

/** Expects that `same` is false if `bits` of any byte differ, at any length. */
export function expectOtherForEachByte(bits: u8, same: (a: usize, b: usize, length: i32) => bool): void {
  const a = counting(0);
  const b = counting(0);
  for (let length = 1; length <= LONGEST; length++) {
    for (let at = 0; at < length; at++) {
      const place = b + <usize>at;
      const right = load<u8>(place);
      store<u8>(place, right ^ bits);
      assert(!same(a, b, length), `length ${length}, byte ${at}`);
      store<u8>(place, right);
    }
  }
}
