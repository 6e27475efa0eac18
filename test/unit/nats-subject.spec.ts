import { isInsertable, isLiteral, leadingTokens, MAX_TOKENS, Tokens } from "../../assembly/nats/subject";
import { Bytes, latin1At } from "./latin1-support";

const tokens = new Tokens();

/** The tokens of a subject, or "-" where one is empty. */
function split(text: string): string {
  const bytes = new Bytes(text);
  if (!tokens.split(bytes.pointer, bytes.length)) return "-";
  const found: string[] = [];
  for (let i = 0; i < tokens.recorded; i++) found.push(latin1At(tokens.pointer(i), tokens.length(i)));
  return found.join("|");
}

function literal(text: string): bool {
  const bytes = new Bytes(text);
  return isLiteral(tokens, bytes.pointer, bytes.length);
}

function insertable(text: string): bool {
  const bytes = new Bytes(text);
  return isInsertable(tokens, bytes.pointer, bytes.length);
}

/** More than is read at once. */
const LONGEST: i32 = 70;

/** A subject of letters with one dot, and dots around it, in an area of LONGEST and two bytes. */
function withDot(area: usize, length: i32, dot: i32): usize {
  memory.fill(area, 0x2e, <usize>LONGEST + 2);
  const subject = area + 1;
  memory.fill(subject, 0x61, <usize>length);
  store<u8>(subject + <usize>dot, 0x2e);
  return subject;
}

describe("a subject", () => {
  it("is split at its dots, and is invalid with an empty token", () => {
    expect(split("a")).toBe("a");
    expect(split("a.bb.ccc")).toBe("a|bb|ccc");
    expect(split("*.>.\xff\x00")).toBe("*|>|\xff\x00");
    const empty = ["", ".", "a.", ".a", "a..b", ".."];
    for (let i = 0; i < empty.length; i++) expect(split(empty[i])).toBe("-");
  });

  it("is split alike whatever its length, and whatever is around it", () => {
    const area = heap.alloc(<usize>LONGEST + 2);
    for (let length = 1; length <= LONGEST; length++) {
      for (let dot = 1; dot < length - 1; dot++) {
        const subject = withDot(area, length, dot);
        assert(tokens.split(subject, length), `length ${length}, dot at ${dot}`);
        assert(tokens.count == 2, `length ${length}, dot at ${dot}`);
        assert(tokens.length(0) == dot && tokens.length(1) == length - dot - 1, `length ${length}, dot at ${dot}`);
      }
    }
    heap.free(area);
  });

  it("has leading tokens, counted in bytes with the dot after them, unless it ends there or a token is empty", () => {
    const area = heap.alloc(<usize>LONGEST + 2);
    for (let length = 1; length <= LONGEST; length++) {
      for (let dot = 1; dot < length - 1; dot++) {
        const subject = withDot(area, length, dot);
        assert(leadingTokens(subject, length, 1) == dot + 1, `length ${length}, dot at ${dot}`);
        assert(leadingTokens(subject, length, 2) == 0, `length ${length}, dot at ${dot}`);
        for (let other = 0; other < length; other++) {
          const at = subject + <usize>other;
          if (load<u8>(at) == 0x2e) continue;
          store<u8>(at, 0x2e);
          const empty = other == 0 || other == length - 1 || other == dot - 1 || other == dot + 1;
          const expected = empty ? 0 : max(other, dot) + 1;
          assert(leadingTokens(subject, length, 2) == expected, `length ${length}, dots at ${dot} and ${other}`);
          assert(leadingTokens(subject, length, 3) == 0, `length ${length}, dots at ${dot} and ${other}`);
          store<u8>(at, 0x61);
        }
      }
    }
    heap.free(area);
  });

  it("has equal hashes for equal tokens at any position", () => {
    split("abc.x.abc");
    const first = tokens.hash(0);
    expect(tokens.hash(2)).toBe(first);
    expect(tokens.hash(1) != first).toBe(true);
    split("z.abc");
    expect(tokens.hash(1)).toBe(first);
  });

  it("has wildcards only as whole tokens", () => {
    split("a.*.b");
    expect(tokens.hasWildcard).toBe(true);
    expect(tokens.isStar(1)).toBe(true);
    expect(tokens.isStar(0)).toBe(false);
    split("a.>");
    expect(tokens.hasWildcard).toBe(true);
    expect(tokens.isGreater(1)).toBe(true);
    expect(tokens.hasInnerGreater).toBe(false);
    split("foo*.*x.>y");
    expect(tokens.hasWildcard).toBe(false);
    expect(tokens.beginsWithWildcard(0)).toBe(false);
    expect(tokens.beginsWithWildcard(1)).toBe(true);
    expect(tokens.beginsWithWildcard(2)).toBe(true);
  });

  it("may have more tokens than are recorded, and all of them are counted", () => {
    const long = "a.".repeat(MAX_TOKENS + 43) + "b";
    const bytes = new Bytes(long);
    expect(tokens.split(bytes.pointer, bytes.length)).toBe(true);
    expect(tokens.count).toBe(MAX_TOKENS + 44);
    expect(tokens.recorded).toBe(MAX_TOKENS);
    const empty = new Bytes("a.".repeat(MAX_TOKENS + 43) + ".b");
    expect(tokens.split(empty.pointer, empty.length)).toBe(false);
    const inner = new Bytes("a.".repeat(MAX_TOKENS + 43) + ">.b");
    expect(tokens.split(inner.pointer, inner.length)).toBe(true);
    expect(tokens.hasInnerGreater).toBe(true);
  });

  it("is literal without wildcards and empty tokens (IsValidLiteralSubject)", () => {
    expect(literal("a.b*")).toBe(true);
    expect(literal("a.*")).toBe(false);
    expect(literal(">")).toBe(false);
    expect(literal("a..b")).toBe(false);
  });

  it("can be subscribed to without empty tokens, and with > only at its end (sublist.go Insert)", () => {
    expect(insertable("a.*.>")).toBe(true);
    expect(insertable("a")).toBe(true);
    expect(insertable("a.>.b")).toBe(false);
    expect(insertable(">.>")).toBe(false);
    expect(insertable("a.")).toBe(false);
  });
});
