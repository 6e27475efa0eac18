import { HALF, highHalf, isPaddable, lowHalf, readable } from "../../assembly/bytes/padded";
import { answerOf, classOf, NO_ANSWER, reasonOf, ruleOf } from "../../assembly/policy/answer";
import {
  forgetAnswers,
  keyOf,
  makeRoomFor,
  newQuestion,
  beginningAnswer,
  longAnswer,
  shortAnswer,
  writeDown,
  writeDownBeginning,
  writeDownUnasked,
} from "../../assembly/policy/decision-cache";
import { Reason } from "../../assembly/policy/reason";
import { lengthOf, pointerTo } from "./bytes-support";

/** Where the subject lies, followed by as many bytes of memory as a read of a short one covers. */
function placeOf(subject: string): usize {
  const length = lengthOf(subject);
  return isPaddable(length) ? readable(pointerTo(subject), length) : pointerTo(subject);
}

function answerFor(question: u32, subject: string): u64 {
  const pointer = placeOf(subject);
  const length = lengthOf(subject);
  const key = keyOf(question, length);
  if (!isPaddable(length)) return longAnswer(key, pointer, length);
  return shortAnswer(key, lowHalf(pointer, length), highHalf(pointer, length));
}

/** The remembered rule, or -9 if the subject is not remembered. */
function recalled(question: u32, subject: string): i32 {
  const answer = answerFor(question, subject);
  return answer == NO_ANSWER ? -9 : ruleOf(answer);
}

function storeOnce(question: u32, subject: string, reason: Reason, rule: i32): void {
  writeDown(question, placeOf(subject), lengthOf(subject), answerOf(reason, rule, rule & 0xff));
}

/** An answer is written down when it is given for the second time. */
function store(question: u32, subject: string, reason: Reason, rule: i32): void {
  storeOnce(question, subject, reason, rule);
  storeOnce(question, subject, reason, rule);
}

const LENGTHS: StaticArray<i32> = [0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 64, 111, 112];

describe("a remembered decision", () => {
  it("is found again for the same question and bytes", () => {
    const question = newQuestion();
    expect(recalled(question, "foo.bar")).toBe(-9);
    store(question, "foo.bar", Reason.DENIED, 7);
    expect(recalled(question, "foo.bar")).toBe(7);
    expect(reasonOf(answerFor(question, "foo.bar"))).toBe(Reason.DENIED);
  });

  it("is replaced by a newer one, in whose place nothing of the older is found", () => {
    const question = newQuestion();
    for (let i = 0; i < LENGTHS.length; i++) {
      const subject = "n".repeat(LENGTHS[i]);
      store(question, subject, Reason.DENIED, 7);
      expect(recalled(question, subject)).toBe(7);
      store(question, subject, Reason.ALLOWED, -1);
      expect(recalled(question, subject)).toBe(-1);
      expect(reasonOf(answerFor(question, subject))).toBe(Reason.ALLOWED);
    }
  });

  it("comes with the class of its subject", () => {
    const question = newQuestion();
    store(question, "foo.bar", Reason.ALLOWED, 7);
    expect(classOf(answerFor(question, "foo.bar"))).toBe(7);
    store(question, "foo.bar", Reason.ALLOWED, 255);
    expect(classOf(answerFor(question, "foo.bar"))).toBe(255);
  });

  it("is written down when it is given for the second time, not before", () => {
    const question = newQuestion();
    storeOnce(question, "once.only", Reason.ALLOWED, 3);
    expect(recalled(question, "once.only")).toBe(-9);
    storeOnce(question, "once.only", Reason.ALLOWED, 3);
    expect(recalled(question, "once.only")).toBe(3);
  });

  it("is not found for a subject that differs in any byte, or in its length", () => {
    const question = newQuestion();
    for (let i = 1; i < LENGTHS.length; i++) {
      const length = LENGTHS[i];
      const subject = "s".repeat(length);
      store(question, subject, Reason.ALLOWED, 7);
      for (let at = 0; at < length; at++) {
        const other = subject.substring(0, at) + "t" + subject.substring(at + 1);
        assert(recalled(question, other) == -9, `another byte at ${at} of ${length}`);
      }
      assert(recalled(question, subject.substring(1)) != 7 || length == 1, `one byte less than ${length}`);
      assert(recalled(question, subject) == 7, `length ${length}`);
      store(question, subject, Reason.ALLOWED, 1000 + length);
    }
  });

  it("is not found for a subject that continues with zeros", () => {
    const question = newQuestion();
    store(question, "foo", Reason.ALLOWED, 7);
    expect(recalled(question, "foo\0")).toBe(-9);
    expect(recalled(question, "foo\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")).toBe(-9);
    expect(recalled(question, "foo")).toBe(7);
  });

  it("is not found for another question, no two of which are the same", () => {
    const first = newQuestion();
    const second = newQuestion();
    expect(first).not.toBe(second);
    store(first, "foo", Reason.ALLOWED, 1);
    expect(recalled(second, "foo")).toBe(-9);
    store(second, "foo", Reason.ALLOWED, 2);
    expect(recalled(second, "foo")).toBe(2);
    expect(recalled(first, "foo")).toBe(1);
  });

  it("may be about an empty subject", () => {
    const question = newQuestion();
    expect(recalled(question, "")).toBe(-9);
    store(question, "", Reason.NOT_ALLOWED, -1);
    expect(recalled(question, "")).toBe(-1);
  });

  it("is about a subject of at most 112 bytes; a longer one is decided each time", () => {
    const question = newQuestion();
    const longest = "a".repeat(112);
    store(question, longest, Reason.ALLOWED, 3);
    expect(recalled(question, longest)).toBe(3);
    const longer = "a".repeat(113);
    store(question, longer, Reason.ALLOWED, 4);
    expect(recalled(question, longer)).toBe(-9);
    expect(recalled(question, longest)).toBe(3);
  });
});

