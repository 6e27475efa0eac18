import { Operation } from "../../assembly/nats/operation";
import { Reason } from "../../assembly/policy/reason";
import { Meter } from "../../assembly/telemetry/meter";

describe("the counts of a principal", () => {
  it("give back all of their memory, with that of each class and refusal", () => {
    // Its labels and names are asked for only when the host is told.
    let before = 0;
    for (let round = 0; round < 3000; round++) {
      const meter = new Meter(0, 0, 0);
      for (let subjectClass = 0; subjectClass < 4; subjectClass++) {
        meter.allowed(Operation.PUB, subjectClass);
        meter.refused(Operation.PUB, subjectClass, Reason.NOT_ALLOWED, 1, 10);
      }
      meter.destroy();
      if (round == 10) before = memory.size();
    }
    expect(memory.size()).toBe(before);
  });
});
