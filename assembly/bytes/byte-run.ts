/**
 * A growable run of bytes outside the collector's heap, for what lives as long as a policy. Like `Words` it is not charged to
 * the budget of connections: the length of a configuration bounds it.
 */
@unmanaged
@final
export class ByteRun {
  pointer: usize = 0;
  length: i32 = 0;
  private capacity: i32 = 0;

  /** Copies `length` bytes behind the present ones and answers their offset, which stays valid when the run grows. */
  append(pointer: usize, length: i32): i32 {
    const offset = this.length;
    memory.copy(this.extend(length), pointer, <usize>length);
    return offset;
  }

  /**
   * Makes the run `length` bytes longer. Answers the address of the new bytes, which hold anything and stay there until the run
   * grows again.
   */
  extend(length: i32): usize {
    const offset = this.length;
    const wanted = offset + length;
    if (wanted > this.capacity) this.move(max(max(this.capacity * 2, wanted), 64));
    this.length = wanted;
    return this.pointer + <usize>offset;
  }

  /** A copy of all bytes as an object of the collector's heap. */
  copied(): StaticArray<u8> {
    const copy = new StaticArray<u8>(this.length);
    memory.copy(changetype<usize>(copy), this.pointer, <usize>this.length);
    return copy;
  }

  /** Gives back the room that is not used. */
  trim(): void {
    if (this.length < this.capacity) this.move(this.length);
  }

  /** Gives back all memory, the object's own too. */
  destroy(): void {
    if (this.pointer != 0) heap.free(this.pointer);
    heap.free(changetype<usize>(this));
  }

  private move(capacity: i32): void {
    const moved = heap.alloc(<usize>capacity);
    memory.copy(moved, this.pointer, <usize>this.length);
    if (this.pointer != 0) heap.free(this.pointer);
    this.pointer = moved;
    this.capacity = capacity;
  }
}
