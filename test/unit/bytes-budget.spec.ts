import {
  freeKept,
  giveBack,
  giveBackShortLived,
  limitBytes,
  mostToGrowTo,
  noteMetered,
  raiseLimit,
  shareBytes,
  SHORT_LIVED,
  take,
  takeShortLived,
  usedBytes,
} from "../../assembly/bytes/budget";
import { gapBehind } from "../../assembly/bytes/linear-memory";
import { expectGivenBack } from "./bytes-support";

describe("the memory budget of a VM", () => {
  it("gives nothing before a configuration has set it", () => {
    expect(limitBytes()).toBe(0);
    expect(take(1)).toBe(0);
    expect(usedBytes()).toBe(0);
  });

  it("counts what an allocation really costs: its size rounded up to 16 bytes, plus 16", () => {
    raiseLimit(1024);
    const one = take(1);
    expect(usedBytes()).toBe(32);
    const sixteen = take(16);
    expect(usedBytes()).toBe(64);
    const seventeen = take(17);
    expect(usedBytes()).toBe(112);
    giveBack(seventeen, 17);
    giveBack(sixteen, 16);
    giveBack(one, 1);
    expect(usedBytes()).toBe(0);
  });

  it("may be used up to its last byte, and not one allocation further", () => {
    const most = take(1024 - 16);
    expect(most).not.toBe(0);
    expect(usedBytes()).toBe(1024);
    expect(take(1)).toBe(0);
    expect(usedBytes()).toBe(1024);
    giveBack(most, 1024 - 16);
    expect(take(1024 - 15)).toBe(0);
    expect(usedBytes()).toBe(0);
  });

  it("does not change when what was refused is given back", () => {
    giveBack(0, 64);
    expect(usedBytes()).toBe(0);
  });

  it("gives memory that can be written to its end", () => {
    const pointer = take(100);
    memory.fill(pointer, 0x5a, 100);
    expect(load<u8>(pointer)).toBe(0x5a);
    expect(load<u8>(pointer, 99)).toBe(0x5a);
    giveBack(pointer, 100);
  });

  it("gives a block to the heap again that is given back", () => {
    expectGivenBack(() => {
      const pointer = take(100);
      giveBack(pointer, 100);
      return pointer;
    });
  });

  it("is the largest that any configuration asks for", () => {
    raiseLimit(512);
    expect(limitBytes()).toBe(1024);
    raiseLimit(4096);
    expect(limitBytes()).toBe(4096);
  });

  it("leaves at most an eighth to a single connection", () => {
    expect(shareBytes()).toBe(512);
  });
});

describe("a block for what is short-lived", () => {
  it("counts while it is in use, and is then given out again", () => {
    const block = takeShortLived();
    expect(usedBytes()).toBe(SHORT_LIVED + 16);
    memory.fill(block, 0x5a, SHORT_LIVED);
    giveBackShortLived(block);
    expect(usedBytes()).toBe(0);
    expect(takeShortLived()).toBe(block);
    giveBackShortLived(block);
  });

  it("is refused beyond the budget, even if one is kept", () => {
    const rest = limitBytes() - SHORT_LIVED;
    const most = take(rest);
    expect(takeShortLived()).toBe(0);
    giveBack(most, rest);
    giveBackShortLived(0);
    expect(usedBytes()).toBe(0);
  });

  it("is never given to two at once, however many are kept", () => {
    raiseLimit(1 << 20);
    const blocks: usize[] = [];
    for (let i = 0; i < 1000; i++) blocks.push(takeShortLived());
    for (let i = 0; i < blocks.length; i++) store<usize>(blocks[i], i);
    for (let i = 0; i < blocks.length; i++) assert(load<usize>(blocks[i]) == i, `block ${i}`);
    for (let i = 0; i < blocks.length; i++) giveBackShortLived(blocks[i]);
    expect(usedBytes()).toBe(0);
  });

  it("is kept if at most 1,023 others are, however often blocks have come and gone before", () => {
    for (let i = 0; i < 3000; i++) giveBackShortLived(takeShortLived());
    const blocks: usize[] = [];
    for (let i = 0; i < 1100; i++) blocks.push(takeShortLived());
    for (let i = 0; i < blocks.length; i++) giveBackShortLived(blocks[i]);
    // The last one that was kept is the first that is given out again; those behind it went to the heap.
    for (let i = 1023; i >= 0; i--) assert(takeShortLived() == blocks[i], `block ${i}`);
    for (let i = 0; i < 1024; i++) giveBackShortLived(blocks[i]);
    expect(usedBytes()).toBe(0);
  });

  it("goes to the heap with all that are kept, after which as many are kept again", () => {
    freeKept();
    for (let round = 0; round < 2; round++) {
      const blocks: usize[] = [];
      for (let i = 0; i < 1024; i++) blocks.push(takeShortLived());
      const gaps = gapsBehindEven(blocks);
      for (let i = 1; i < 1024; i += 2) giveBackShortLived(blocks[i]);
      expect(gapsBehindEven(blocks)).toBe(gaps);
      freeKept();
      expect(gapsBehindEven(blocks)).toBeGreaterThan(gaps + 256);
      for (let i = 0; i < 1024; i += 2) giveBackShortLived(blocks[i]);
      freeKept();
      expect(usedBytes()).toBe(0);
    }
  });
});

