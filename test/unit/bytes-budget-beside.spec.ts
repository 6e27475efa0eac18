import {
  forgetRefused,
  giveBack,
  isScattered,
  mostToGrowTo,
  raiseLimit,
  take,
  usedBytes,
} from "../../assembly/bytes/budget";

const MIB: usize = 1 << 20;

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
});
