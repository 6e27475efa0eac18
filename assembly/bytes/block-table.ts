import { giveBack, take } from "./budget";
import { equalBytes } from "./compare";
import { gapBehind } from "./linear-memory";

/**
 * Every block begins with the hash of its key, u32, and the length of its key, i32. Where in a block the bytes of the key begin
 * is said to the table (`keyOffset`).
 */
export const BLOCK_HASH: usize = 0;
export const BLOCK_KEY_LENGTH: usize = 4;

const FIRST_SLOTS: i32 = 8;
/** So many blocks tell how much lies behind all of them. */
const SAMPLE: i32 = 64;

/**
 * Finds blocks of budgeted memory by a key of bytes: open addressing, with at least half of the slots free. With a quarter, no
 * processor foresees how far a search or a removal goes, and each block that must move up is touched (a delivered request with
 * its reply ×0.86). When a block is taken out, those behind it move up (Knuth, The Art of Computer Programming, 6.4, Algorithm
 * R), so that no marks of deleted blocks pile up and blocks that come and go never make the table grow. It grows with the
 * largest number of blocks at a time, and shrinks only at `release`. The blocks belong to the caller.
 */
@unmanaged
@final
export class BlockTable {
  private slots: usize = 0;
  private slotCount: i32 = 0;
  count: i32 = 0;
  /** Where a walk goes on behind the block that `nextBlock` answered last. */
  nextSlot: i32 = 0;

  /** `keyOffset`: where the bytes of the key begin, in bytes from the beginning of each block. */
  constructor(private readonly keyOffset: usize) {}

  /** The block with this key of `length` bytes, or 0. `hash` must be the hash with which it was entered. */
  find(key: usize, length: i32, hash: u32): usize {
    if (this.slotCount == 0) return 0;
    const mask = this.slotCount - 1;
    let slot = (<i32>hash) & mask;
    while (true) {
      const block = load<usize>(this.slotAt(slot));
      if (block == 0) return 0;
      if (
        load<u32>(block, BLOCK_HASH) == hash &&
        load<i32>(block, BLOCK_KEY_LENGTH) == length &&
        equalBytes(block + this.keyOffset, key, length)
      ) {
        return block;
      }
      slot = (slot + 1) & mask;
    }
  }

  /**
   * Makes sure that one more block can be entered, for which the slots may be moved. Answers false when the budget has no room.
   */
  makeRoom(): bool {
    if ((this.count + 1) * 2 <= this.slotCount) return true;
    const slotCount = max(this.slotCount * 2, FIRST_SLOTS);
    const slots = take((<usize>slotCount) << 2);
    if (slots == 0) return false;
    memory.fill(slots, 0, (<usize>slotCount) << 2);
    const oldSlots = this.slots;
    const oldCount = this.slotCount;
    this.slots = slots;
    this.slotCount = slotCount;
    this.count = 0;
    for (let slot = 0; slot < oldCount; slot++) {
      const block = load<usize>(oldSlots + ((<usize>slot) << 2));
      if (block != 0) this.enter(block);
    }
    giveBack(oldSlots, (<usize>oldCount) << 2);
    return true;
  }

  /** Enters a block whose key is not in the table; `makeRoom` has answered true. */
  enter(block: usize): void {
    let slot = this.homeOf(block);
    while (load<usize>(this.slotAt(slot)) != 0) slot = this.after(slot);
    store<usize>(this.slotAt(slot), block);
    this.count++;
  }

  /**
   * Takes out a block, which must be in the table. Blocks behind it move up, so that the table is as if it had never been
   * there.
   */
  takeOut(block: usize): void {
    let hole = this.homeOf(block);
    while (load<usize>(this.slotAt(hole)) != block) hole = this.after(hole);
    const mask = this.slotCount - 1;
    for (let slot = this.after(hole); ; slot = this.after(slot)) {
      const next = load<usize>(this.slotAt(slot));
      if (next == 0) break;
      const way = (slot - this.homeOf(next)) & mask;
      if (way < ((slot - hole) & mask)) continue;
      store<usize>(this.slotAt(hole), next);
      hole = slot;
    }
    store<usize>(this.slotAt(hole), 0);
    this.count--;
  }

  /**
   * A walk over all blocks: answers the block in the first used slot from `slot` on, 0 at the end. Begin with 0 and go on from
   * `nextSlot`, or from `nextSlot - 1` if the block has been taken out, since another one may have moved into its slot. A walk
   * on which blocks are taken out may meet another block twice.
   */
  nextBlock(slot: i32): usize {
    while (slot < this.slotCount) {
      const block = load<usize>(this.slotAt(slot++));
      if (block != 0) {
        this.nextSlot = slot;
        return block;
      }
    }
    return 0;
  }

  /** Bytes of the slots, without the blocks and without what the budget adds to an allocation. */
  get bytes(): i64 {
    return (<i64>this.slotCount) << 2;
  }

  /**
   * Bytes of gaps behind all blocks that are smaller than `size`, as a sample of these has them: hashes decide which come first in a
   * walk. The largest gap of a sample is left out of it, so that one by chance is not taken for thousands.
   */
  gapsBehind(size: usize): i64 {
    let bytes: i64 = 0;
    let largest: i64 = 0;
    let left = SAMPLE;
    for (let block = this.nextBlock(0); block != 0 && left > 0; block = this.nextBlock(this.nextSlot), left--) {
      const gap = <i64>gapBehind(block, size);
      bytes += gap;
      largest = max(largest, gap);
    }
    return left > 0 ? bytes : ((bytes - largest) * <i64>this.count) / SAMPLE;
  }

  /** Gives back the object itself too; the blocks stay the caller's. */
  destroy(): void {
    this.release();
    heap.free(changetype<usize>(this));
  }

  /** Gives back the table's own memory. It is empty then, and may be used again. */
  release(): void {
    giveBack(this.slots, (<usize>this.slotCount) << 2);
    this.slots = 0;
    this.slotCount = 0;
    this.count = 0;
  }

  // @ts-ignore: decorator
  @inline
  private homeOf(block: usize): i32 {
    return (<i32>load<u32>(block, BLOCK_HASH)) & (this.slotCount - 1);
  }

  // @ts-ignore: decorator
  @inline
  private after(slot: i32): i32 {
    return (slot + 1) & (this.slotCount - 1);
  }

  // @ts-ignore: decorator
  @inline
  private slotAt(slot: i32): usize {
    return this.slots + ((<usize>slot) << 2);
  }
}
