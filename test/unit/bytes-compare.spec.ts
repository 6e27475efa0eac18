import { equalBytes, sameBytes, startsWith } from "../../assembly/bytes/compare";
import { fixedText } from "../../assembly/bytes/fixed-text";
import { expectOtherForEachByte, expectSameOfEqual, pointerTo } from "./bytes-support";

describe("the comparison of bytes", () => {
  it("finds equal bytes equal at every length, and reads nothing beyond them", () => {
    expectSameOfEqual((a, b, length) => equalBytes(a, b, length));
    expectSameOfEqual((a, b, length) => sameBytes(a, b, length));
  });

  it("finds a difference in any byte at any length", () => {
    expectOtherForEachByte(0x80, (a, b, length) => equalBytes(a, b, length));
    expectOtherForEachByte(0x80, (a, b, length) => sameBytes(a, b, length));
  });
});

describe("a text", () => {
  it("begins with another if it has all of its bytes, and reads nothing behind its own length", () => {
    const begin = fixedText("-ERR");
    const text = pointerTo("-ERR 'x'");
    expect(startsWith(text, 8, begin)).toBe(true);
    expect(startsWith(text, 4, begin)).toBe(true);
    expect(startsWith(text, 3, begin)).toBe(false);
    expect(startsWith(text, 0, begin)).toBe(false);
    expect(startsWith(pointerTo("-ERX 'x'"), 8, begin)).toBe(false);
    expect(startsWith(text, 0, fixedText(""))).toBe(true);
  });
});
