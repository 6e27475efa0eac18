import { Buffer } from "../bytes/buffer";
import { copyShort } from "../bytes/copy";
import { POINTER_ANSWER, SIZE_ANSWER } from "../bytes/hot-line";
import { OK, proxy_get_buffer_bytes, proxy_set_buffer_bytes } from "./host";
import { GAP, OUT, outArea, receiveInto, receiveProperty, releaseAnswer, windowArea, WINDOW } from "./memory";

/** Any start at or behind the end of the buffer appends. */
const APPEND: u32 = u32.MAX_VALUE;

/**
 * The rest of a payload that is read although nobody looks at it. If the chunk ends inside a line, the host is given all
 * before that line anew, for which it must be here; a second read costs 630 ns, these bytes 25 (Envoy 1.40).
 */
const NEAR: i32 = 1024;

/**
 * Behind a payload as large as this the next one is likely to be so too: then a line is all that is worth reading at
 * first. Copying these bytes costs as much as the further read that is needed if it was not so (25 ps a byte, 630 ns).
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
 */
@unmanaged
@final
export class Chunk {
  private buffer: i32 = 0;
  private tail: Buffer = new Buffer();
  /** Bytes of the host's buffer at the beginning of the callback. */
  size: i32 = 0;
  /** What is edited is only looked at: in DRY_RUN nothing is changed. */
  private frozen: bool = false;
  /** The window shows the positions from `viewStart` to before `viewEnd`. */
  private viewStart: i32 = 0;
  viewEnd: i32 = 0;
  private base: usize = 0;
  /** All original bytes before this position are accounted for in `out` or appended. */
  private done: i32 = 0;
  private outLength: i32 = 0;
  private appended: bool = false;
  private edited: bool = false;
  /** A line is all that is worth reading at first: a payload of the callback before was larger than FAR. */
  private glances: bool = false;
  /** A host call failed; the callback's bytes must not be trusted. */
  failed: bool = false;

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
    // No limit lets a tail grow so long; should one all the same, nothing of it may be trusted.
    this.failed = <usize>tail.length > GAP;
    // A copy of nothing too would be a call out of the module.
    if (this.failed || tail.length == 0) return;
    memory.copy(this.base - <usize>tail.length, tail.pointer, <usize>tail.length);
  }

  /** Where the byte at `position` lies; valid while `viewStart <= position < viewEnd`. */
  // @ts-ignore: decorator
  @inline
  address(position: i32): usize {
    return this.base + <usize>position;
  }

  // @ts-ignore: decorator
  @inline
  position(address: usize): i32 {
    return <i32>(address - this.base);
  }

  /**
   * Shows the bytes from `position` on, together with as many further ones as fit. Answers false when there are no
   * further ones: all that the host has is in view already.
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
    // Behind a skipped payload `position` may lie beyond linear memory, and even a copy of nothing from there traps.
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

  /** From here on edits count; what stands before has passed. Only behind the tail, before any text was written. */
  thaw(): void {
    this.frozen = false;
    this.done = 0;
    this.edited = false;
  }

  /** Drops the original bytes from `from` to before `to`; texts written afterwards stand in their place. */
  drop(from: i32, to: i32): void {
    if (this.frozen) return;
    this.edited = true;
    if (this.done < from) this.keepUntil(from);
    this.done = to;
  }

  /** Where at most `length` bytes may be written now; `length` is at most OUT. Tell how many were with `wrote`. */
  writeArea(length: i32): usize {
    if (this.outLength + length > OUT) this.flush();
    return outArea + <usize>this.outLength;
  }

  // @ts-ignore: decorator
  @inline
  wrote(length: i32): void {
    if (!this.frozen) this.outLength += length;
  }

  /**
   * Writes the last `length` bytes once more, since which nothing may have been kept. Answers false, and has written nothing, where
   * these are not here any more or there is no room.
   */
  writeAgain(length: i32): bool {
    if (this.outLength < length || this.outLength + length > OUT) return false;
    const to = outArea + <usize>this.outLength;
    copyShort(to, to - <usize>length, length);
    this.wrote(length);
    return true;
  }

  write(text: StaticArray<u8>): void {
    this.writeBytes(changetype<usize>(text), text.length);
  }

  /** `length` may be of any size. */
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
   * is withheld (unless frozen). Answers false when the budget has no room for the tail.
   */
  // @ts-ignore: decorator
  @inline
  finish(cut: i32): bool {
    if (this.edited || this.failed || cut < this.size) return this.finishEdited(cut);
    this.tail.clear();
    return true;
  }

  /** Where bytes were edited, are left over or cannot be trusted; of most chunks nothing of it is true. */
  private finishEdited(cut: i32): bool {
    if (!this.frozen) {
      if (!this.failed) this.giveUntil(cut);
      // Also what a failed call has left of it.
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
        // Nothing but the end is cut off, and all that stays lies in the window: it needs no copy of ours.
        this.put(0, this.size, this.address(this.done), cut - this.done);
        return;
      }
      this.keepUntil(cut);
      this.done = this.size;
    } else {
      this.keepUntil(0);
      // Asked only now: the tail too may have filled `out`, and once something is appended nothing of the original stays.
      if (this.appended) this.keepUntil(this.size);
    }
    if (this.appended) {
      this.flush();
      this.put(0, this.size, 0, 0);
    } else this.put(0, this.done, outArea, this.outLength);
  }

  /** Replaces all of the chunk by what has been written, and forgets the tail: nothing original may pass. */
  finishWithWrittenOnly(): void {
    if (!this.frozen) {
      if (this.appended) {
        this.flush();
        this.put(0, this.size, 0, 0);
      } else this.put(0, this.size, outArea, this.outLength);
    }
    this.tail.clear();
  }

  private keepUntil(position: i32): void {
    if (this.done < 0 && position > this.done) {
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

  private flush(): void {
    if (this.outLength == 0 || this.frozen) return;
    this.put(APPEND, 0, outArea, this.outLength);
    this.outLength = 0;
    this.appended = true;
  }

  private put(start: u32, length: i32, data: usize, size: i32): void {
    if (proxy_set_buffer_bytes(this.buffer, start, <u32>length, data, <usize>size) != OK) this.failed = true;
  }

  private readFromHost(start: i32, length: i32, to: usize): bool {
    return readBytes(this.buffer, start, length, to) == length;
  }
}

/** Copies bytes of a host's buffer to `to` and answers how many, or -1 when the host did not do as it should. */
function readBytes(buffer: i32, start: i32, length: i32, to: usize): i32 {
  store<usize>(POINTER_ANSWER, 0);
  store<u32>(SIZE_ANSWER, 0);
  receiveInto(to, <usize>length);
  const status = proxy_get_buffer_bytes(buffer, <u32>start, <u32>length, POINTER_ANSWER, SIZE_ANSWER);
  const at = load<usize>(POINTER_ANSWER);
  const size = <i32>load<u32>(SIZE_ANSWER);
  releaseAnswer(at);
  receiveProperty();
  if (status != OK) return -1;
  return size == 0 ? 0 : at == to ? size : -1;
}

/** Has the host's buffer a byte at `position`? */
export function hasBytesAt(buffer: i32, position: i32): bool {
  return readBytes(buffer, position, 1, outArea) != 0;
}
