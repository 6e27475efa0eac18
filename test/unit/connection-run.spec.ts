import { Run } from "../../assembly/connection/run";
import { Operation } from "../../assembly/nats/operation";
import { Meter } from "../../assembly/telemetry/meter";
import { MAX_CLASS_NUMBERS } from "../../assembly/telemetry/names";
import { Verdict } from "../../assembly/telemetry/operations";
import { messagesOf } from "../../assembly/telemetry/series";
import { Totals } from "../../assembly/telemetry/totals";

const run: Run = changetype<Run>(memory.data(<i32>offsetof<Run>(), 8));
run.clear();

/** More than any size that a line of a message may have, of as many messages as a pass may see at most. */
const LARGEST: i32 = 99_999_999;
const MOST: i32 = 101_283;

/** What a principal's meter has of a class and operation. */
function countOf(meter: Meter, operation: Operation, subjectClass: i32, offset: usize): u64 {
  const blocks = load<usize>(changetype<usize>(meter), offsetof<Meter>("blocks"));
  const block = load<usize>(blocks + ((<usize>subjectClass) << 2));
  return block == 0 ? 0 : load<u64>(block + ((<usize>messagesOf(operation, Verdict.ALLOWED)) << 3) + offset);
}

function messages(meter: Meter, subjectClass: i32, operation: Operation = Operation.PUB): u64 {
  return countOf(meter, operation, subjectClass, 0);
}

function bytes(meter: Meter, subjectClass: i32, operation: Operation = Operation.PUB): u64 {
  return countOf(meter, operation, subjectClass, 8);
}

describe("a run of messages", () => {
  it("counts each by its class, whether that is the class of the one before or another", () => {
    const meter = new Meter(false, 0, 0);
    const totals = new Totals();
    run.add(0, 1);
    run.addAlike(10);
    run.add(0, 100);
    run.add(2, 1000);
    run.addAlike(10_000);
    run.add(0, 100_000);
    run.addAlike(0);
    run.add(MAX_CLASS_NUMBERS - 1, 7);
    run.add(2, 0);
    run.end(Operation.PUB, meter, totals);
    expect(messages(meter, 0)).toBe(5);
    expect(bytes(meter, 0)).toBe(100_111);
    expect(messages(meter, 2)).toBe(3);
    expect(bytes(meter, 2)).toBe(11_000);
    expect(messages(meter, MAX_CLASS_NUMBERS - 1)).toBe(1);
    expect(bytes(meter, MAX_CLASS_NUMBERS - 1)).toBe(7);
    expect(messages(meter, 1)).toBe(0);
    expect(totals.messagesIn).toBe(9);
    expect(totals.bytesIn).toBe(111_118);
    expect(totals.messagesOut).toBe(0);
    meter.destroy();
  });

  it("is empty when it has ended, and counts nothing of it again", () => {
    const meter = new Meter(false, 0, 0);
    const totals = new Totals();
    for (let round = 1; round <= 3; round++) {
      run.end(Operation.MSG, meter, totals);
      run.add(5, 1);
      run.add(6, 10);
      run.end(Operation.MSG, meter, totals);
      run.end(Operation.MSG, meter, totals);
      expect(messages(meter, 5, Operation.MSG)).toBe(round);
      expect(bytes(meter, 6, Operation.MSG)).toBe(10 * round);
      expect(totals.messagesOut).toBe(2 * round);
      expect(totals.bytesOut).toBe(11 * round);
    }
    expect(totals.messagesIn).toBe(0);
    meter.destroy();
  });

  it("tells the meter of whom it is, although all runs share the tallies", () => {
    const one = new Meter(false, 0, 0);
    const other = new Meter(false, 0, 0);
    const totals = new Totals();
    run.add(3, 1);
    run.end(Operation.PUB, one, totals);
    run.add(3, 2);
    run.end(Operation.HPUB, other, totals);
    expect(bytes(one, 3)).toBe(1);
    expect(bytes(other, 3)).toBe(0);
    expect(bytes(other, 3, Operation.HPUB)).toBe(2);
    one.destroy();
    other.destroy();
  });

  it("has room for as many messages as a window may have, and for the largest of them", () => {
    const meter = new Meter(false, 0, 0);
    const totals = new Totals();
    for (let i = 0; i < MOST; i++) run.add(4, 0);
    run.addAlike(LARGEST);
    run.end(Operation.PUB, meter, totals);
    expect(messages(meter, 4)).toBe(MOST + 1);
    expect(bytes(meter, 4)).toBe(LARGEST);
    meter.destroy();
  });
});
