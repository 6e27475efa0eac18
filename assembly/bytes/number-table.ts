import { GOLDEN_32 } from "./golden-ratio";

const FIRST_SLOTS: i32 = 16;
/** A slot is a number and its value, u32 each, of 8 bytes together. The value of a free slot is 0. */
const SLOT_SHIFT: usize = 3;
const VALUE: usize = 4;

/**
 * Finds an address by a number of the host, which every callback does first: it takes two lines of the processor's cache and no
 * call, where a `Map` takes three lines and three calls. Open addressing, with at least half of the slots free, which makes 16
 * to 32 bytes for each open connection. Its slots lie outside the collector's heap and belong to no budget.
 */
@unmanaged
@final
export class NumberTable {
  private slots: usize;
  private mask: u32;
  /** By how many bits a product is shifted to the right to be the number of a slot. */
  private shift: u32;
  count: i32;

  /** An empty table in static memory, at `place`, which is 16 bytes of zeros. */
  static at(place: usize): NumberTable {
    const table = changetype<NumberTable>(place);
    table.make(FIRST_SLOTS);
    return table;
  }

  /** The value of `number`, or 0. */
  // @ts-ignore: decorator
  @inline
  get(number: u32): usize {
    return load<usize>(this.slotAt(this.slotOf(number)), VALUE);
  }

  /** Enters a number that is not in the table, with a value that is not 0. */
  enter(number: u32, value: usize): void {
    if (<u32>(++this.count * 2) > this.mask) this.grow();
    this.put(number, value);
  }

  /**
   * Takes a number out if it is in the table. Those behind it move up, as if it had never been there (Knuth 6.4, Algorithm R),
   * so that numbers that come and go never make the table grow.
   */
  takeOut(number: u32): void {
    let hole = this.slotOf(number);
    if (load<usize>(this.slotAt(hole), VALUE) == 0) return;
    for (let slot = (hole + 1) & this.mask; ; slot = (slot + 1) & this.mask) {
      const at = this.slotAt(slot);
      if (load<usize>(at, VALUE) == 0) break;
      const way = (slot - this.homeOf(load<u32>(at))) & this.mask;
      if (way < ((slot - hole) & this.mask)) continue;
      store<u64>(this.slotAt(hole), load<u64>(at));
      hole = slot;
    }
    store<u64>(this.slotAt(hole), 0);
    this.count--;
  }

  private grow(): void {
    const slots = this.slots;
    const count = this.mask + 1;
    this.make(<i32>(count * 2));
    for (let slot: u32 = 0; slot < count; slot++) {
      const at = slots + ((<usize>slot) << SLOT_SHIFT);
      const value = load<usize>(at, VALUE);
      if (value != 0) this.put(load<u32>(at), value);
    }
    heap.free(slots);
  }

  private make(count: i32): void {
    const bytes = (<usize>count) << SLOT_SHIFT;
    this.slots = heap.alloc(bytes);
    memory.fill(this.slots, 0, bytes);
    this.mask = count - 1;
    this.shift = 32 - ctz(<u32>count);
  }

  private put(number: u32, value: usize): void {
    const at = this.slotAt(this.slotOf(number));
    store<u32>(at, number);
    store<usize>(at, value, VALUE);
  }

  /** The slot that has the number, or the free one at which the search for it ends. */
  // @ts-ignore: decorator
  @inline
  private slotOf(number: u32): u32 {
    let slot = this.homeOf(number);
    while (load<usize>(this.slotAt(slot), VALUE) != 0 && load<u32>(this.slotAt(slot)) != number) {
      slot = (slot + 1) & this.mask;
    }
    return slot;
  }

  // @ts-ignore: decorator
  @inline
  private homeOf(number: u32): u32 {
    return (number * GOLDEN_32) >> this.shift;
  }

  // @ts-ignore: decorator
  @inline
  private slotAt(slot: u32): usize {
    return this.slots + ((<usize>slot) << SLOT_SHIFT);
  }
}
