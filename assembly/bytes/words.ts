/**
 * A growable array of i32 outside the collector's heap, for what lives as long as a policy. It is not charged to the
 * budget of connections, since a configuration's size is bounded by itself.
 */
@unmanaged
@final
export class Words {
  pointer: usize = 0;
  private capacity: i32 = 0;

  // @ts-ignore: decorator
  @inline
  get(index: i32): i32 {
    return load<i32>(this.pointer + ((<usize>index) << 2));
  }

  // @ts-ignore: decorator
  @inline
  set(index: i32, value: i32): void {
    store<i32>(this.pointer + ((<usize>index) << 2), value);
  }

  /** Makes room for indices below `count`; new places hold whatever was in memory. */
  reserve(count: i32): void {
    if (count <= this.capacity) return;
    this.move(max(max(this.capacity * 2, count), 16), this.capacity);
  }

  /** Keeps no more room than for indices below `count`. */
  trim(count: i32): void {
    if (count < this.capacity) this.move(count, count);
  }

  private move(capacity: i32, kept: i32): void {
    const moved = heap.alloc((<usize>capacity) << 2);
    memory.copy(moved, this.pointer, (<usize>kept) << 2);
    if (this.pointer != 0) heap.free(this.pointer);
    this.pointer = moved;
    this.capacity = capacity;
  }

  destroy(): void {
    if (this.pointer != 0) heap.free(this.pointer);
    heap.free(changetype<usize>(this));
  }
}
