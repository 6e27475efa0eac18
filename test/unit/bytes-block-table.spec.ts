import { BLOCK_HASH, BLOCK_KEY_LENGTH, BlockTable } from "../../assembly/bytes/block-table";
import { giveBack, limitBytes, raiseLimit, take, usedBytes } from "../../assembly/bytes/budget";
import { hashBytes } from "../../assembly/bytes/hash";
import { gapBehind } from "../../assembly/bytes/linear-memory";
import { expectGivenBack, lengthOf, pointerTo, textAt } from "./bytes-support";

const KEY_OFFSET: usize = 12;

/** A block with this key. Its hash is given, so that a test decides what collides. */
function newBlock(key: string, hash: u32): usize {
  const length = lengthOf(key);
  const block = take(KEY_OFFSET + <usize>length);
  store<u32>(block, hash, BLOCK_HASH);
  store<i32>(block, length, BLOCK_KEY_LENGTH);
  memory.copy(block + KEY_OFFSET, pointerTo(key), <usize>length);
  return block;
}

function freeBlock(block: usize): void {
  giveBack(block, KEY_OFFSET + <usize>load<i32>(block, BLOCK_KEY_LENGTH));
}

function keyOf(block: usize): string {
  return textAt(block + KEY_OFFSET, load<i32>(block, BLOCK_KEY_LENGTH));
}

function enter(table: BlockTable, key: string, hash: u32): usize {
  expect(table.makeRoom()).toBe(true);
  const block = newBlock(key, hash);
  table.enter(block);
  return block;
}

function find(table: BlockTable, key: string, hash: u32): usize {
  return table.find(pointerTo(key), lengthOf(key), hash);
}

function hashOf(key: string): u32 {
  return hashBytes(pointerTo(key), lengthOf(key));
}

describe("a table of blocks without a budget", () => {
  it("has no room and finds nothing", () => {
    expect(limitBytes()).toBe(0);
    const table = new BlockTable(KEY_OFFSET);
    expect(table.makeRoom()).toBe(false);
    expect(find(table, "a", 1)).toBe(0);
    expect(table.nextBlock(0)).toBe(0);
    expect(table.count).toBe(0);
    table.destroy();
  });
});

