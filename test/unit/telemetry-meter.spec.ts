import { mostToGrowTo } from "../../assembly/bytes/budget";
import { Operation } from "../../assembly/nats/operation";
import { Reason } from "../../assembly/policy/reason";
import { Meter } from "../../assembly/telemetry/meter";

describe("the counts of a principal", () => {
  it("give back all of their memory, with that of each class and refusal", () => {
    // Its labels and names are asked for only when the host is told.
    const room = mostToGrowTo();
    let before = 0;
    for (let round = 0; round < 3000; round++) {
      const meter = new Meter(false, 0, 0, 0);
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
});
