import { countOf, isControl, isDigit, isLetter, isWordCharacter } from "../../assembly/bytes/ascii";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const DIGITS = "0123456789";

/** Beyond the units of one byte there are some whose lower byte is a letter's. */
const MOST: i32 = 0x400;

/** The units from -1 on, which stands for the end of a text, of which `is` says so. */
function allOf(is: (unit: i32) => bool): string {
  let found = "";
  for (let unit = -1; unit < MOST; unit++) if (is(unit)) found += String.fromCharCode(unit);
  return found;
}

describe("the units of a text", () => {
  it("that are letters are the 52 of ASCII and no others", () => {
    expect(allOf((unit) => isLetter(unit))).toBe(LETTERS);
  });

  it("that are digits are the ten of ASCII and no others", () => {
    expect(allOf((unit) => isDigit(unit))).toBe(DIGITS);
  });

  it("of which words are made are letters, digits, '_' and '-', and no others", () => {
    expect(allOf((unit) => isWordCharacter(unit))).toBe(
      "-" + DIGITS + LETTERS.substring(0, 26) + "_" + LETTERS.substring(26),
    );
  });

  it("that are control characters end before the blank, and lie from DEL to before the blank that does not break", () => {
    expect(isControl(0x00) && isControl(0x1f)).toBe(true);
    expect(isControl(0x20) || isControl(0x7e)).toBe(false);
    expect(isControl(0x7f) && isControl(0x9f)).toBe(true);
    expect(isControl(0xa0) || isControl(0x17f)).toBe(false);
  });

  it("are counted from the first to the last", () => {
    expect(countOf("", 0x2a)).toBe(0);
    expect(countOf("*a*b*", 0x2a)).toBe(3);
    expect(countOf("ab", 0x2a)).toBe(0);
  });
});