/** Behind how many of every second block lies a gap that is hardly larger than a block. */
function gapsBehindEven(blocks: usize[]): i32 {
  let count = 0;
  for (let i = 0; i < blocks.length; i += 2) count += i32(gapBehind(blocks[i], SHORT_LIVED * 2) > 0);
  return count;
}

/** One size of blocks of the budget: those that are still in use. */
class Blocks {
  inUse: usize[] = [];

  constructor(readonly size: usize) {}

  takeAll(): void {
    for (let block = take(this.size); block != 0; block = take(this.size)) this.inUse.push(block);
  }

  /** Gives back all but every `step`-th. */
  thin(step: i32): void {
    const kept: usize[] = [];
    for (let i = 0; i < this.inUse.length; i++) {
      if (i % step == 0) kept.push(this.inUse[i]);
      else giveBack(this.inUse[i], this.size);
    }
    this.inUse = kept;
  }
}

describe("linear memory", () => {
  it("has room for meters beside the budget, up to a bound", () => {
    const without = mostToGrowTo();
    noteMetered(208 << 20);
    expect(mostToGrowTo()).toBe(without + (208 << 20));
    noteMetered(1 << 20);
    expect(mostToGrowTo()).toBe(without + (208 << 20));
    noteMetered(-(209 << 20));
    expect(mostToGrowTo()).toBe(without);
  });

  it("stops growing where the budget's blocks leave gaps for smaller ones alone, and these are still to be had", () => {
    raiseLimit(64 << 20);
    const sizes: Blocks[] = [];
    // Each is four times as large as the one before, and a quarter of that stays between the gaps.
    for (let bits = 10; bits <= 22; bits += 2) {
      const blocks = new Blocks((1 << bits) - 16);
      blocks.takeAll();
      sizes.push(blocks);
      for (let i = 0; i < sizes.length; i++) sizes[i].thin(4);
    }
    // At 160 MiB it may have doubled last.
    expect(memory.size()).toBeLessThan((320 << 20) / 65_536);
    const small = take(100);
    expect(small).not.toBe(0);
    giveBack(small, 100);
    const large: usize = 16 << 20;
    expect(take(large)).toBe(0);
    noteMetered(128 << 20);
    const block = take(large);
    expect(block).not.toBe(0);
    giveBack(block, large);
    noteMetered(-(128 << 20));
    for (let i = 0; i < sizes.length; i++) sizes[i].thin(i32.MAX_VALUE);
    for (let i = 0; i < sizes.length; i++) {
      if (sizes[i].inUse.length > 0) giveBack(sizes[i].inUse[0], sizes[i].size);
    }
    expect(usedBytes()).toBe(0);
  });
});
