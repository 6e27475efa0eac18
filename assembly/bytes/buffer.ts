import { giveBack, take } from "./budget";
import { copyShort } from "./copy";

/** The first capacity of a buffer that holds anything; most tails and texts fit. */
const FIRST_CAPACITY: i32 = 64;
/**
 * Bytes of a capacity that `assign` keeps for shorter content, since the next may be as long again. Lines have fewer unless
 * `max_control_line` is raised, or topics of MQTT are long.
 */
const KEPT: i32 = 16 * 1024;

/**
 * A growable run of bytes outside the collector's heap, charged to the VM's budget. It lies in its owner (bytes/embedded.ts), who
 * calls `release`. Methods that may need memory answer false when the budget refuses it: `reserve` and `append` have then changed
 * nothing, `assign` has dropped the former content.
 */
@unmanaged
@final
export class Buffer {
  pointer: usize;
  length: i32;
  capacity: i32;

  /** Makes room for `more` bytes behind the present ones. */
  reserve(more: i32): bool {
    const wanted = <i64>this.length + <i64>more;
    if (wanted <= <i64>this.capacity) return true;
    if (wanted > <i64>(i32.MAX_VALUE / 2)) return false;
    let capacity = max(this.capacity * 2, FIRST_CAPACITY);
    while (<i64>capacity < wanted) capacity *= 2;
    const moved = take(<usize>capacity);
    if (moved == 0) return false;
    memory.copy(moved, this.pointer, <usize>this.length);
    giveBack(this.pointer, <usize>this.capacity);
    this.pointer = moved;
    this.capacity = capacity;
    return true;
  }

  /** Copies `length` bytes behind the present ones. They must not lie in this buffer, which may move. */
  append(pointer: usize, length: i32): bool {
    if (!this.reserve(length)) return false;
    copyShort(this.pointer + <usize>this.length, pointer, length);
    this.length += length;
    return true;
  }

  /**
   * Replaces the content by `length` bytes at `pointer`, which must not lie in this buffer. It is no larger than twice that then, or
   * than KEPT: in a stream of long lines each read ends inside one, and thousands of connections would hold what the longest needs.
   */
  assign(pointer: usize, length: i32): bool {
    if (length > this.capacity || this.capacity > max(length * 2, KEPT)) {
      // Before a block is taken, so that not both count.
      this.release();
      if (!this.reserve(length)) return false;
    }
    memory.copy(this.pointer, pointer, <usize>length);
    this.length = length;
    return true;
  }

  /** Empties the buffer. It keeps its memory if that is small, since most connections need it again soon. */
  clear(): void {
    this.length = 0;
    if (this.capacity > FIRST_CAPACITY * 4) this.release();
  }

  /** Gives back the memory. The buffer is empty then, and may be used again. */
  release(): void {
    giveBack(this.pointer, <usize>this.capacity);
    this.pointer = 0;
    this.length = 0;
    this.capacity = 0;
  }
}
