import {
  isRemembered,
  newQuestion,
  remember,
  rememberedReason,
  rememberedRule,
  slotOf,
} from "../../assembly/policy/decision-cache";
import { Reason } from "../../assembly/policy/reason";
import { lengthOf, pointerTo } from "./bytes-support";

/** The remembered rule, or -9 when the subject is not remembered. */
function recall(question: u32, subject: string): i32 {
  const pointer = pointerTo(subject);
  const slot = slotOf(question, pointer, lengthOf(subject));
  return isRemembered(slot, question, pointer, lengthOf(subject)) ? rememberedRule(slot) : -9;
}

function store(question: u32, subject: string, reason: Reason, rule: i32): void {
  const pointer = pointerTo(subject);
  const slot = slotOf(question, pointer, lengthOf(subject));
  remember(slot, question, pointer, lengthOf(subject), reason, rule, rule & 0xff);
}

describe("a remembered decision", () => {
  it("is found again for the same question and bytes", () => {
    const question = newQuestion();
    expect(recall(question, "foo.bar")).toBe(-9);
    store(question, "foo.bar", Reason.DENIED, 7);
    expect(recall(question, "foo.bar")).toBe(7);
    const pointer = pointerTo("foo.bar");
    expect(rememberedReason(slotOf(question, pointer, 7))).toBe(Reason.DENIED);
    store(question, "foo.bar", Reason.ALLOWED, -1);
    expect(recall(question, "foo.bar")).toBe(-1);
    expect(rememberedReason(slotOf(question, pointer, 7))).toBe(Reason.ALLOWED);
  });

  it("is not found for another subject, however near", () => {
    const question = newQuestion();
    store(question, "foo.bar", Reason.DENIED, 7);
    expect(recall(question, "foo.ba")).toBe(-9);
    expect(recall(question, "foo.baz")).toBe(-9);
    expect(recall(question, "foo.bar ")).toBe(-9);
    expect(recall(question, "")).toBe(-9);
  });

  it("is not found for another question, of which no two are the same", () => {
    const first = newQuestion();
    const second = newQuestion();
    expect(first).not.toBe(second);
    store(first, "foo", Reason.ALLOWED, 1);
    expect(recall(second, "foo")).toBe(-9);
    store(second, "foo", Reason.ALLOWED, 2);
    expect(recall(second, "foo")).toBe(2);
  });

  it("may be about a subject of no bytes", () => {
    const question = newQuestion();
    expect(recall(question, "")).toBe(-9);
    store(question, "", Reason.NOT_ALLOWED, -1);
    expect(recall(question, "")).toBe(-1);
  });

  it("is about a subject of at most 80 bytes; a longer one is decided anew", () => {
    const question = newQuestion();
    const longest = "a".repeat(80);
    store(question, longest, Reason.ALLOWED, 3);
    expect(recall(question, longest)).toBe(3);
    const longer = "a".repeat(81);
    expect(slotOf(question, pointerTo(longer), 81)).toBe(0);
    store(question, longer, Reason.ALLOWED, 4);
    expect(recall(question, longer)).toBe(-9);
    expect(recall(question, longest)).toBe(3);
  });

  it("is only ever the right one when many more subjects come than there are places", () => {
    const question = newQuestion();
    let found = 0;
    for (let i = 0; i < 20_000; i++) store(question, `subject.${i}`, Reason.ALLOWED, i);
    for (let i = 0; i < 20_000; i++) {
      const rule = recall(question, `subject.${i}`);
      assert(rule == i || rule == -9, `subject.${i}: ${rule}`);
      if (rule == i) found++;
    }
    // The newest of each place is kept: most of the 4,096 places are in use.
    expect(found).toBeGreaterThan(3500);
    expect(found).toBeLessThanOrEqual(4096);
    expect(recall(question, "subject.19999")).toBe(19999);
  });
});
