import { hasWildcardToken, isSubsetMatch, subjectsCollide } from "../../assembly/nats/overlap";
import { MAX_TOKENS } from "../../assembly/nats/subject";
import { lengthOf, pointerTo } from "./bytes-support";
import { COLLIDE, PATTERNS } from "./patterns-support";

/** Patterns, then subjects with empty tokens, which contain nothing and are contained only in `>`. */
const WITH_EMPTY: StaticArray<string> = ["foo..bar", "foo.", ".foo", "", "foo.bar.", "."];

// Row: the subject; column: the pattern that may contain it. From subjectIsSubsetMatch of nats-server v2.15.2.
const SUBSET: StaticArray<string> = [
  "1011000000001000000000000",
  "0101111110000010010000000",
  "0011000000000000000000000",
  "0001000000000000000000000",
  "0001110110000000010000000",
  "0001010010000000000000000",
  "0001001110000000000000000",
  "0001000110000000000000000",
  "0001000010000000000000000",
  "0001010011000000000000000",
  "0001010011110000100000000",
  "0001000010010000000000000",
  "0011000000001000000000000",
  "0011000000001100000000000",
  "0001110110000010010000000",
  "0001110110000011010000000",
  "0001010010000000100000000",
  "0001000110000000010000000",
  "0001000010000000001000000",
  "0001010010000000000000000",
  "0001010010000000000000000",
  "0001000000000000000000000",
  "0001000000000000000000000",
  "0001010010010000000000000",
  "0001000000000000000000000",
];

// From subjectHasWildcard of the same version.
const WILD = "0011111111010000111000000";

function nth(index: i32): string {
  return index < PATTERNS.length ? PATTERNS[index] : WITH_EMPTY[index - PATTERNS.length];
}

function contains(pattern: string, subject: string): bool {
  return isSubsetMatch(pointerTo(subject), lengthOf(subject), pointerTo(pattern), lengthOf(pattern));
}

function collide(a: string, b: string): bool {
  return subjectsCollide(pointerTo(a), lengthOf(a), pointerTo(b), lengthOf(b));
}

describe("a pattern", () => {
  it("contains a subject token by token as nats-server says, odd tokens and empty ones included", () => {
    for (let i = 0; i < SUBSET.length; i++) {
      for (let j = 0; j < SUBSET.length; j++) {
        const expected = SUBSET[i].charAt(j) == "1";
        assert(contains(nth(j), nth(i)) == expected, `'${nth(j)}' contains '${nth(i)}'`);
      }
    }
  });

  it("has a wildcard only if '*' or '>' is a whole token", () => {
    for (let i = 0; i < WILD.length; i++) {
      const text = nth(i);
      assert(hasWildcardToken(pointerTo(text), lengthOf(text)) == (WILD.charAt(i) == "1"), text);
    }
  });
});

describe("two patterns", () => {
  it("overlap if nats-server's SubjectsCollide says so, in either order", () => {
    for (let i = 0; i < PATTERNS.length; i++) {
      for (let j = 0; j < PATTERNS.length; j++) {
        const expected = COLLIDE[i].charAt(j) == "1";
        assert(collide(PATTERNS[i], PATTERNS[j]) == expected, `${PATTERNS[i]} and ${PATTERNS[j]}`);
      }
    }
  });

  it("overlap as in nats-server's own TestSublistSubjectCollide", () => {
    expect(collide("foo.*", "foo.*.bar.>")).toBe(false);
    expect(collide("foo.*.bar.>", "foo.*")).toBe(false);
    expect(collide("foo.*", "foo.foo")).toBe(true);
    expect(collide("foo.*", "*.foo")).toBe(true);
    expect(collide("foo.bar.>", "*.bar.foo")).toBe(true);
  });

  it("do not overlap if one of them has an empty token", () => {
    expect(collide("foo..*", "foo.*.*")).toBe(false);
    expect(collide("foo.*.*", "foo..*")).toBe(false);
  });

  it("are compared up to the tokens that are recorded, and overlap if those do", () => {
    const long = "a.".repeat(MAX_TOKENS);
    expect(collide(long + "b.>", long + "c.>")).toBe(true);
    expect(collide("x." + long + ">", "y." + long + ">")).toBe(false);
  });
});
