import { QUOTED_GROWTH, isPrintable, writeQuoted } from "../../assembly/nats/quote";

/** What `writeQuoted` makes of these bytes, after checking that it needed no more room than it says. */
function quoted(bytes: StaticArray<u8>): string {
  const pointer = changetype<usize>(bytes);
  const out = new StaticArray<u8>(bytes.length * QUOTED_GROWTH + 1);
  const written = writeQuoted(pointer, bytes.length, changetype<usize>(out));
  expect(written).toBeLessThanOrEqual(bytes.length * QUOTED_GROWTH);
  return String.UTF8.decodeUnsafe(changetype<usize>(out), written);
}

function quotedText(text: string): string {
  const bytes = new StaticArray<u8>(String.UTF8.byteLength(text));
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, changetype<usize>(bytes));
  return quoted(bytes);
}

describe("quoting as Go's %q does", () => {
  it("leaves plain subjects, wildcards and single quotes alone", () => {
    expect(quotedText("orders.*.eu.>")).toBe("orders.*.eu.>");
    expect(quotedText("fo'o")).toBe("fo'o");
    expect(quotedText("")).toBe("");
  });

  it("treats a byte alike at any position among plain ones", () => {
    for (let byte = 0; byte < 128; byte++) {
      const alone = quoted([<u8>byte]);
      for (let length = 1; length < 36; length++) {
        const at = (byte * 7 + length * 5) % length;
        const bytes = new StaticArray<u8>(length);
        for (let i = 0; i < length; i++) bytes[i] = i == at ? <u8>byte : 0x61;
        assert(
          quoted(bytes) == "a".repeat(at) + alone + "a".repeat(length - at - 1),
          `byte ${byte} at ${at} of ${length}`,
        );
      }
    }
  });

  it("escapes the double quote and the backslash", () => {
    expect(quotedText('fo"o')).toBe('fo\\"o');
    expect(quotedText("fo\\o")).toBe("fo\\\\o");
  });

  it("writes the controls that have a letter with that letter", () => {
    expect(quoted([7, 8, 9, 10, 11, 12, 13])).toBe("\\a\\b\\t\\n\\v\\f\\r");
  });

  it("writes the other ASCII controls and DEL in two hexadecimal digits", () => {
    expect(quoted([0, 6, 14, 31, 127])).toBe("\\x00\\x06\\x0e\\x1f\\x7f");
  });

  it("writes every byte that is not UTF-8 in two hexadecimal digits, and only that byte", () => {
    expect(quoted([0x61, 0xc3])).toBe("a\\xc3");
    expect(quoted([0xff, 0x62])).toBe("\\xffb");
    expect(quoted([0xe2, 0x80, 0x61])).toBe("\\xe2\\x80a");
    expect(quoted([0xc0, 0x80])).toBe("\\xc0\\x80");
    expect(quoted([0xed, 0xa0, 0x80])).toBe("\\xed\\xa0\\x80");
    expect(quoted([0xf4, 0x90, 0x80, 0x80])).toBe("\\xf4\\x90\\x80\\x80");
  });

  it("keeps printable runes and the replacement character", () => {
    expect(quotedText("föo.日本.😀.é")).toBe("föo.日本.😀.é");
    expect(quotedText("\uFFFD")).toBe("\uFFFD");
  });

  it("writes runes that do not print as four or eight hexadecimal digits", () => {
    expect(quotedText("\u00AD")).toBe("\\u00ad");
    expect(quotedText("\u00A0")).toBe("\\u00a0");
    expect(quotedText("\u2028")).toBe("\\u2028");
    expect(quotedText("\u3000")).toBe("\\u3000");
    expect(quotedText("\uE000")).toBe("\\ue000");
    expect(quoted([0xef, 0xbf, 0xbf])).toBe("\\uffff");
    expect(quoted([0xf3, 0xa0, 0x80, 0x81])).toBe("\\U000e0001");
  });
});

describe("the printable runes", () => {
  it("are right at the edges of both tables", () => {
    expect(isPrintable(0)).toBe(false);
    expect(isPrintable(0x1f)).toBe(false);
    expect(isPrintable(0x20)).toBe(true);
    expect(isPrintable(0x7e)).toBe(true);
    expect(isPrintable(0x7f)).toBe(false);
    expect(isPrintable(0xfffd)).toBe(true);
    expect(isPrintable(0xffff)).toBe(false);
    expect(isPrintable(0x10000)).toBe(true);
    expect(isPrintable(0x10ffff)).toBe(false);
  });
});
