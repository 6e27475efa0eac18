import { Operation } from "../nats/operation";
import { Totals } from "../telemetry/audit";
import { Meter } from "../telemetry/meter";

/**
 * Messages of one kind and class that came one after the other: they are counted at once, since most connections send or
 * receive many of them. Only one run is under way at a time. It lies in static memory, of which zeros are an empty run.
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
      this.end(operation, meter, totals);
      this.subjectClass = subjectClass;
    }
    this.addAlike(size);
  }

  /** The same of the class that was added last. */
  // @ts-ignore: decorator
  @inline
  addAlike(size: i32): void {
    this.count++;
    this.bytes += size;
  }

  /** What has been added is counted. */
  end(operation: Operation, meter: Meter, totals: Totals): void {
    const count = <u64>this.count;
    if (count == 0) return;
    meter.allowedPayloads(operation, this.subjectClass, count, this.bytes);
    if (operation == Operation.MSG) {
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
