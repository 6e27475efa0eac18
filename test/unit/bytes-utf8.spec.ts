import { beginning } from "../../assembly/bytes/text";
import { INVALID_RUNE, decodeRune, encodeRune, isValidUtf8, runeWidth } from "../../assembly/bytes/utf8";

function rune(bytes: StaticArray<u8>): i32 {
  return decodeRune(changetype<usize>(bytes), bytes.length);
}

function valid(bytes: StaticArray<u8>): bool {
  return isValidUtf8(changetype<usize>(bytes), bytes.length);
}

describe("decoding a rune", () => {
  it("reads the first and the last code point of each width", () => {
    expect(rune([0x00])).toBe(0);
    expect(rune([0x7f])).toBe(0x7f);
    expect(rune([0xc2, 0x80])).toBe(0x80);
    expect(rune([0xdf, 0xbf])).toBe(0x7ff);
    expect(rune([0xe0, 0xa0, 0x80])).toBe(0x800);
    expect(rune([0xef, 0xbf, 0xbf])).toBe(0xffff);
    expect(rune([0xf0, 0x90, 0x80, 0x80])).toBe(0x10000);
    expect(rune([0xf4, 0x8f, 0xbf, 0xbf])).toBe(0x10ffff);
  });

  it("refuses overlong forms", () => {
    expect(rune([0xc0, 0x80])).toBe(INVALID_RUNE);
    expect(rune([0xc1, 0xbf])).toBe(INVALID_RUNE);
    expect(rune([0xe0, 0x9f, 0xbf])).toBe(INVALID_RUNE);
    expect(rune([0xf0, 0x8f, 0xbf, 0xbf])).toBe(INVALID_RUNE);
  });

  it("refuses surrogates and everything above U+10FFFF", () => {
    expect(rune([0xed, 0x9f, 0xbf])).toBe(0xd7ff);
    expect(rune([0xed, 0xa0, 0x80])).toBe(INVALID_RUNE);
    expect(rune([0xed, 0xbf, 0xbf])).toBe(INVALID_RUNE);
    expect(rune([0xee, 0x80, 0x80])).toBe(0xe000);
    expect(rune([0xf4, 0x90, 0x80, 0x80])).toBe(INVALID_RUNE);
    expect(rune([0xf5, 0x80, 0x80, 0x80])).toBe(INVALID_RUNE);
    expect(rune([0xff, 0x80, 0x80, 0x80])).toBe(INVALID_RUNE);
  });

  it("refuses lone continuation bytes, missing ones and sequences that are cut off", () => {
    expect(rune([0x80])).toBe(INVALID_RUNE);
    expect(rune([0xc2, 0x41])).toBe(INVALID_RUNE);
    expect(rune([0xe2, 0x82, 0x41])).toBe(INVALID_RUNE);
    expect(rune([0xf0, 0x9f, 0x98, 0x41])).toBe(INVALID_RUNE);
    // All bytes of the rune are there, but not within the length.
    const whole: StaticArray<u8>[] = [[0x41], [0xc3, 0xa9], [0xe2, 0x82, 0xac], [0xf0, 0x9f, 0x98, 0x80]];
    for (let i = 0; i < whole.length; i++) {
      for (let length = 0; length < whole[i].length; length++) {
        expect(decodeRune(changetype<usize>(whole[i]), length)).toBe(INVALID_RUNE);
      }
      expect(rune(whole[i])).not.toBe(INVALID_RUNE);
    }
  });

  it("returns its width, which is one byte if it is invalid", () => {
    expect(runeWidth(INVALID_RUNE)).toBe(1);
    expect(runeWidth(0x7f)).toBe(1);
    expect(runeWidth(0x80)).toBe(2);
    expect(runeWidth(0x7ff)).toBe(2);
    expect(runeWidth(0x800)).toBe(3);
    expect(runeWidth(0xffff)).toBe(3);
    expect(runeWidth(0x10000)).toBe(4);
  });
});

describe("encoding a rune", () => {
  it("is the reverse of decoding, for every code point", () => {
    const out = new StaticArray<u8>(4);
    const at = changetype<usize>(out);
    let wrong = 0;
    for (let code = 0; code <= 0x10ffff; code++) {
      const isSurrogate = code >= 0xd800 && code <= 0xdfff;
      const width = encodeRune(code, at);
      if (decodeRune(at, width) != (isSurrogate ? 0xfffd : code)) wrong++;
      if (!isSurrogate && width != runeWidth(code)) wrong++;
    }
    expect(wrong).toBe(0);
  });

  it("writes U+FFFD for what is not a code point", () => {
    const out = new StaticArray<u8>(4);
    expect(encodeRune(INVALID_RUNE, changetype<usize>(out))).toBe(3);
    expect(decodeRune(changetype<usize>(out), 3)).toBe(0xfffd);
    expect(encodeRune(0x110000, changetype<usize>(out))).toBe(3);
    expect(decodeRune(changetype<usize>(out), 3)).toBe(0xfffd);
  });
});

describe("judging text as UTF-8", () => {
  it("accepts what is valid throughout, of any length", () => {
    const text = String.UTF8.encode("orders.é.€.😀.and.more.ascii.behind");
    expect(isValidUtf8(changetype<usize>(text), text.byteLength)).toBe(true);
    expect(isValidUtf8(changetype<usize>(text), 0)).toBe(true);
    expect(isValidUtf8(changetype<usize>(text), -1)).toBe(true);
  });

  it("finds one bad byte at any position", () => {
    const text = new StaticArray<u8>(40);
    for (let i = 0; i < text.length; i++) text[i] = 0x61;
    expect(valid(text)).toBe(true);
    for (let i = 0; i < text.length; i++) {
      text[i] = 0x80;
      expect(valid(text)).toBe(false);
      text[i] = 0x61;
    }
  });

  it("refuses a sequence that the end cuts off", () => {
    const text = String.UTF8.encode("😀");
    for (let length = 1; length < 4; length++) {
      expect(isValidUtf8(changetype<usize>(text), length)).toBe(false);
    }
  });

  it("reads nothing behind its end, where memory may end too", () => {
    // A page that the allocator does not know.
    expect(memory.grow(1)).toBeGreaterThan(0);
    const end = (<usize>memory.size()) << 16;
    for (let length = 0; length <= 24; length++) {
      memory.fill(end - <usize>length, 0x61, <usize>length);
      assert(isValidUtf8(end - <usize>length, length), `length ${length}`);
    }
  });
});

describe("the beginning of a text", () => {
  it("ends where it is cut, or before a character that this would part", () => {
    const text = "ab😀c";
    expect(beginning(text, 2)).toBe("ab");
    expect(beginning(text, 3)).toBe("ab");
    expect(beginning(text, 4)).toBe("ab😀");
    expect(beginning(text, 5)).toBe(text);
    expect(beginning(text, 9)).toBe(text);
  });
});
