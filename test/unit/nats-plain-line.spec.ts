import {
  argumentEnds,
  asciiArgumentEnds,
  endOfArgument,
  endsLikeLastSize,
  firstEnd,
  isCrLf,
  isFewDigits,
  isLineEnd,
  lastSize,
  lastSizeLength,
  laterArgumentEnds,
  LOWEST_OF_ARGUMENTS,
  NO_PLAIN_SIZE,
  readPlainSize,
  SIZE_READ,
  withoutFirst,
} from "../../assembly/nats/plain-line";
import { NOT_A_SIZE, readSize } from "../../assembly/nats/numbers";
import { pointerTo } from "./bytes-support";

/** Room after the text, as after the window of a chunk. */
const BEHIND: string = "#".repeat(16);

function ends(text: string): i32 {
  const p = pointerTo(text + BEHIND);
  return <i32>(endOfArgument(p, p + <usize>text.length) - p);
}

/** As if it had been read before in this file. */
const before: usize = memory.data(SIZE_READ);

/** As if after another argument of any length. */
function size(text: string, argument: string = "a"): i32 {
  const p = pointerTo(`PUB ${argument} ${text}`) + <usize>argument.length + 5;
  return readPlainSize(p, p + <usize>text.length, before);
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

describe("a plainly written size", () => {
  it("is what the reader of all sizes makes of it, or is left to that", () => {
    const texts = [
      "0",
      "7",
      "16",
      "007",
      "1048576",
      "99999999",
      "100000000",
      "999999999",
      "",
      "-1",
      "+1",
      "1a",
      "a1",
      "1_0",
    ];
    for (let i = 0; i < texts.length; i++) {
      const read = size(texts[i]);
      if (read == NO_PLAIN_SIZE) continue;
      const p = pointerTo(texts[i]);
      assert(read == readSize(p, texts[i].length), texts[i]);
    }
  });

  it("is read again, whatever was in its place in the line before", () => {
    const texts = [
      "0",
      "1",
      "16",
      "160",
      "1600",
      "0016",
      "61",
      "1",
      "10000",
      "10",
      "0",
      "00",
      "4x",
      "x4",
      "4",
      "0x",
      "x",
    ];
    for (let i = 0; i < texts.length; i++) {
      for (let j = 0; j < texts.length; j++) {
        size(texts[i]);
        for (let again = 0; again < 2; again++) {
          const expected = readSize(pointerTo(texts[j]), texts[j].length);
          assert(size(texts[j]) == expected, `${texts[j]} behind ${texts[i]}`);
          // Digits of another argument do not belong to the size.
          assert(size(texts[j], "123") == expected, `${texts[j]} behind 123`);
        }
      }
    }
  });

  it("is kept with its length, which a longer one with the same last bytes does not have", () => {
    size("16");
    const p = pointerTo("PUB a 16");
    expect(endsLikeLastSize(p + 8, before)).toBe(true);
    expect(endsLikeLastSize(p + 7, before)).toBe(false);
    expect(lastSize(before)).toBe(16);
    expect(lastSizeLength(before)).toBe(3);
    size("1024");
    expect(endsLikeLastSize(pointerTo("PUB a 11024") + 11, before)).toBe(true);
    expect(lastSize(before)).toBe(1024);
    expect(lastSizeLength(before)).toBe(5);
    // Too long to be kept.
    expect(size("10240")).toBe(10240);
    expect(lastSize(before)).toBe(1024);
  });

  it("has few digits if they are one to four", () => {
    for (let digits = -64; digits < 64; digits++) expect(isFewDigits(digits)).toBe(digits >= 1 && digits <= 4);
  });

  it("has one to eight digits", () => {
    expect(size("0")).toBe(0);
    expect(size("99999999")).toBe(99999999);
    expect(size("100000000")).toBe(NO_PLAIN_SIZE);
    expect(size("")).toBe(NO_PLAIN_SIZE);
    expect(size("1a")).toBe(NO_PLAIN_SIZE);
    expect(NO_PLAIN_SIZE == NOT_A_SIZE).toBe(true);
  });
});
