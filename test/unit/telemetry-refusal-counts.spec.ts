import {
  keyClass,
  keyIsDryRun,
  keyOperation,
  keyReason,
  keyRule,
  refusalKey,
  RefusalCounts,
  slotKey,
  takePending,
} from "../../assembly/telemetry/refusal-counts";

describe("the key of a refusal", () => {
  it("holds each of its parts apart, even at their largest", () => {
    const key = refusalKey(true, 12, 12, 255, 8191);
    expect(keyIsDryRun(key)).toBe(true);
    expect(keyOperation(key)).toBe(12);
    expect(keyReason(key)).toBe(12);
    expect(keyClass(key)).toBe(255);
    expect(keyRule(key)).toBe(8191);
    expect(keyIsDryRun(refusalKey(false, 12, 12, 255, 8191))).toBe(false);
    expect(refusalKey(false, 0, 0, 0, 0)).not.toBe(0);
  });
});

describe("counts of refusals", () => {
  it("are found again by their key, however many there are, and are reported once", () => {
    const counts = new RefusalCounts();
    expect(counts.increase(refusalKey(false, 2, 1, 0, 0), 1)).toBe(false);
    expect(counts.nextPending(0)).toBe(0);
    for (let rule = 0; rule < 1000; rule++) counts.add(refusalKey(false, 2, 1, 0, rule), 1);
    for (let rule = 0; rule < 1000; rule += 2) {
      expect(counts.increase(refusalKey(false, 2, 1, 0, rule), 1)).toBe(true);
    }
    expect(counts.increase(refusalKey(false, 2, 1, 0, 1000), 1)).toBe(false);
    expect(counts.count).toBe(1000);
    let seen = 0;
    let slot = counts.nextPending(0);
    while (slot != 0) {
      seen++;
      expect(takePending(slot)).toBe(keyRule(slotKey(slot)) % 2 == 0 ? 2 : 1);
      slot = counts.nextPending(slot);
    }
    expect(seen).toBe(1000);
    expect(counts.nextPending(0)).toBe(0);
    counts.destroy();
  });
});
