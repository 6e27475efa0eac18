import {
  argumentEnds,
  asciiArgumentEnds,
  endOfArgument,
  firstEnd,
  isCrLf,
  isLineEnd,
  laterArgumentEnds,
  LOWEST_OF_ARGUMENTS,
  withoutFirst,
} from "../../assembly/nats/plain-line";
import { pointerTo } from "./bytes-support";

/** Room after the text, as after the window of a chunk. */
const BEHIND: string = "#".repeat(16);

function ends(text: string): i32 {
  const p = pointerTo(text + BEHIND);
  return <i32>(endOfArgument(p, p + <usize>text.length) - p);
}

describe("the ends of arguments at a glance", () => {
  it("are the bits of all bytes among 64 at which an argument ends, and of no others", () => {
    for (let byte = 0; byte < 256; byte++) {
      const p = pointerTo("a".repeat(70));
      for (let at = 0; at < 66; at++) {
        store<u8>(p + <usize>at, <u8>byte);
        const expected: u64 = byte <= 0x20 && at < 64 ? (<u64>1) << at : 0;
        assert(argumentEnds(p) == expected, `byte ${byte} at ${at}`);
        store<u8>(p + <usize>at, 0x61);
      }
    }
    expect(argumentEnds(pointerTo("orders.a 16\r\n" + BEHIND.repeat(4)))).toBe(0x1900);
  });

  it("lead to each argument's end, even after the bytes that are read", () => {
    for (let first = 1; first < 70; first++) {
      for (let second = first + 1; second < 75; second++) {
        const text = `${"a".repeat(first)} ${"b".repeat(second - first - 1)} c\r\n`;
        const p = pointerTo(text + BEHIND.repeat(5));
        const end = p + <usize>text.length;
        const ends = argumentEnds(p);
        const what = `ends at ${first} and ${second}`;
        assert(firstEnd(ends, p, p, end) == p + first, what);
        assert(firstEnd(withoutFirst(ends), p, p + first + 1, end) == p + second, what);
        assert(firstEnd(withoutFirst(withoutFirst(ends)), p, p + second + 1, end) == end - 2, what);
      }
    }
  });

  it("are the same with fewer instructions, except that bytes above 0x7f also seem to end an argument", () => {
    for (let byte = 0; byte < 256; byte++) {
      const p = pointerTo("a".repeat(40));
      for (let at = 0; at < 34; at++) {
        store<u8>(p + <usize>at, <u8>byte);
        const expected: u32 = (byte <= 0x20 || byte > 0x7f) && at < 32 ? (<u32>1) << at : 0;
        assert(
          asciiArgumentEnds(v128.load(p), v128.load(p, 16), v128.load(LOWEST_OF_ARGUMENTS)) == expected,
          `byte ${byte} at ${at}`,
        );
        store<u8>(p + <usize>at, 0x61);
      }
    }
  });

  it("also cover the sixteen bytes after them on request", () => {
    for (let byte = 0; byte < 256; byte++) {
      const p = pointerTo("a".repeat(50));
      for (let at = 0; at < 50; at++) {
        store<u8>(p + <usize>at, <u8>byte);
        const expected: u32 = byte <= 0x20 && at >= 32 && at < 48 ? (<u32>1) << (at - 32) : 0;
        assert(laterArgumentEnds(p) == expected, `byte ${byte} at ${at}`);
        store<u8>(p + <usize>at, 0x61);
      }
    }
  });

  it("are removed from the first on", () => {
    expect(withoutFirst(0x1900)).toBe(0x1800);
    expect(withoutFirst(0x1800)).toBe(0x1000);
    expect(withoutFirst(0x1000)).toBe(0);
    expect(withoutFirst(0)).toBe(0);
  });
});

describe("the end of an argument", () => {
  it("is the first blank, line end or control character, at any position", () => {
    const stops = [" ", "\t", "\r", "\n", "\0", "\v", "\x1f"];
    for (let length = 0; length < 50; length++) {
      for (let i = 0; i < stops.length; i++) {
        assert(ends("a".repeat(length) + stops[i] + "b") == length, `length ${length}, stop ${i}`);
      }
    }
  });

  it("is not inside letters beyond ASCII", () => {
    expect(ends("\u00e4\u00f6\u00fc ")).toBe(6);
    expect(ends("\x7f ")).toBe(1);
  });

  it("lies at or after the end of the bytes if there is none", () => {
    for (let length = 0; length < 50; length++) {
      const p = pointerTo("a".repeat(length) + BEHIND);
      assert(endOfArgument(p, p + <usize>length) >= p + <usize>length, `length ${length}`);
    }
  });
});

describe("a line end", () => {
  it("is CR LF, with both of them present", () => {
    const p = pointerTo("\r\n\r\r\n\n");
    expect(isLineEnd(p, p + 2)).toBe(true);
    expect(isLineEnd(p, p + 1)).toBe(false);
    expect(isLineEnd(p, p)).toBe(false);
    expect(isLineEnd(p + 2, p + 6)).toBe(false);
    expect(isLineEnd(p + 4, p + 6)).toBe(false);
    for (let at: usize = 0; at < 5; at++) expect(isCrLf(p + at)).toBe(at == 0 || at == 3);
  });
});
