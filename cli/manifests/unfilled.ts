/** What a template leaves where it has no value: Helm and Go. */
const LEFT_BY_TEMPLATE = /<no value>|<nil>|%!\w\(/;

/** What stands for a value until something fills it in, or renders it. Only a sound one is written on one line. */
const UNFILLED = /\$\{(?:[^}\n]*\})?|\{\{(?:[^}\n]*\}\})?/;

/** The first of a text that something has still to fill in or to render, and where it begins. */
export function firstUnfilled(text: string): { written: string; index: number } | undefined {
  const match = UNFILLED.exec(text);
  return match ? { written: match[0], index: match.index } : undefined;
}

/** One that is whole and has no other in it. */
const WHOLE = String.raw`(?:\$\{[^{}\n]*\}|\{\{[^{}\n]*\}\})`;
const INNERMOST = new RegExp(WHOLE, "g");

/** A line of nothing else. What is written there may be several lines, or none. */
const LINE = new RegExp(String.raw`^[ \t]*${WHOLE}[ \t]*\r?$`, "gm");

/** The text as it may be once all is filled in: with a plain word in the place of each, of as many characters. */
export function filledWithWords(text: string): string {
  const word = (written: string): string => "x".repeat(written.length);
  const withoutLines = text.replace(LINE, (line) => line.replace(/[^\r]/g, " "));
  // One may be the default value of another.
  return withoutLines.replace(INNERMOST, word).replace(INNERMOST, word);
}

/** Whether a word in its place shows what is wrong besides. */
export function isWord(written: string, line: string): boolean {
  return written.endsWith("}") && line.trim() !== written;
}

/** What a substitution fills in before Kubernetes sees it, as Flux's does. */
export function isFilledIn(text: string): boolean {
  return text.includes("${");
}

/** A remedy behind the one for what is still to be filled in, if there is any. */
export function afterFilling(fill: string | undefined, remedy: string): string {
  return fill === undefined ? remedy : `${fill}; otherwise ${remedy}`;
}

/** The remedy for a text that something has still to fill in. */
export function unfilledRemedy(text: string): string | undefined {
  if (isFilledIn(text)) return "fill in ${…} first, as flux envsubst does, and give the result";
  if (text.includes("{{")) return "render the template first, and give the result";
  return LEFT_BY_TEMPLATE.test(text)
    ? "give the template the value that is missing here, and render it again"
    : undefined;
}
