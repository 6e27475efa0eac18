import { Operation } from "../nats/operation";
import { Meter } from "../telemetry/meter";
import { Totals } from "../telemetry/totals";

/**
 * Messages of one kind and class that come one after the other and are counted at once, since most connections send or receive
 * many such. One run of each kind is under way at a time. It lies in static memory, where zeros are an empty run.
 */
@unmanaged
@final
export class Run {
  private subjectClass: i32;
  private count: i32;
  private bytes: u64;

  /** One more message of `size` bytes. */
  // @ts-ignore: decorator
  @inline
  add(operation: Operation, meter: Meter, totals: Totals, subjectClass: i32, size: i32): void {
    if (subjectClass != this.subjectClass) {
      this.change(operation, meter, totals);
      this.subjectClass = subjectClass;
    }
    this.addAlike(size);
  }

  /** One more message of the class that was added last. */
  // @ts-ignore: decorator
  @inline
  addAlike(size: i32): void {
    this.count++;
    this.bytes += size;
  }

  /** Counts what has been added, by a call, for where that is seldom done. */
  private change(operation: Operation, meter: Meter, totals: Totals): void {
    this.end(operation, meter, totals);
  }

  /** Counts what has been added, so that the run is empty. */
  // @ts-ignore: decorator
  @inline
  end(operation: Operation, meter: Meter, totals: Totals): void {
    const count = <u64>this.count;
    if (count == 0) return;
    meter.allowedPayloads(operation, this.subjectClass, count, this.bytes);
    if (operation == Operation.MSG || operation == Operation.HMSG) {
      totals.messagesOut += count;
      totals.bytesOut += this.bytes;
    } else {
      totals.messagesIn += count;
      totals.bytesIn += this.bytes;
    }
    this.count = 0;
    this.bytes = 0;
  }
}
