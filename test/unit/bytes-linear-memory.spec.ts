import { gapBehind, growTo, hasFreeBlock, linearBytes } from "../../assembly/bytes/linear-memory";
import { freeAll, takeAllOf } from "./bytes-support";

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

/** Powers of two, from 256 on, of which one block each is freed while no larger one is free. */
const POWERS: i32 = 9;

describe("the search for a free block", () => {
  it("finds one of the next power of two, for which memory need not grow, and none that is smaller", () => {
    const blocks = new StaticArray<usize>(POWERS);
    for (let i = 0; i < POWERS; i++) blocks[i] = heap.alloc((<usize>320) << i);
    const found = new StaticArray<bool>(POWERS);
    const missed = new StaticArray<bool>(POWERS);
    // What is expected takes memory itself, so all is asked before.
    const pages = memory.size();
    const taken = takeAllOf(256);
    const none = !hasFreeBlock(256) && !hasFreeBlock(100_000);
    for (let i = 0; i < POWERS; i++) {
      heap.free(blocks[i]);
      found[i] = hasFreeBlock(((<usize>256) << i) - 16) && hasFreeBlock(100) && hasFreeBlock(16);
      missed[i] = !hasFreeBlock((<usize>512) << i);
    }
    const grown = memory.size() - pages;
    freeAll(taken);
    expect(grown).toBe(0);
    expect(none).toBe(true);
    for (let i = 0; i < POWERS; i++) assert(found[i] && missed[i], `power ${i}`);
  });
});

describe("linear memory that is to grow", () => {
  it("stays as it is where it has half of what is asked for, and has that free afterwards where it has less", () => {
    const present = linearBytes();
    growTo(present * 2);
    expect(linearBytes()).toBe(present);
    growTo(present * 4);
    const grown = linearBytes();
    expect(grown).toBeGreaterThanOrEqual(present * 4);
    expect(grown).toBeLessThanOrEqual(present * 4 + present / 4);
    heap.free(heap.alloc(present * 3 - 4096));
    expect(linearBytes()).toBe(grown);
  });
});