/** The rule remembered for every subject that begins so, or -9. At most HALF bytes. */
function recalledBeginning(question: u32, beginning: string): i32 {
  const length = lengthOf(beginning);
  if (length > HALF) return recalled(question, beginning);
  const answer = beginningAnswer(keyOf(question, length), lowHalf(placeOf(beginning), length));
  return answer == NO_ANSWER ? -9 : ruleOf(answer);
}

function storeBeginning(question: u32, beginning: string, rule: i32): void {
  const answer = answerOf(Reason.ALLOWED, rule, 0);
  for (let i = 0; i < 2; i++) writeDownBeginning(question, placeOf(beginning), lengthOf(beginning), answer);
}

describe("a decision remembered for a beginning of up to 16 bytes", () => {
  it("is not found for one that differs in any byte or in its length, nor for another question", () => {
    const question = newQuestion();
    const another = newQuestion();
    for (let length = 1; length <= HALF; length++) {
      const beginning = "b".repeat(length);
      storeBeginning(question, beginning, length);
      for (let at = 0; at < length; at++) {
        const other = beginning.substring(0, at) + "c" + beginning.substring(at + 1);
        assert(recalledBeginning(question, other) == -9, `another byte at ${at} of ${length}`);
      }
      assert(recalledBeginning(another, beginning) == -9, `another question of length ${length}`);
      if (length < HALF) assert(recalledBeginning(question, beginning + "b") == -9, `one more than ${length}`);
      if (length < HALF) assert(recalledBeginning(question, beginning + "\0") == -9, `a zero more than ${length}`);
    }
    for (let length = 1; length <= HALF; length++) {
      assert(recalledBeginning(question, "b".repeat(length)) == length, `length ${length} beside all others`);
    }
  });

  it("is not found for a whole subject of the same bytes, nor the other way round", () => {
    const question = newQuestion();
    storeBeginning(question, "orders.", 7);
    expect(recalled(question, "orders.")).toBe(-9);
    store(question, "stock.", Reason.ALLOWED, 8);
    expect(recalledBeginning(question, "stock.")).toBe(-9);
  });

  it("is written down at once where its place is free, and drives out none that was", () => {
    const question = newQuestion();
    storeBeginning(question, "kept.", 7);
    const answer = answerOf(Reason.ALLOWED, 8, 0);
    let found = 0;
    for (let i = 0; i < 900; i++) {
      const beginning = `once.${i}.`;
      writeDownBeginning(question, placeOf(beginning), lengthOf(beginning), answer);
      if (recalledBeginning(question, beginning) == 8) found++;
    }
    expect(found).toBeGreaterThan(450);
    expect(recalledBeginning(question, "kept.")).toBe(7);
  });

  it("is written down before it is asked for, whatever its length, and drives nobody out", () => {
    forgetAnswers();
    const question = newQuestion();
    let found = 0;
    for (let i = 0; i < 40_000; i++) {
      // Of 12 to 32 bytes.
      const beginning = `${(100_000 + i).toString()}${"b".repeat(5 + (i % 21))}.`;
      writeDownUnasked(question, placeOf(beginning), lengthOf(beginning), answerOf(Reason.ALLOWED, i, 0));
      const rule = recalledBeginning(question, beginning);
      assert(rule == i || rule == -9, `${beginning}: ${rule}`);
      if (i < 100) expect(rule).toBe(i);
      if (rule == i) found++;
    }
    let kept = 0;
    for (let i = 0; i < 40_000; i++) {
      const beginning = `${(100_000 + i).toString()}${"b".repeat(5 + (i % 21))}.`;
      if (recalledBeginning(question, beginning) == i) kept++;
    }
    expect(kept).toBe(found);
  });

  it("is kept with the whole subjects if it is longer", () => {
    const question = newQuestion();
    const beginning = "b".repeat(HALF + 1);
    storeBeginning(question, beginning, 7);
    expect(recalled(question, beginning)).toBe(7);
  });
});

