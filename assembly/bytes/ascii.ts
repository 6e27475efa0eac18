/** Bytes of ASCII that readers of texts look for. As units of a text they are the same. */
export const enum Ascii {
  TAB = 0x09,
  LF = 0x0a,
  CR = 0x0d,
  SPACE = 0x20,
  QUOTE = 0x22,
  DOLLAR = 0x24,
  STAR = 0x2a,
  PLUS = 0x2b,
  COMMA = 0x2c,
  DASH = 0x2d,
  DOT = 0x2e,
  SLASH = 0x2f,
  ZERO = 0x30,
  COLON = 0x3a,
  SEMICOLON = 0x3b,
  EQUALS = 0x3d,
  GREATER = 0x3e,
  QUESTION_MARK = 0x3f,
  LEFT_BRACKET = 0x5b,
  BACKSLASH = 0x5c,
  RIGHT_BRACKET = 0x5d,
  UNDERSCORE = 0x5f,
  LEFT_BRACE = 0x7b,
  RIGHT_BRACE = 0x7d,
  DELETE = 0x7f,
}

/** The bit that a small letter has and the same large one has not. */
export const CASE_BIT: i32 = 0x20;

/** Is a unit of a text one of ASCII's letters, large or small? */
export function isLetter(unit: i32): bool {
  return (unit | CASE_BIT) >= 0x61 && (unit | CASE_BIT) <= 0x7a; // a, z
}

/** Is a unit of a text one of ASCII's digits? */
export function isDigit(unit: i32): bool {
  return unit >= Ascii.ZERO && unit <= 0x39; // 9
}

/** Is a unit of a text a letter or digit of ASCII, `_` or `-`? */
export function isWordCharacter(unit: i32): bool {
  return isLetter(unit) || isDigit(unit) || unit == Ascii.UNDERSCORE || unit == Ascii.DASH;
}

/** Is a unit of a text a control character, of ASCII or beyond it (U+0080 to U+009F)? */
export function isControl(unit: i32): bool {
  return unit < Ascii.SPACE || (unit >= Ascii.DELETE && unit < 0xa0);
}

/** How often a unit stands in a text. */
export function countOf(text: string, unit: i32): i32 {
  let count = 0;
  for (let i = 0, length = text.length; i < length; i++) {
    if (text.charCodeAt(i) == unit) count++;
  }
  return count;
}
