import { HEADERS_RUN, TALLIES } from "../bytes/hot-page";
import { Operation } from "../nats/operation";
import { Meter } from "../telemetry/meter";
import { Totals } from "../telemetry/totals";

/**
 * A tally is what a run has of one class: messages and their bytes in one number, u64, so that one addition counts a message, and
 * the tally of the class that was met before, usize, or 0. Zeros are a class without messages.
 */
const BEFORE: usize = 8;
/** Exported for specs. */
export const TALLY_BYTES: usize = 16;
/**
 * The bits of bytes; those above are of messages. Both have room: a pass sees no more than the window (proxy/memory.ts), which has
 * some 101,000 messages of 11 bytes at most, and only the last payload may go on behind it.
 */
const BYTES_BITS: u64 = 40;
const ONE_MESSAGE: u64 = (<u64>1) << BYTES_BITS;
/** In place of a class. */
const NO_CLASS: i32 = -1;

/**
 * Messages of one kind that one pass of a short way lets through, counted by class and told to the meter at once when the pass
 * ends. While all are of one class, nothing but that is asked of each. Once there are two, each is added to the tally of its own:
 * which of them the next one has no processor foresees, and asking cost more than the adding (mixed subjects ×0.87).
 *
 * One pass is under way at a time, so that all runs share the tallies. A run lies in static memory, and must be cleared before its
 * first use.
 */
@unmanaged
@final
export class Run {
  /** The class of all messages so far; NO_CLASS when there are none, or of several classes. */
  private onlyClass: i32;
  /** The tally of the class that was added last. */
  private current: usize;
  /** The tally of the class that was met last; 0 when there are no messages. */
  private met: usize;

  /** Makes an empty run of any bytes. */
  // @ts-ignore: decorator
  @inline
  clear(): void {
    this.onlyClass = NO_CLASS;
    this.met = 0;
  }

  /** One more message of `size` bytes, of a class below MAX_CLASS_NUMBERS (telemetry/names.ts). */
  // @ts-ignore: decorator
  @inline
  add(subjectClass: i32, size: i32): void {
    let tally = this.current;
    if (subjectClass != this.onlyClass) tally = this.choose(subjectClass);
    count(tally, size);
  }

  /** One more message of the class that was added last, of which there must be one. */
  // @ts-ignore: decorator
  @inline
  addAlike(size: i32): void {
    count(this.current, size);
  }

  private choose(subjectClass: i32): usize {
    const tally = TALLIES + <usize>subjectClass * TALLY_BYTES;
    if (load<u64>(tally) == 0) {
      const before = this.met;
      store<usize>(tally, before, BEFORE);
      this.met = tally;
      this.onlyClass = before == 0 ? subjectClass : NO_CLASS;
    }
    this.current = tally;
    return tally;
  }

  /** Counts what has been added, so that the run is empty. Not inlined, which would make the module 840 bytes larger. */
  end(operation: Operation, meter: Meter, totals: Totals): void {
    let messages: u64 = 0;
    let bytes: u64 = 0;
    for (let tally = this.met; tally != 0; tally = load<usize>(tally, BEFORE)) {
      const counted = load<u64>(tally);
      store<u64>(tally, 0);
      const messagesOfClass = counted >> BYTES_BITS;
      const bytesOfClass = counted & (ONE_MESSAGE - 1);
      meter.allowedPayloads(operation, <i32>((tally - TALLIES) / TALLY_BYTES), messagesOfClass, bytesOfClass);
      messages += messagesOfClass;
      bytes += bytesOfClass;
    }
    this.clear();
    if (operation == Operation.MSG || operation == Operation.HMSG) {
      totals.messagesOut += messages;
      totals.bytesOut += bytes;
    } else {
      totals.messagesIn += messages;
      totals.bytesIn += bytes;
    }
  }
}

/** Publishes or deliveries with headers, which are never counted in the same pass. */
export const RUN_OF_HEADERS: Run = changetype<Run>(HEADERS_RUN);
RUN_OF_HEADERS.clear();

// @ts-ignore: decorator
@inline
function count(tally: usize, size: i32): void {
  store<u64>(tally, load<u64>(tally) + ONE_MESSAGE + <u64>size);
}
