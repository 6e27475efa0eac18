import { SubjectMatcher, TOO_MANY_STEPS } from "../../assembly/policy/matcher";
import { NONE } from "../../assembly/policy/none";
import { renewSteps } from "../../assembly/policy/search-steps";
import { lengthOf, pointerTo } from "./bytes-support";
import { matcherOf, tokensOf } from "./matcher-support";
import { COLLIDE, PATTERNS } from "./patterns-support";

/** The most steps of a search, which are the nodes and entries that it visits. */
const STEPS: i32 = 1024;

/** The most steps of all searches of one callback. */
const STEPS_AT_ONCE: i32 = 1024 * STEPS;

/** The rule of an entry that overlaps the pattern for this queue, or NONE or TOO_MANY_STEPS. */
function overlap(matcher: SubjectMatcher, pattern: string, queue: string): i32 {
  const entry = matcher.findOverlap(tokensOf(pattern), false, pointerTo(queue), lengthOf(queue));
  return entry < 0 ? entry : matcher.rule(entry);
}

function anyOverlap(matcher: SubjectMatcher, pattern: string): i32 {
  const entry = matcher.findOverlap(tokensOf(pattern), true, 0, 0);
  return entry < 0 ? entry : matcher.rule(entry);
}

/** Searches for `pattern` that are completed before one is given up. */
function searches(matcher: SubjectMatcher, pattern: string): i32 {
  let made = 0;
  while (anyOverlap(matcher, pattern) == NONE) made++;
  return made;
}

/** Entries under which `*.c` is searched for among all. */
function row(count: i32): SubjectMatcher {
  const entries: string[] = [];
  for (let i = 0; i < count; i++) entries.push(`a${i}.b`);
  return matcherOf(entries);
}

describe("a search for an entry that overlaps a pattern", () => {
  it("finds an entry if nats-server's SubjectsCollide says so, odd tokens included", () => {
    for (let i = 0; i < PATTERNS.length; i++) {
      const matcher = matcherOf([PATTERNS[i]]);
      for (let j = 0; j < PATTERNS.length; j++) {
        const expected = COLLIDE[i].charAt(j) == "1" ? 0 : NONE;
        assert(anyOverlap(matcher, PATTERNS[j]) == expected, `${PATTERNS[i]} and ${PATTERNS[j]}`);
      }
      matcher.destroy();
    }
  });

  it("finds one among pairs of entries exactly when one of the two overlaps", () => {
    for (let i = 0; i < PATTERNS.length; i++) {
      for (let k = 0; k < i; k++) {
        const matcher = matcherOf([PATTERNS[i], PATTERNS[k]]);
        for (let j = 0; j < PATTERNS.length; j++) {
          const first = COLLIDE[i].charAt(j) == "1";
          const second = COLLIDE[k].charAt(j) == "1";
          const found = anyOverlap(matcher, PATTERNS[j]);
          const right = found == NONE ? !first && !second : found == 0 ? first : second;
          assert(right, `${PATTERNS[i]}, ${PATTERNS[k]} and ${PATTERNS[j]}: ${found}`);
        }
        matcher.destroy();
      }
    }
  });

  it("skips entries whose queue does not fit, unless every queue counts", () => {
    const matcher = matcherOf(["a.* q.*"]);
    expect(overlap(matcher, "a.>", "q.x")).toBe(0);
    expect(overlap(matcher, "a.>", "r")).toBe(NONE);
    expect(overlap(matcher, "a.>", "")).toBe(NONE);
    expect(anyOverlap(matcher, "a.>")).toBe(0);
    matcher.destroy();
  });

  it("skips entries with a queue for a subscription without one, even if their queue is any", () => {
    const matcher = matcherOf(["a.b >", "a.b *"]);
    expect(overlap(matcher, "a.>", "")).toBe(NONE);
    expect(overlap(matcher, "a.>", "q")).toBe(1);
    matcher.destroy();
  });

  it("counts entries without queue for every queue and for none", () => {
    const matcher = matcherOf(["a.* q", "a.b"]);
    expect(overlap(matcher, "a.>", "r")).toBe(1);
    expect(overlap(matcher, "a.>", "")).toBe(1);
    expect(overlap(matcher, "*.c", "q")).toBe(0);
    expect(overlap(matcher, "*.c", "r")).toBe(NONE);
    matcher.destroy();
  });

  it("looks below a '>' at every depth, even after '*' and odd tokens", () => {
    const entries = ["x.y.z", "*.y.z", "*a.y.z", "x.*", "x.>"];
    for (let i = 0; i < entries.length; i++) {
      const matcher = matcherOf([entries[i]]);
      expect(anyOverlap(matcher, ">")).toBe(0);
      expect(anyOverlap(matcher, "x.>")).toBe(entries[i] == "*a.y.z" ? NONE : 0);
      matcher.destroy();
    }
    const none = matcherOf(["y.z q", "x q"]);
    expect(overlap(none, ">", "r")).toBe(NONE);
    none.destroy();
  });
});

