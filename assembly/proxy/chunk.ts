import { Buffer } from "../bytes/buffer";
import { copyShort } from "../bytes/copy";
import { FixedText } from "../bytes/fixed-text";
import { readBytes } from "./buffers";
import { proxy_set_buffer_bytes, STATUS_OK } from "./host";
import { GAP, OUT, outArea, windowArea, WINDOW } from "./memory";

/** A start that lies behind the end of any buffer, with which the host appends. */
const APPEND: u32 = u32.MAX_VALUE;

/**
 * Where a chunk begins with at most so many bytes of a payload, these are read too, although nobody looks at them. Should the
 * chunk end inside a line, the host is given all before that line anew, which must be in the window then: a second read costs
 * 630 ns, these bytes 25 (Envoy 1.40).
 */
const NEAR: i32 = 1024;

/**
 * The size of a payload, in bytes, from which on only FIRST_GLANCE bytes are read at first: the next payload is likely to be as
 * large, and of it only the line need be read. Copying so many bytes costs as much as the further read that is needed where
 * that guess is wrong (25 ps a byte, 630 ns; Envoy 1.40).
 */
export const FAR: i32 = 25_000;
const FIRST_GLANCE: i32 = 1024;

/**
 * The bytes of one callback: what an earlier callback left over (the tail, at negative positions), and what the host
 * now has (positions from 0). They are read through a window in linear memory and edited in one pass from front to
 * back.
 *
 * The host can replace a prefix of its buffer or append to it, nothing else (`BadArgument`, verified on Envoy 1.40).
 * So an edit copies all that stands before it into `out`; what follows the last edit stays in the host. When `out`
 * is full it is appended behind the original bytes, and these are drained at the end: edits of any total size need
 * only this much memory.
 *
 * It lies in static memory (bytes/hot-page.ts), and `begin` sets all of it.
 */
@unmanaged
@final
export class Chunk {
  private buffer: i32;
  private tail: Buffer;
  /** Bytes of the host's buffer at the beginning of the callback. */
  size: i32;
  /** All edits are ignored and the host's buffer stays as it is, as in DRY_RUN. */
  private frozen: bool;
  /** The window shows the positions from `viewStart` to before `viewEnd`. `viewEnd` is 0 until something is read. */
  private viewStart: i32;
  viewEnd: i32;
  /** The address of position 0, which may lie outside of the window. */
  private base: usize;
  /** All original bytes before this position are accounted for in `out` or appended. */
  private done: i32;
  private outLength: i32;
  private appended: bool;
  private edited: bool;
  /** The first read is a short one (FIRST_GLANCE), since the callback before had a payload larger than FAR. */
  private glances: bool;
  /** A host call failed; the callback's bytes must not be trusted. */
  failed: bool;

  /**
   * Begins a callback of which the host's `buffer` (DOWNSTREAM_DATA or UPSTREAM_DATA) holds `size` bytes. `tail` is what an
   * earlier callback left over in that direction; `finish` leaves the new one there. Reads nothing yet.
   */
  // @ts-ignore: decorator
  @inline
  begin(buffer: i32, size: i32, tail: Buffer, frozen: bool, glances: bool): void {
    this.buffer = buffer;
    this.tail = tail;
    this.size = size;
    this.frozen = frozen;
    this.glances = glances;
    this.viewStart = -tail.length;
    this.viewEnd = 0;
    this.base = windowArea + GAP;
    this.done = -tail.length;
    this.outLength = 0;
    this.appended = false;
    this.edited = tail.length > 0;
    // The limits of lines and headers keep a tail shorter. A longer one would overrun the area, so the chunk counts as failed.
    this.failed = <usize>tail.length > GAP;
    // Even a copy of no bytes is a call out of the module.
    if (this.failed || tail.length == 0) return;
    memory.copy(this.base - <usize>tail.length, tail.pointer, <usize>tail.length);
  }

  /** Are bytes that nobody may read perhaps still in the host's buffer? Then they must stay there. */
  get mustStay(): bool {
    return this.failed && !this.frozen;
  }

  /** Where the byte at `position` lies; valid while `viewStart <= position < viewEnd`. */
  // @ts-ignore: decorator
  @inline
  address(position: i32): usize {
    return this.base + <usize>position;
  }

  /** The position of the byte at an address that `address` has answered, or that follows one. */
  // @ts-ignore: decorator
  @inline
  position(address: usize): i32 {
    return <i32>(address - this.base);
  }

  /**
   * Shows the bytes from `position` on, together with as many further ones as fit. Answers false when there are no
   * further ones, since all that the host has is in view already, or when it has `failed`.
   */
  extend(position: i32): bool {
    if (this.viewEnd == 0 && position > 0 && position <= NEAR && !this.glances) position = 0;
    const start = max(position, this.viewEnd);
    if (start >= this.size || this.failed) return false;
    const kept = <usize>(start - position);
    if (kept > GAP) {
      this.failed = true;
      return false;
    }
    const length = min(this.glances || start - this.viewEnd > FAR ? FIRST_GLANCE : WINDOW, this.size - start);
    this.glances = false;
    // Behind a skipped payload the address of `position` may lie beyond linear memory, from where even a copy of 0 bytes traps.
    if (kept > 0) memory.copy(windowArea + GAP - kept, this.address(position), kept);
    if (!this.readFromHost(start, length, windowArea + GAP)) {
      this.failed = true;
      return false;
    }
    this.base = windowArea + GAP - <usize>start;
    this.viewStart = position;
    this.viewEnd = start + length;
    return true;
  }

