import { gapBehind } from "../../assembly/bytes/linear-memory";

/** What the allocator makes of a size: all blocks with their heads are a multiple of 16 bytes long. */
const SIZE: usize = 1004;

describe("the gap behind a block", () => {
  it("is the free block there, if that is smaller than what is asked for", () => {
    // Side by side, behind all gaps that are there.
    const beside = heap.alloc(1 << 20);
    const blocks: usize[] = [];
    for (let i = 0; i < 64; i++) blocks.push(heap.alloc(SIZE));
    let at = 1;
    while (blocks[at] - blocks[at - 1] != SIZE + 4 || blocks[at + 1] - blocks[at] != SIZE + 4) at++;
    const block = blocks[at];
    // What is expected takes memory itself, so all is asked before.
    const none = gapBehind(block, usize.MAX_VALUE);
    heap.free(blocks[at - 1]);
    const before = gapBehind(block, usize.MAX_VALUE);
    heap.free(blocks[at + 1]);
    const behind = gapBehind(block, usize.MAX_VALUE);
    const smaller = gapBehind(block, SIZE);
    expect(none).toBe(0);
    expect(before).toBe(0);
    expect(behind).toBeGreaterThanOrEqual(SIZE);
    expect(smaller).toBe(0);
    for (let i = 0; i < blocks.length; i++) {
      if (i < at - 1 || i > at + 1) heap.free(blocks[i]);
    }
    heap.free(block);
    heap.free(beside);
  });

  it("is none behind no block", () => {
    expect(gapBehind(0, usize.MAX_VALUE)).toBe(0);
  });
});
