import {
  hashOf,
  newQuestion,
  recall,
  remember,
  rememberedClass,
  rememberedReason,
  rememberedRule,
} from "../../assembly/policy/decision-cache";
import { Reason } from "../../assembly/policy/reason";
import { lengthOf, pointerTo } from "./bytes-support";

function slotFor(question: u32, subject: string): usize {
  const pointer = pointerTo(subject);
  const length = lengthOf(subject);
  return recall(hashOf(question, pointer, length), question, pointer, length);
}

/** The remembered rule, or -9 when the subject is not remembered. */
function recalled(question: u32, subject: string): i32 {
  const slot = slotFor(question, subject);
  return slot == 0 ? -9 : rememberedRule(slot);
}

function storeOnce(question: u32, subject: string, reason: Reason, rule: i32): void {
  const pointer = pointerTo(subject);
  const length = lengthOf(subject);
  remember(hashOf(question, pointer, length), question, pointer, length, reason, rule, rule & 0xff);
}

/** An answer is written down when it is given for the second time. */
function store(question: u32, subject: string, reason: Reason, rule: i32): void {
  storeOnce(question, subject, reason, rule);
  storeOnce(question, subject, reason, rule);
}

describe("a remembered decision", () => {
  it("is found again for the same question and bytes", () => {
    const question = newQuestion();
    expect(recalled(question, "foo.bar")).toBe(-9);
    store(question, "foo.bar", Reason.DENIED, 7);
    expect(recalled(question, "foo.bar")).toBe(7);
    expect(rememberedReason(slotFor(question, "foo.bar"))).toBe(Reason.DENIED);
    store(question, "foo.bar", Reason.ALLOWED, -1);
    expect(recalled(question, "foo.bar")).toBe(-1);
    expect(rememberedReason(slotFor(question, "foo.bar"))).toBe(Reason.ALLOWED);
  });

  it("comes with the class of its subject", () => {
    const question = newQuestion();
    store(question, "foo.bar", Reason.ALLOWED, 7);
    expect(rememberedClass(slotFor(question, "foo.bar"))).toBe(7);
    store(question, "foo.bar", Reason.ALLOWED, 255);
    expect(rememberedClass(slotFor(question, "foo.bar"))).toBe(255);
  });

  it("is written down when it is given for the second time, not before", () => {
    const question = newQuestion();
    storeOnce(question, "once.only", Reason.ALLOWED, 3);
    expect(recalled(question, "once.only")).toBe(-9);
    storeOnce(question, "once.only", Reason.ALLOWED, 3);
    expect(recalled(question, "once.only")).toBe(3);
  });

  it("is not found for another subject, however near", () => {
    const question = newQuestion();
    store(question, "foo.bar", Reason.DENIED, 7);
    expect(recalled(question, "foo.ba")).toBe(-9);
    expect(recalled(question, "foo.baz")).toBe(-9);
    expect(recalled(question, "foo.bar ")).toBe(-9);
    expect(recalled(question, "")).toBe(-9);
  });

  it("is not found for another question, of which no two are the same", () => {
    const first = newQuestion();
    const second = newQuestion();
    expect(first).not.toBe(second);
    store(first, "foo", Reason.ALLOWED, 1);
    expect(recalled(second, "foo")).toBe(-9);
    store(second, "foo", Reason.ALLOWED, 2);
    expect(recalled(second, "foo")).toBe(2);
  });

  it("may be about a subject of no bytes", () => {
    const question = newQuestion();
    expect(recalled(question, "")).toBe(-9);
    store(question, "", Reason.NOT_ALLOWED, -1);
    expect(recalled(question, "")).toBe(-1);
  });

  it("is about a subject of at most 112 bytes; a longer one is decided anew", () => {
    const question = newQuestion();
    const longest = "a".repeat(112);
    store(question, longest, Reason.ALLOWED, 3);
    expect(recalled(question, longest)).toBe(3);
    const longer = "a".repeat(113);
    store(question, longer, Reason.ALLOWED, 4);
    expect(recalled(question, longer)).toBe(-9);
    expect(recalled(question, longest)).toBe(3);
  });

  it("is only ever the right one when many more subjects come than there are places", () => {
    const question = newQuestion();
    let found = 0;
    for (let i = 0; i < 20_000; i++) store(question, `subject.${i}`, Reason.ALLOWED, i);
    for (let i = 0; i < 20_000; i++) {
      const rule = recalled(question, `subject.${i}`);
      assert(rule == i || rule == -9, `subject.${i}: ${rule}`);
      if (rule == i) found++;
    }
    // The newest of each place is kept: most of the 4,096 places are in use.
    expect(found).toBeGreaterThan(3500);
    expect(found).toBeLessThanOrEqual(4096);
    expect(recalled(question, "subject.19999")).toBe(19999);
  });
});
