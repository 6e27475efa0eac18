import {
  forgetRefused,
  giveBack,
  isScattered,
  mostToGrowTo,
  raiseLimit,
  take,
  usedBytes,
} from "../../assembly/bytes/budget";
import { gapBehind } from "../../assembly/bytes/linear-memory";

const MIB: usize = 1 << 20;

/** Bytes of gaps, of which none has room for two of what is asked for. */
const GAP: usize = 8000;
const ASKED: usize = 6000;
/** So many of them lie beyond the bound: more than the search for a block below it tries. */
const GAPS: i32 = 1500;
/** So many are left for which the search goes on. */
const FEW: i32 = 600;

/** Behind how many of every second block lies a gap. */
function gapsBehind(blocks: StaticArray<usize>): i32 {
  let count = 0;
  for (let i = 0; i < blocks.length; i += 2) count += i32(gapBehind(blocks[i], 2 * GAP) > 0);
  return count;
}

describe("the largest budget of all", () => {
  beforeAll(() => {
    raiseLimit(512 * MIB);
  });

  it("does not let linear memory grow beyond its bound, by however large a block", () => {
    const beside = heap.alloc(690 * MIB);
    expect((<usize>memory.size()) << 16).toBeLessThan(mostToGrowTo());
    expect(take(60 * MIB)).toBe(0);
    expect(usedBytes()).toBe(0);
    heap.free(beside);
  });

  it("leaves to others what V8 has beyond that, even where linear memory is there already", () => {
    forgetRefused();
    const beside = heap.alloc(690 * MIB);
    const more = heap.alloc(100 * MIB);
    expect(isScattered()).toBe(false);
    expect(take(4 * MIB)).toBe(0);
    expect(usedBytes()).toBe(0);
    expect(isScattered()).toBe(true);
    forgetRefused();
    expect(isScattered()).toBe(false);
    heap.free(more);
    heap.free(beside);
    const block = take(4 * MIB);
    expect(block).not.toBe(0);
    giveBack(block, 4 * MIB);
  });

  it("finds room below that, although a gap beyond it fits better", () => {
    const low = heap.alloc(690 * MIB);
    const between = heap.alloc(60 * MIB);
    const gaps: usize[] = [];
    const guards: usize[] = [];
    for (let i = 0; i < 3; i++) {
      gaps.push(heap.alloc(5 * MIB));
      guards.push(heap.alloc(MIB));
    }
    for (let i = 0; i < 3; i++) heap.free(gaps[i]);
    expect(take(4 * MIB)).toBe(0);
    heap.free(low);
    const block = take(4 * MIB);
    expect(block).not.toBe(0);
    expect(block).toBeLessThan(690 * MIB);
    giveBack(block, 4 * MIB);
    for (let i = 0; i < 3; i++) heap.free(guards[i]);
    heap.free(between);
  });

  it("takes no block that ends beyond that, though it begins below", () => {
    const low = heap.alloc(690 * MIB);
    // Where blocks that are larger than all gaps before it follow each other.
    const probe = heap.alloc(40 * MIB);
    heap.free(probe);
    const between = heap.alloc(mostToGrowTo() - probe - 65_536);
    const across = heap.alloc(8 * MIB);
    const guard = heap.alloc(8 * MIB);
    expect(between).toBe(probe);
    expect(across).toBeGreaterThan(between);
    expect(across).toBeLessThan(mostToGrowTo());
    heap.free(across);
    expect(take(7 * MIB)).toBe(0);
    expect(usedBytes()).toBe(0);
    heap.free(guard);
    heap.free(between);
    heap.free(low);
  });

  it("finds room below that though hundreds of gaps beyond it fit better, takes no more, and gives up after a thousand", () => {
    const low = heap.alloc(690 * MIB);
    const between = heap.alloc(60 * MIB);
    const blocks = new StaticArray<usize>(2 * GAPS + 1);
    for (let i = 0; i < blocks.length; i++) blocks[i] = heap.alloc(GAP);
    heap.free(low);
    // Gaps, each between two blocks that stay.
    for (let i = 1; i < blocks.length; i += 2) heap.free(blocks[i]);
    expect(take(ASKED)).toBe(0);
    expect(usedBytes()).toBe(0);
    for (let i = 2 * FEW + 1; i < blocks.length; i += 2) blocks[i] = heap.alloc(GAP);
    const gaps = gapsBehind(blocks);
    const block = take(ASKED);
    expect(block).not.toBe(0);
    expect(block + ASKED).toBeLessThanOrEqual(mostToGrowTo());
    // The word before a block has its size, and two flags.
    expect(load<usize>(block - 4) & ~3).toBeLessThan(ASKED + 16);
    giveBack(block, ASKED);
    expect(gapsBehind(blocks)).toBe(gaps);
    for (let i = 0; i < blocks.length; i++) {
      if (i % 2 == 0 || i > 2 * FEW) heap.free(blocks[i]);
    }
    const again = heap.alloc(690 * MIB);
    expect(again).toBe(low);
    heap.free(again);
    heap.free(between);
  });
});
