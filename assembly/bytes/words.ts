/**
 * The first number lies at a multiple of so many bytes, so that of rows of eight numbers none lies across two lines of the processor's
 * cache. The word before it says where the block begins that the allocator gave.
 */
const ALIGNMENT: usize = 32;

/**
 * A growable array of i32 outside the collector's heap. It is not charged to the budget of connections: what is kept in one is bounded
 * by a configuration, or by the length of an INFO.
 */
@unmanaged
@final
export class Words {
  pointer: usize = 0;
  private capacity: i32 = 0;

  /** The number at `index`, for which room must have been reserved: no bound is checked. */
  // @ts-ignore: decorator
  @inline
  get(index: i32): i32 {
    return load<i32>(this.pointer + ((<usize>index) << 2));
  }

  /** Sets it, under the same condition. */
  // @ts-ignore: decorator
  @inline
  set(index: i32, value: i32): void {
    store<i32>(this.pointer + ((<usize>index) << 2), value);
  }

  /** Makes room for the indices below `count`. New places hold anything. */
  reserve(count: i32): void {
    if (count <= this.capacity) return;
    this.move(max(max(this.capacity * 2, count), 16), this.capacity);
  }

  /** Gives back the room from index `count` on. */
  trim(count: i32): void {
    if (count < this.capacity) this.move(count, count);
  }

  private move(capacity: i32, kept: i32): void {
    const block = heap.alloc(((<usize>capacity) << 2) + ALIGNMENT);
    const moved = (block + ALIGNMENT) & ~(ALIGNMENT - 1);
    store<usize>(moved - sizeof<usize>(), block);
    memory.copy(moved, this.pointer, (<usize>kept) << 2);
    this.giveBack();
    this.pointer = moved;
    this.capacity = capacity;
  }

  private giveBack(): void {
    if (this.pointer != 0) heap.free(load<usize>(this.pointer - sizeof<usize>()));
  }

  /** Gives back all memory, the object's own too. */
  destroy(): void {
    this.giveBack();
    heap.free(changetype<usize>(this));
  }
}
