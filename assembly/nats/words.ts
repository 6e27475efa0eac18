/** Verbs and blanks as nats-server reads them (parser.go). Comparison of letters ignores case; blanks are SP and TAB. */

export const SPACE: u8 = 0x20;
export const TAB: u8 = 0x09;
export const CR: u8 = 0x0d;
export const LF: u8 = 0x0a;

// @ts-ignore: decorator
@inline
export function isBlank(b: u8): bool {
  return b == SPACE || b == TAB;
}

/** The upper-case letters of a verb, compared byte by byte with what has arrived of it. */
export const enum Match {
  WHOLE = 0,
  /** All that has arrived fits, but the verb is longer. */
  PARTIAL = 1,
  NONE = 2,
}

/** `verb` holds upper-case letters, or '+' and '-', which have no case. */
export function matchVerb(pointer: usize, end: usize, verb: StaticArray<u8>): Match {
  for (let i = 0; i < verb.length; i++) {
    if (pointer >= end) return Match.PARTIAL;
    let b = load<u8>(pointer);
    if (b >= 0x61 && b <= 0x7a) b -= 0x20;
    if (b != unchecked(verb[i])) return Match.NONE;
    pointer++;
  }
  return Match.WHOLE;
}
