import { mostToGrowTo } from "../../assembly/bytes/budget";
import { Operation } from "../../assembly/nats/operation";
import { Reason } from "../../assembly/policy/reason";
import { MAX_ALL_REFUSAL_SERIES, MAX_REFUSAL_SERIES, Meter } from "../../assembly/telemetry/meter";
import { RefusalCounts } from "../../assembly/telemetry/refusal-counts";

/** A principal's meter with refusals of so many kinds. */
function meterOf(kinds: i32): Meter {
  const meter = new Meter(false, 0, 0);
  for (let i = 0; i < kinds; i++) meter.refused(Operation.PUB, 2 + (i & 127), Reason.NOT_ALLOWED, 2 + (i >> 7), 0);
  return meter;
}

/** Of how many series its refusals are. */
function seriesOf(meter: Meter): i32 {
  return changetype<RefusalCounts>(load<usize>(changetype<usize>(meter), offsetof<Meter>("refusals"))).count;
}

describe("the counts of a principal", () => {
  it("give back all of their memory, with that of each class and refusal", () => {
    // Its labels and names are asked for only when the host is told.
    const room = mostToGrowTo();
    let before = 0;
    for (let round = 0; round < 3000; round++) {
      const meter = new Meter(false, 0, 0);
      for (let subjectClass = 0; subjectClass < 4; subjectClass++) {
        meter.allowed(Operation.PUB, subjectClass);
        meter.refused(Operation.PUB, subjectClass, Reason.NOT_ALLOWED, 1, 10);
      }
      // Linear memory may be as much larger as the blocks of counts are: one of its own and four of classes, of 800 bytes and less.
      const blocks = mostToGrowTo() - room;
      expect(blocks).toBeGreaterThan(5 * 100);
      expect(blocks).toBeLessThan(5 * 1000);
      meter.destroy();
      expect(mostToGrowTo()).toBe(room);
      if (round == 10) before = memory.size();
    }
    expect(memory.size()).toBe(before);
  });

  it("have one more series for all further kinds of refusals", () => {
    const meter = meterOf(MAX_REFUSAL_SERIES + 2);
    expect(seriesOf(meter)).toBe(MAX_REFUSAL_SERIES + 1);
    meter.destroy();
  });

  it("have series of refusals while all principals have no more than their bound, and leave theirs to others", () => {
    for (let round = 0; round < 2; round++) {
      const meters: Meter[] = [];
      for (let i = 0; i < MAX_ALL_REFUSAL_SERIES / MAX_REFUSAL_SERIES; i++) meters.push(meterOf(MAX_REFUSAL_SERIES));
      for (let i = 0; i < meters.length; i++) expect(seriesOf(meters[i])).toBe(MAX_REFUSAL_SERIES);
      meters.push(meterOf(10));
      expect(seriesOf(meters[meters.length - 1])).toBe(1);
      meters.shift().destroy();
      meters.push(meterOf(10));
      expect(seriesOf(meters[meters.length - 1])).toBe(10);
      for (let i = 0; i < meters.length; i++) meters[i].destroy();
    }
  });
});