  /**
   * Edits count from here on: what is frozen until now, the tail and the chunk's bytes up to the end of its line, passes as it
   * is. To be called when the tail has been read and before anything is written.
   */
  thaw(): void {
    this.frozen = false;
    this.done = 0;
    this.edited = false;
  }

  /**
   * Drops the original bytes from `from` to before `to`, which may be the same position; what is written afterwards stands in
   * their place. Edits go from front to back.
   */
  drop(from: i32, to: i32): void {
    if (this.frozen) return;
    this.edited = true;
    if (this.done < from) this.keepUntil(from);
    this.done = to;
  }

  /**
   * The address at which at most `length` bytes may be written now, `length` being at most OUT. Say with `wrote` how many were.
   */
  writeArea(length: i32): usize {
    if (this.outLength + length > OUT) this.flush();
    return outArea + <usize>this.outLength;
  }

  /** So many bytes have been written at what `writeArea` answered. */
  // @ts-ignore: decorator
  @inline
  wrote(length: i32): void {
    if (!this.frozen) this.outLength += length;
  }

  /**
   * Writes the last `length` bytes that were written once more; no original bytes may have been kept since. Answers false, and
   * has written nothing, where the host has been given them already or `out` has no room.
   */
  writeAgain(length: i32): bool {
    if (this.outLength < length || this.outLength + length > OUT) return false;
    const to = outArea + <usize>this.outLength;
    copyShort(to, to - <usize>length, length);
    this.wrote(length);
    return true;
  }

  /** Writes a constant text in place of what was dropped last. */
  write(text: FixedText): void {
    this.writeBytes(text.pointer, text.length);
  }

  /** Writes `length` bytes, of whatever number. */
  writeBytes(pointer: usize, length: i32): void {
    if (this.frozen) return;
    while (length > 0) {
      const part = min(length, OUT);
      copyShort(this.writeArea(part), pointer, part);
      this.outLength += part;
      pointer += <usize>part;
      length -= part;
    }
  }

  /**
   * Gives the host the result: everything up to `cut`. What follows `cut` becomes the tail of the next callback and
   * is withheld (unless frozen). Answers false when it has `failed`, or the budget has no room for the tail.
   */
  // @ts-ignore: decorator
  @inline
  finish(cut: i32): bool {
    if (this.edited || this.failed || cut < this.size) return this.finishEdited(cut);
    this.tail.clear();
    return true;
  }

  /** `finish` of a chunk that was edited, ends inside a line, or of which a host call failed: most are none of these. */
  private finishEdited(cut: i32): bool {
    if (!this.frozen) {
      if (!this.failed) this.giveUntil(cut);
      // A call may have failed before or just now: nothing of the chunk may pass, edited or not.
      if (this.failed) this.put(0, i32.MAX_VALUE, 0, 0);
    }
    if (this.failed) return false;
    const rest = this.size - cut;
    if (rest > 0) return this.tail.assign(this.address(cut), rest);
    this.tail.clear();
    return true;
  }

  /** Makes the host's buffer what has been written, with all between that was kept, up to `cut`. */
  private giveUntil(cut: i32): void {
    if (cut < this.size) {
      if (this.outLength == 0 && !this.appended && this.done >= this.viewStart && cut > this.done) {
        // Only the end is cut off, and all that stays lies in the window: the host is given it from there.
        this.put(0, this.size, this.address(this.done), cut - this.done);
        return;
      }
      this.keepUntil(cut);
      this.done = this.size;
    } else {
      this.keepUntil(0);
      // Asked only here, since the tail alone may have filled `out`. Once that is appended, no original byte can stay where it is.
      if (this.appended) this.keepUntil(this.size);
    }
    if (this.appended) {
      this.flush();
      this.put(0, this.size, 0, 0);
    } else this.put(0, this.done, outArea, this.outLength);
  }

  /** Drops all of the chunk, what has been written too, and forgets the tail: nothing may pass. */
  finishWithNothing(): void {
    if (!this.frozen) this.put(0, i32.MAX_VALUE, 0, 0);
    this.tail.clear();
  }

  /** Copies all original bytes up to `position` that are not accounted for to `out`. */
  private keepUntil(position: i32): void {
    if (this.done < 0) {
      const upTo = min(position, 0);
      this.writeBytes(this.tail.pointer + <usize>(this.done + this.tail.length), upTo - this.done);
      this.done = upTo;
    }
    while (this.done < position) {
      const part = min(position - this.done, OUT);
      const to = this.writeArea(part);
      if (this.done >= this.viewStart && this.done + part <= this.viewEnd) {
        copyShort(to, this.address(this.done), part);
      } else if (!this.readFromHost(this.done, part, to)) {
        this.failed = true;
        return;
      }
      this.outLength += part;
      this.done += part;
    }
  }

  /** Appends what is in `out` behind the original bytes, so that `out` is empty. */
  private flush(): void {
    if (this.outLength == 0) return;
    this.put(APPEND, 0, outArea, this.outLength);
    this.outLength = 0;
    this.appended = true;
  }

  private put(start: u32, length: i32, data: usize, size: i32): void {
    if (proxy_set_buffer_bytes(this.buffer, start, <u32>length, data, <usize>size) != STATUS_OK) this.failed = true;
  }

  private readFromHost(start: i32, length: i32, to: usize): bool {
    return readBytes(this.buffer, start, length, to) == length;
  }
}