/** How many of this many subjects are found. What is found must be right. */
function foundAmong(question: u32, prefix: string, count: i32): i32 {
  let found = 0;
  for (let i = 0; i < count; i++) {
    const rule = recalled(question, `${prefix}.${i}`);
    assert(rule == i || rule == -9, `${prefix}.${i}: ${rule}`);
    if (rule == i) found++;
  }
  return found;
}

describe("many decisions", () => {
  it("are nearly all found again while there is room for twice as many, and are right beyond that where found", () => {
    const question = newQuestion();
    // The table grows, and its last size has to be filled again.
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 16_000; i++) store(question, `subject.${i}`, Reason.ALLOWED, i);
    }
    // By chance one in 150 is the ninth of a set of eight.
    expect(foundAmong(question, "subject", 16_000)).toBeGreaterThan(15_800);
    for (let i = 0; i < 100_000; i++) store(question, `subject.${i}`, Reason.ALLOWED, i);
    const found = foundAmong(question, "subject", 100_000);
    expect(found).toBeGreaterThan(31_000);
    expect(found).toBeLessThanOrEqual(32_768);
    expect(recalled(question, "subject.99999")).toBe(99_999);
  });

  it("are also right with long subjects", () => {
    const question = newQuestion();
    const prefix = "subject.of.more.than.thirty-two.bytes";
    for (let i = 0; i < 40_000; i++) store(question, `${prefix}.${i}`, Reason.ALLOWED, i);
    const found = foundAmong(question, prefix, 40_000);
    expect(found).toBeGreaterThan(7800);
    expect(found).toBeLessThanOrEqual(8192);
  });

  it("about beginnings have room from the start for as many as a large policy has entries", () => {
    expect(makeRoomFor(16_000)).toBe(true);
    const question = newQuestion();
    for (let i = 0; i < 8000; i++) storeBeginning(question, `start.${i}.`, i);
    let found = 0;
    for (let i = 0; i < 8000; i++) if (recalledBeginning(question, `start.${i}.`) == i) found++;
    // By chance some have the set and the tag of another.
    expect(found).toBeGreaterThan(7980);
  });

  it("have room for each entry of a large policy twice over, up to 262,144", () => {
    const question = newQuestion();
    expect(makeRoomFor(100_000)).toBe(false);
    expect(makeRoomFor(10)).toBe(true);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 100_000; i++) store(question, `large.${i}`, Reason.ALLOWED, i);
    }
    expect(foundAmong(question, "large", 100_000)).toBeGreaterThan(99_000);
    for (let round = 0; round < 8; round++) {
      for (let i = 0; i < 100_000; i++) storeBeginning(question, `large.${i}.`, i);
    }
    let found = 0;
    for (let i = 0; i < 100_000; i++) if (recalledBeginning(question, `large.${i}.`) == i) found++;
    expect(found).toBeGreaterThan(99_000);
    const again = newQuestion();
    expect(makeRoomFor(i32.MAX_VALUE)).toBe(false);
    for (let i = 0; i < 300_000; i++) store(again, `larger.${i}`, Reason.ALLOWED, i);
    expect(foundAmong(again, "larger", 300_000)).toBeLessThanOrEqual(262_144);
  });
});

describe("an answer", () => {
  it("contains reason, rule and class, whatever they are, and never equals the value for no answer", () => {
    const rules: StaticArray<i32> = [-1, 0, 1, 99_999, i32.MAX_VALUE];
    const reasons: StaticArray<Reason> = [Reason.ALLOWED, Reason.DENIED, Reason.NOT_ALLOWED, Reason.QUEUE_OVER_DENY];
    for (let i = 0; i < rules.length; i++) {
      for (let j = 0; j < reasons.length; j++) {
        for (let subjectClass = 0; subjectClass < 256; subjectClass += 51) {
          const answer = answerOf(reasons[j], rules[i], subjectClass);
          expect(answer).not.toBe(NO_ANSWER);
          expect(ruleOf(answer)).toBe(rules[i]);
          expect(reasonOf(answer)).toBe(reasons[j]);
          expect(classOf(answer)).toBe(subjectClass);
        }
      }
    }
  });
});
