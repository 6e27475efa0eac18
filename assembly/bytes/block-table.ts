import { giveBack, take } from "./budget";
import { equalBytes } from "./compare";

/** Every block begins with the hash of its key and the key's length; where its bytes lie the table is told. */
export const BLOCK_HASH: usize = 0;
export const BLOCK_KEY_LENGTH: usize = 4;

const FIRST_SLOTS: i32 = 8;
/** A slot whose block was taken out, so that a search must go on behind it. */
const TAKEN_OUT: usize = 1;

/**
 * Finds blocks of budgeted memory by a key of bytes: open addressing, a quarter of the slots always free. The blocks
 * belong to the caller.
 */
@unmanaged
@final
export class BlockTable {
  private slots: usize = 0;
  private slotCount: i32 = 0;
  /** Slots that are not free: in use or TAKEN_OUT. */
  private occupied: i32 = 0;
  count: i32 = 0;

  /** `keyOffset`: where in a block its key's bytes begin. */
  constructor(private readonly keyOffset: usize) {}

  /** The block with this key, or 0. */
  find(key: usize, length: i32, hash: u32): usize {
    if (this.slotCount == 0) return 0;
    const mask = this.slotCount - 1;
    let slot = (<i32>hash) & mask;
    while (true) {
      const block = load<usize>(this.slotAt(slot));
      if (block == 0) return 0;
      if (
        block != TAKEN_OUT &&
        load<u32>(block, BLOCK_HASH) == hash &&
        load<i32>(block, BLOCK_KEY_LENGTH) == length &&
        equalBytes(block + this.keyOffset, key, length)
      ) {
        return block;
      }
      slot = (slot + 1) & mask;
    }
  }

  /** Makes sure that one more block can be entered. Answers false when the budget has no room. */
  makeRoom(): bool {
    if ((this.occupied + 1) * 4 <= this.slotCount * 3) return true;
    const oldSlots = this.slots;
    const oldCount = this.slotCount;
    let slotCount = FIRST_SLOTS;
    while ((this.count + 1) * 2 > slotCount) slotCount <<= 1;
    const slots = take((<usize>slotCount) << 2);
    if (slots == 0) return false;
    memory.fill(slots, 0, (<usize>slotCount) << 2);
    this.slots = slots;
    this.slotCount = slotCount;
    this.occupied = 0;
    this.count = 0;
    for (let slot = 0; slot < oldCount; slot++) {
      const block = load<usize>(oldSlots + ((<usize>slot) << 2));
      if (block > TAKEN_OUT) this.enter(block);
    }
    giveBack(oldSlots, (<usize>oldCount) << 2);
    return true;
  }

  /** Enters a block whose key is not in the table; `makeRoom` has answered true. */
  enter(block: usize): void {
    const mask = this.slotCount - 1;
    let slot = (<i32>load<u32>(block, BLOCK_HASH)) & mask;
    while (load<usize>(this.slotAt(slot)) > TAKEN_OUT) slot = (slot + 1) & mask;
    if (load<usize>(this.slotAt(slot)) == 0) this.occupied++;
    store<usize>(this.slotAt(slot), block);
    this.count++;
  }

  /** Takes out a block that is in the table. */
  takeOut(block: usize): void {
    const mask = this.slotCount - 1;
    let slot = (<i32>load<u32>(block, BLOCK_HASH)) & mask;
    while (load<usize>(this.slotAt(slot)) != block) slot = (slot + 1) & mask;
    // Only a slot in the middle of a run must keep searches going.
    const last = load<usize>(this.slotAt((slot + 1) & mask)) == 0;
    if (last) this.occupied--;
    store<usize>(this.slotAt(slot), last ? 0 : TAKEN_OUT);
    this.count--;
  }

  /** The block of the first slot from `slot` on that has one, or 0; `nextSlot` is then where to go on. */
  nextBlock(slot: i32): usize {
    while (slot < this.slotCount) {
      const block = load<usize>(this.slotAt(slot++));
      if (block > TAKEN_OUT) {
        this.nextSlot = slot;
        return block;
      }
    }
    return 0;
  }
  nextSlot: i32 = 0;

  /** Gives back the object itself too; the blocks stay the caller's. */
  destroy(): void {
    this.release();
    heap.free(changetype<usize>(this));
  }

  /** Gives back the table's own memory. */
  release(): void {
    giveBack(this.slots, (<usize>this.slotCount) << 2);
    this.slots = 0;
    this.slotCount = 0;
    this.occupied = 0;
    this.count = 0;
  }

  // @ts-ignore: decorator
  @inline
  private slotAt(slot: i32): usize {
    return this.slots + ((<usize>slot) << 2);
  }
}
