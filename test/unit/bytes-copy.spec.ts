import { copyShort } from "../../assembly/bytes/copy";

/** Longer than what is copied in blocks. */
const LONGEST: i32 = 100;

describe("a short copy", () => {
  it("copies exactly the given bytes, at every length", () => {
    const from = heap.alloc(<usize>LONGEST);
    for (let i = 0; i < LONGEST; i++) store<u8>(from + <usize>i, <u8>(i + 1));
    const to = heap.alloc(<usize>LONGEST + 2);
    for (let length = 0; length <= LONGEST; length++) {
      memory.fill(to, 0, <usize>LONGEST + 2);
      copyShort(to + 1, from, length);
      assert(memory.compare(to + 1, from, <usize>length) == 0, `length ${length}`);
      assert(load<u8>(to) == 0 && load<u8>(to + 1 + <usize>length) == 0, `length ${length}`);
    }
    heap.free(from);
    heap.free(to);
  });
});
