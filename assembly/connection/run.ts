import { Operation } from "../nats/operation";
import { OTHER_CLASS } from "../policy/subject-classes";
import { Totals } from "../telemetry/audit";
import { Meter } from "../telemetry/meter";

/**
 * Messages of one kind and class that came one after the other: they are counted at once, since most connections send or
 * receive many of them. Only one run is under way at a time.
 */
@unmanaged
@final
export class Run {
  private subjectClass: i32 = OTHER_CLASS;
  private count: i32 = 0;
  private bytes: u64 = 0;

  constructor(private readonly operation: Operation) {}

  /** One more message of `size` bytes. */
  // @ts-ignore: decorator
  @inline
  add(meter: Meter, totals: Totals, subjectClass: i32, size: i32): void {
    if (subjectClass != this.subjectClass) {
      this.end(meter, totals);
      this.subjectClass = subjectClass;
    }
    this.count++;
    this.bytes += size;
  }

  /** What has been added is counted. */
  end(meter: Meter, totals: Totals): void {
    const count = <u64>this.count;
    if (count == 0) return;
    meter.allowedPayloads(this.operation, this.subjectClass, count, this.bytes);
    if (this.operation == Operation.MSG) {
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
