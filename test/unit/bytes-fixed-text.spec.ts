import { fixedText } from "../../assembly/bytes/fixed-text";

/** The text as it lies in memory, and the number of its bytes. */
function kept(text: string): string {
  const fixed = fixedText(text);
  return `${String.UTF8.decodeUnsafe(fixed.pointer, <usize>fixed.length)} ${fixed.length}`;
}

describe("a fixed text", () => {
  it("has the bytes of UTF-8, whatever they are, and counts them", () => {
    expect(kept("")).toBe(" 0");
    expect(kept("PING\r\n")).toBe("PING\r\n 6");
    expect(kept("a\0b")).toBe("a\0b 3");
    expect(kept("ß€😀")).toBe("ß€😀 9");
  });

  it("keeps its bytes when others are made and the collector runs", () => {
    const first = fixedText("first");
    for (let i = 0; i < 100; i++) fixedText("another");
    __collect();
    expect(String.UTF8.decodeUnsafe(first.pointer, <usize>first.length)).toBe("first");
  });
});
