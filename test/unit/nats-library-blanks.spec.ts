import { hasVerticalBlank, hasWideBlank } from "../../assembly/nats/library-blanks";
import { lengthOf, pointerTo } from "./bytes-support";

function isWide(text: string): bool {
  return hasWideBlank(pointerTo(text + "  "), lengthOf(text));
}

describe("the blanks of clients' libraries", () => {
  it("are VT and FF among ASCII's", () => {
    for (let code = 0x21; code < 0x7f; code++) {
      const text = `a${String.fromCharCode(code)}`;
      expect(hasVerticalBlank(pointerTo(text), 2)).toBe(false, text);
    }
    expect(hasVerticalBlank(pointerTo("a\v"), 2)).toBe(true);
    expect(hasVerticalBlank(pointerTo("a\fb"), 3)).toBe(true);
    expect(hasVerticalBlank(pointerTo("ab\f"), 2)).toBe(false);
  });

  it("are White_Space of Unicode beyond it", () => {
    let blanks = "";
    for (let code = 0x80; code < 0xd800; code++) {
      if (isWide(`a${String.fromCharCode(code)}`)) blanks += code.toString(16) + " ";
    }
    expect(blanks).toBe("85 a0 1680 2000 2001 2002 2003 2004 2005 2006 2007 2008 2009 200a 2028 2029 202f 205f 3000 ");
    expect(isWide("a.b")).toBe(false);
  });
});