describe("a table of blocks", () => {
  beforeAll(() => {
    raiseLimit(8 << 20);
  });

  it("finds a block by the hash, length and bytes of its key", () => {
    const before = usedBytes();
    const table = new BlockTable(KEY_OFFSET);
    const a = enter(table, "abc", 7);
    expect(find(table, "abc", 7)).toBe(a);
    expect(find(table, "abc", 8)).toBe(0);
    expect(find(table, "abd", 7)).toBe(0);
    expect(find(table, "ab", 7)).toBe(0);
    expect(find(table, "abcd", 7)).toBe(0);
    expect(table.count).toBe(1);
    freeBlock(a);
    table.destroy();
    expect(usedBytes()).toBe(before);
  });

  it("keeps blocks apart whose hashes are equal, even around the end of the slots", () => {
    const table = new BlockTable(KEY_OFFSET);
    // Slot 7 of 8 is the last, so the second and third wrap.
    const a = enter(table, "a", 7);
    const b = enter(table, "b", 7);
    const c = enter(table, "c", 15);
    expect(find(table, "a", 7)).toBe(a);
    expect(find(table, "b", 7)).toBe(b);
    expect(find(table, "c", 15)).toBe(c);
    freeBlock(a);
    freeBlock(b);
    freeBlock(c);
    table.destroy();
  });

  it("still finds the blocks after one that was taken out of the middle of a run", () => {
    const table = new BlockTable(KEY_OFFSET);
    const a = enter(table, "a", 3);
    const b = enter(table, "b", 3);
    const c = enter(table, "c", 3);
    table.takeOut(b);
    expect(table.count).toBe(2);
    expect(find(table, "b", 3)).toBe(0);
    expect(find(table, "c", 3)).toBe(c);
    table.takeOut(a);
    expect(find(table, "c", 3)).toBe(c);
    // The slot is used again.
    const d = enter(table, "d", 3);
    expect(find(table, "d", 3)).toBe(d);
    expect(find(table, "c", 3)).toBe(c);
    table.takeOut(c);
    table.takeOut(d);
    expect(table.count).toBe(0);
    expect(find(table, "c", 3)).toBe(0);
    freeBlock(a);
    freeBlock(b);
    freeBlock(c);
    freeBlock(d);
    table.destroy();
  });

  it("holds thousands and gives back all memory", () => {
    const before = usedBytes();
    const table = new BlockTable(KEY_OFFSET);
    for (let i = 0; i < 3000; i++) enter(table, "key" + i.toString(), hashOf("key" + i.toString()));
    expect(table.count).toBe(3000);
    for (let i = 0; i < 3000; i++) {
      const key = "key" + i.toString();
      const block = find(table, key, hashOf(key));
      assert(block != 0 && keyOf(block) == key, key);
      table.takeOut(block);
      freeBlock(block);
      assert(find(table, key, hashOf(key)) == 0, key);
    }
    expect(table.count).toBe(0);
    table.release();
    expect(usedBytes()).toBe(before);
    table.destroy();
  });

  it("is empty once it is released, and can be used again", () => {
    const before = usedBytes();
    const table = new BlockTable(KEY_OFFSET);
    const a = enter(table, "a", 3);
    table.release();
    expect(table.count).toBe(0);
    expect(table.bytes).toBe(0);
    expect(find(table, "a", 3)).toBe(0);
    expect(table.nextBlock(0)).toBe(0);
    const b = enter(table, "b", 3);
    expect(find(table, "b", 3)).toBe(b);
    expect(find(table, "a", 3)).toBe(0);
    freeBlock(a);
    freeBlock(b);
    table.destroy();
    expect(usedBytes()).toBe(before);
  });

  it("leaves nothing of itself when it is destroyed", () => {
    expectGivenBack(() => {
      const table = new BlockTable(KEY_OFFSET);
      assert(table.makeRoom());
      const place = changetype<usize>(table);
      table.destroy();
      return place;
    });
  });

  it("does not grow if blocks only come and go", () => {
    const table = new BlockTable(KEY_OFFSET);
    const first = enter(table, "0", hashOf("0"));
    const before = usedBytes();
    let last = first;
    for (let i = 1; i < 5000; i++) {
      const key = i.toString();
      const next = enter(table, key, hashOf(key));
      table.takeOut(last);
      freeBlock(last);
      last = next;
    }
    expect(table.count).toBe(1);
    // A last key of up to 16 - 12 bytes costs the same as the first.
    expect(usedBytes()).toBe(before);
    freeBlock(last);
    table.destroy();
  });

  it("names each of its blocks once", () => {
    const table = new BlockTable(KEY_OFFSET);
    for (let i = 0; i < 100; i++) enter(table, i.toString(), hashOf(i.toString()));
    const out = find(table, "50", hashOf("50"));
    table.takeOut(out);
    freeBlock(out);
    const seen = new Set<string>();
    let block = table.nextBlock(0);
    while (block != 0) {
      expect(seen.has(keyOf(block))).toBe(false);
      seen.add(keyOf(block));
      freeBlock(block);
      block = table.nextBlock(table.nextSlot);
    }
    expect(seen.size).toBe(99);
    expect(seen.has("50")).toBe(false);
    table.destroy();
  });

  it("tells how large the gaps behind its blocks are, of more than 63 by a sample without its largest gap", () => {
    const table = new BlockTable(KEY_OFFSET);
    const blocks = new StaticArray<usize>(100);
    const between = new StaticArray<usize>(101);
    for (let i = 0; i < 100; i++) {
      expect(table.makeRoom()).toBe(true);
      // Nothing else may be made from here on, so that what is freed lies right behind the block.
      const block = take(1004);
      between[i] = heap.alloc(i == 0 ? 100_012 : 1004);
      store<u32>(block, <u32>i, BLOCK_HASH);
      store<i32>(block, 0, BLOCK_KEY_LENGTH);
      table.enter(block);
      blocks[i] = block;
    }
    between[100] = heap.alloc(1004);
    for (let i = 0; i < 100; i++) heap.free(between[i]);
    const large = gapBehind(blocks[0], 1 << 20);
    const small = gapBehind(blocks[1], 1 << 20);
    const estimated = table.gapsBehind(1 << 20);
    const ofSmaller = table.gapsBehind(small);
    for (let i = 63; i < 100; i++) table.takeOut(blocks[i]);
    const counted = table.gapsBehind(1 << 20);
    expect(large).toBe(100_012);
    expect(small).toBe(1004);
    expect(estimated).toBe((63 * 1004 * 100) / 64);
    expect(ofSmaller).toBe(0);
    expect(counted).toBe(100_012 + 62 * 1004);
    for (let i = 0; i < 100; i++) giveBack(blocks[i], 1004);
    heap.free(between[100]);
    table.destroy();
  });

  it("finds each of many blocks that share few slots, whatever has been taken out between them", () => {
    const table = new BlockTable(KEY_OFFSET);
    const blocks: usize[] = [];
    const keys: string[] = [];
    const hashes: u32[] = [];
    let random: u32 = 7;
    for (let step = 0; step < 20_000; step++) {
      random = random * 1664525 + 1013904223;
      // Long runs of equal and near home slots, even around the end.
      if (blocks.length < 40 && ((random >> 16) & 1) == 0) {
        keys.push(step.toString());
        hashes.push(((random >> 20) & 7) | (((random >> 3) & 1) * 0xfffffff8));
        blocks.push(enter(table, keys[keys.length - 1], hashes[hashes.length - 1]));
      } else if (blocks.length > 0) {
        const at = <i32>((random >> 18) % <u32>blocks.length);
        table.takeOut(blocks[at]);
        expect(find(table, keys[at], hashes[at])).toBe(0);
        freeBlock(blocks[at]);
        blocks.splice(at, 1);
        keys.splice(at, 1);
        hashes.splice(at, 1);
      }
      assert(table.count == blocks.length, "the count");
      for (let i = 0; i < blocks.length; i++) assert(find(table, keys[i], hashes[i]) == blocks[i], keys[i]);
    }
    for (let i = 0; i < blocks.length; i++) freeBlock(blocks[i]);
    table.destroy();
  });

  it("is walked to its last slot and no further, whatever lies behind", () => {
    // The eight slots of 32 bytes come to lie in a block of 44 bytes that was written to before.
    const former = take(44);
    memory.fill(former, 0xff, 44);
    giveBack(former, 44);
    const table = new BlockTable(KEY_OFFSET);
    const last = enter(table, "a", 7);
    expect(load<u32>(former, 32)).toBe(0xffffffff);
    expect(table.nextBlock(0)).toBe(last);
    expect(table.nextBlock(table.nextSlot)).toBe(0);
    freeBlock(last);
    table.destroy();
  });

  it("can be walked while blocks are taken out, and the walk meets each of them", () => {
    const table = new BlockTable(KEY_OFFSET);
    for (let i = 0; i < 500; i++) enter(table, i.toString(), <u32>(i % 37) * 0x1fffffff);
    let block = table.nextBlock(0);
    let taken = 0;
    while (block != 0) {
      let next = table.nextSlot;
      if (load<u8>(block + KEY_OFFSET) != 0x31) {
        table.takeOut(block);
        freeBlock(block);
        taken++;
        next--;
      }
      block = table.nextBlock(next);
    }
    // 1, 10 to 19 and 100 to 199 stay.
    expect(table.count).toBe(111);
    expect(taken).toBe(389);
    for (block = table.nextBlock(0); block != 0; block = table.nextBlock(table.nextSlot)) freeBlock(block);
    table.destroy();
  });

  it("has at least two slots for each block", () => {
    const table = new BlockTable(KEY_OFFSET);
    for (let i = 1; i <= 300; i++) {
      enter(table, i.toString(), hashOf(i.toString()));
      assert(table.bytes >= (2 * i) << 2, i.toString());
    }
    for (let block = table.nextBlock(0); block != 0; block = table.nextBlock(table.nextSlot)) freeBlock(block);
    table.destroy();
  });

  it("keeps what it has if the budget has no room to grow", () => {
    const before = usedBytes();
    const table = new BlockTable(KEY_OFFSET);
    const blocks: usize[] = [];
    for (let i = 0; i < 8; i++) blocks.push(enter(table, i.toString(), <u32>i));
    const rest = limitBytes() - usedBytes() - 16;
    const most = take(rest);
    expect(table.makeRoom()).toBe(false);
    expect(table.count).toBe(8);
    for (let i = 0; i < 8; i++) expect(find(table, i.toString(), <u32>i)).toBe(blocks[i]);
    giveBack(most, rest);
    expect(table.makeRoom()).toBe(true);
    for (let i = 0; i < 8; i++) expect(find(table, i.toString(), <u32>i)).toBe(blocks[i]);
    for (let i = 0; i < 8; i++) freeBlock(blocks[i]);
    table.destroy();
    expect(usedBytes()).toBe(before);
  });
});