describe("the bound of that search", () => {
  beforeEach(renewSteps);

  it("is 1,024 steps over the nodes of one row: the root and 1,023 more are searched to the end", () => {
    const entries: string[] = [];
    for (let i = 0; i < STEPS - 1; i++) entries.push(`a${i}.b`);
    const within = matcherOf(entries);
    expect(anyOverlap(within, "*.c")).toBe(NONE);
    within.destroy();
    entries.push("z.b");
    const beyond = matcherOf(entries);
    expect(anyOverlap(beyond, "*.c")).toBe(TOO_MANY_STEPS);
    // The bound does not matter for patterns that need no such walk.
    expect(anyOverlap(beyond, "a7.*")).toBe(7);
    expect(anyOverlap(beyond, "zz.*")).toBe(NONE);
    beyond.destroy();
  });

  it("also counts the entries of one subject", () => {
    const entries: string[] = [];
    for (let i = 0; i < STEPS; i++) entries.push(`a.b q${i}`);
    const matcher = matcherOf(entries);
    expect(overlap(matcher, "a.*", "r")).toBe(TOO_MANY_STEPS);
    expect(overlap(matcher, "a.*", "q1023")).not.toBe(NONE);
    matcher.destroy();
    const few = matcherOf(entries.slice(0, 500));
    expect(overlap(few, "a.*", "r")).toBe(NONE);
    few.destroy();
  });

  it("also counts what lies below a '>'", () => {
    const entries: string[] = [];
    for (let i = 0; i < STEPS; i++) entries.push(`a${i} q`);
    const matcher = matcherOf(entries);
    expect(overlap(matcher, ">", "r")).toBe(TOO_MANY_STEPS);
    expect(overlap(matcher, ">", "q")).not.toBe(NONE);
    expect(overlap(matcher, ">", "q")).not.toBe(TOO_MANY_STEPS);
    matcher.destroy();
  });

  it("counts the nodes below a '>', and not only their entries", () => {
    // Three nodes and an entry each, below the root.
    const entries: string[] = [];
    for (let i = 0; i < (STEPS - 1) / 4; i++) entries.push(`a${i}.b.c q`);
    const matcher = matcherOf(entries);
    expect(overlap(matcher, ">", "r")).toBe(NONE);
    matcher.destroy();
    entries.push("a.b.c q");
    const beyond = matcherOf(entries);
    expect(overlap(beyond, ">", "r")).toBe(TOO_MANY_STEPS);
    beyond.destroy();
  });

  it("starts again with each search", () => {
    const entries: string[] = [];
    for (let i = 0; i < 600; i++) entries.push(`a${i}.b`);
    const matcher = matcherOf(entries);
    for (let i = 0; i < 5; i++) expect(anyOverlap(matcher, "*.c")).toBe(NONE);
    matcher.destroy();
  });
});

describe("the bound of all searches of a callback", () => {
  beforeEach(renewSteps);

  it("is 1,024 of the longest, and starts again with the next callback", () => {
    const longest = row(STEPS - 1);
    for (let callback = 0; callback < 3; callback++) {
      expect(searches(longest, "*.c")).toBe(1024);
      expect(anyOverlap(longest, "*.c")).toBe(TOO_MANY_STEPS);
      expect(anyOverlap(longest, "a7.*")).toBe(TOO_MANY_STEPS);
      renewSteps();
    }
    expect(anyOverlap(longest, "a7.*")).toBe(7);
    longest.destroy();
  });

  it("allows more searches in proportion as they are shorter", () => {
    for (let count = 1; count < 1000; count *= 9) {
      const matcher = row(count);
      const expected = (STEPS_AT_ONCE + count) / (count + 1);
      expect(searches(matcher, "*.c")).toBe(expected);
      renewSteps();
      matcher.destroy();
    }
  });

  it("also counts the bytes of the pattern, which each step may read", () => {
    const matcher = row(STEPS - 1);
    expect(searches(matcher, "*." + "c".repeat(61))).toBe(1024);
    renewSteps();
    expect(searches(matcher, "*." + "c".repeat(62))).toBe(512);
    renewSteps();
    expect(searches(matcher, "*." + "c".repeat(64 * 1023 - 2))).toBe(1);
    matcher.destroy();
  });

  it("is shared by all matchers", () => {
    const one = row(STEPS - 1);
    const other = row(STEPS - 1);
    expect(searches(one, "*.c")).toBe(1024);
    expect(anyOverlap(other, "*.c")).toBe(TOO_MANY_STEPS);
    one.destroy();
    other.destroy();
  });

  it("does not concern a list without entries", () => {
    const matcher = row(STEPS - 1);
    const empty = matcherOf([]);
    searches(matcher, "*.c");
    expect(anyOverlap(empty, "*.c")).toBe(NONE);
    matcher.destroy();
    empty.destroy();
  });
});
