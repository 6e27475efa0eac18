import { distance } from "fastest-levenshtein";

/** A word that is further away is not a typing error. */
const MAX_EDITS = 2;

/** The edit distance between two words, ignoring case; undefined if the one was hardly meant as the other. */
export function slipBetween(word: string, meant: string): number | undefined {
  const edits = distance(word.toLowerCase(), meant.toLowerCase());
  return edits <= Math.min(MAX_EDITS, Math.floor(meant.length / 2)) ? edits : undefined;
}

/** The one of `known` that was probably meant. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const slips = known.flatMap((meant) => {
    const edits = slipBetween(word, meant);
    return edits === undefined ? [] : [{ meant, edits }];
  });
  return slips.sort((a, b) => a.edits - b.edits)[0]?.meant;
}

/** The remedy for a word that is none of `known`, if one of these was probably meant. */
export function writeNearest(word: string, known: readonly string[]): string | undefined {
  const meant = nearest(word, known);
  return meant === undefined ? undefined : `write ${meant}`;
}
