/** Is a unit of a text one of ASCII's letters, large or small? */
export function isLetter(unit: i32): bool {
  return (unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a;
}

/** Is a unit of a text one of ASCII's digits? */
export function isDigit(unit: i32): bool {
  return unit >= 0x30 && unit <= 0x39;
}

/** Is a unit of a text a letter or digit of ASCII, `_` or `-`? */
export function isWordCharacter(unit: i32): bool {
  return isLetter(unit) || isDigit(unit) || unit == 0x5f || unit == 0x2d;
}

/** How often a unit stands in a text. */
export function countOf(text: string, unit: i32): i32 {
  let count = 0;
  for (let i = 0, length = text.length; i < length; i++) {
    if (text.charCodeAt(i) == unit) count++;
  }
  return count;
}
