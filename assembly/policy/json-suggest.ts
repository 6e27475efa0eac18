import { Ascii, CASE_BIT } from "../bytes/ascii";

// A key longer than this is no slip of the fingers; it also bounds the table below.
const MAX_WORD: i32 = 32;

/** The word without `_` and `-`, in lower case: `allowResponses` and `allow_responses` are one word. */
function plain(word: string): string {
  let letters = "";
  for (let i = 0, length = word.length; i < length; i++) {
    const unit = word.charCodeAt(i);
    if (unit == Ascii.UNDERSCORE || unit == Ascii.DASH) continue;
    letters += String.fromCharCode(unit >= 0x41 && unit <= 0x5a ? unit + CASE_BIT : unit);
  }
  return letters;
}

/** How many single-character edits make `b` of `a` (Levenshtein). */
function distance(a: string, b: string): i32 {
  const width = b.length + 1;
  let above = new StaticArray<i32>(width);
  let row = new StaticArray<i32>(width);
  for (let j = 0; j < width; j++) above[j] = j;
  for (let i = 1; i <= a.length; i++) {
    row[0] = i;
    for (let j = 1; j < width; j++) {
      const changed = a.charCodeAt(i - 1) == b.charCodeAt(j - 1) ? 0 : 1;
      const edited = min(above[j], row[j - 1]) + 1;
      row[j] = min(edited, above[j - 1] + changed);
    }
    const done = above;
    above = row;
    row = done;
  }
  return above[width - 1];
}

/**
 * The one of `known` that `word` was probably meant to be, or "" when none is
 * near: the same but for case, `_` and `-`; the beginning of one (`pub`); or
 * within two edits, one for words of up to three letters.
 */
export function nearest(word: string, known: StaticArray<string>): string {
  if (word.length == 0 || word.length > MAX_WORD) return "";
  const typed = plain(word);
  let best = "";
  let bestDistance = typed.length < 4 ? 2 : 3;
  for (let i = 0; i < known.length; i++) {
    const candidate = plain(known[i]);
    const edits = distance(typed, candidate);
    if (edits < bestDistance) {
      best = known[i];
      bestDistance = edits;
    }
  }
  if (best.length > 0 || typed.length < 3) return best;
  for (let i = 0; i < known.length; i++) {
    if (plain(known[i]).startsWith(typed)) return known[i];
  }
  return "";
}

/** `A, B or C`. */
export function listed(words: StaticArray<string>): string {
  let text = "";
  for (let i = 0; i < words.length; i++) {
    if (i > 0) text += i == words.length - 1 ? " or " : ", ";
    text += words[i];
  }
  return text;
}
