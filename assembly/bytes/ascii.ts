/** Is a unit of a text one of ASCII's letters, large or small? */
export function isLetter(unit: i32): bool {
  return (unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a;
}

/** Is it one of ASCII's digits? */
export function isDigit(unit: i32): bool {
  return unit >= 0x30 && unit <= 0x39;
}
