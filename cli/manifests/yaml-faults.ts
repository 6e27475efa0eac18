import { isScalar, type Document, type YAMLError } from "yaml";
import { documentsOf } from "./kubernetes-yaml.ts";
import { repeatedKeys } from "./repeated-keys.ts";
import { lineAt, lineStart } from "./text-lines.ts";
import { filledWithWords, firstUnfilled, isWord, unfilledRemedy } from "./unfilled.ts";
import {
  characterName,
  documentFaults,
  isJson,
  MAX_FAULTS,
  startFaults,
  type Reader,
  type TextFault,
} from "./unlike-kubernetes.ts";
import { walk } from "./walk.ts";

const INDENT = "indent this line like those before it that belong to the same map or list";

/** What to do about the slips that NATS's wildcards lead to, and about blanks, by the parser's codes. */
const SLIPS: ReadonlyMap<string, string> = new Map([
  ["BAD_ALIAS", "write the text in quotes"],
  ["BAD_SCALAR_START", "write the text in quotes"],
  ["BLOCK_AS_IMPLICIT_KEY", "write what follows the first colon in quotes, or the second key on a line of its own"],
  ["TAB_AS_INDENT", "write spaces instead"],
  ["BAD_INDENT", INDENT],
]);

/** What looks like a blank, or like nothing, and is a part of a key or of a value. */
const UNLIKE_BLANK = /(?! )[\p{Zs}\p{Cf}]/u;

/** A key with its value right behind the colon, which is no key: `publish:{`. */
const CLOSE_TO_COLON = /^[ \t]*(?:- +)*[\w-]+:[^\s/:]/;

/** What to do about a line that cannot be parsed, where something in it shows why. */
function remedyOfLine(line: string): string | undefined {
  const [unseen] = UNLIKE_BLANK.exec(line) ?? [];
  if (unseen !== undefined) return `${characterName(unseen)} is in this line, which is no blank: write plain blanks`;
  return CLOSE_TO_COLON.test(line) ? "write a blank behind the colon" : undefined;
}

/** A list item or a key that is indented less or more than those to which it belongs. Nothing behind it is read as it is meant. */
function isOfLevel({ message }: YAMLError): boolean {
  return /^(?:A block sequence may not be used as an implicit map key|Sequence item without - indicator)/.test(message);
}

/** A text in quotes that do not end: its fault is reported where the document does. */
function isOfQuotes({ message }: YAMLError): boolean {
  return message.startsWith("Missing closing ");
}

/** What to do about a fault that the parser reports, as far as it is known. */
function remedyOfFault(error: YAMLError, text: string): string | undefined {
  const { code, message, pos } = error;
  const line = lineAt(pos[0], text);
  if (isOfLevel(error)) return INDENT;
  if (isOfQuotes(error)) return "write the quotation mark that ends it";
  const [, end] = / end with a (\S)/.exec(message) ?? [];
  if (end !== undefined) {
    const isFirst = text.slice(lineStart(pos[0], text), pos[0]).trim() === "";
    return `write the ${end} that is missing before this${isFirst ? ", or indent this line further if it belongs inside" : ""}`;
  }
  return remedyOfLine(line) ?? SLIPS.get(code);
}

/** Where a fault is: of quotes that do not end, where they begin. */
function offsetOf(error: YAMLError, document: Document): number {
  let offset = error.pos[0];
  if (!isOfQuotes(error)) return offset;
  walk(document.contents, {
    node: (node) => {
      const isQuoted = isScalar(node) && (node.type === "QUOTE_DOUBLE" || node.type === "QUOTE_SINGLE");
      if (!isQuoted || !node.range || node.range[1] < error.pos[0]) return false;
      [offset] = node.range;
      return true;
    },
  });
  return offset;
}

/** What is still to be filled in on the line of a fault, which then is not the text's own, unless it `stays` with a word there. */
function unfilledAt(offset: number, text: string, stays: () => boolean): TextFault | undefined {
  const line = lineAt(offset, text);
  const unfilled = firstUnfilled(line);
  const remedy = unfilled && unfilledRemedy(unfilled.written);
  if (!unfilled || remedy === undefined || (isWord(unfilled.written, line) && stays())) return undefined;
  const message = `${unfilled.written} is still to be filled in here, and until then this is not YAML`;
  return { message, offset: lineStart(offset, text) + unfilled.index, remedy };
}

/** Where a document from `before` to `end` has faults once words stand for all that is still to be filled in. */
function faultsOfWords(reader: Reader, text: string, before: number, end: number): Set<number> {
  const words = filledWithWords(text.slice(before, end));
  const offsets = documentsOf(words).flatMap((document) => [
    ...document.errors.map(({ pos }) => pos[0]),
    ...(reader === "kubectl" ? repeatedKeys(document) : []).map(({ offset }) => offset),
    ...documentFaults(document, words, document.range[0], document.range[2]).map(({ offset }) => offset),
  ]);
  return new Set(offsets.map((offset) => before + offset));
}

/** Up to the first line that is still to be filled in: whatever fills it in writes the whole document anew. */
function untilUnfilled(faults: readonly TextFault[], text: string, ofWords: () => Set<number>): TextFault[] {
  let staying: Set<number> | undefined;
  for (const [index, { offset }] of faults.entries()) {
    const unfilled = unfilledAt(offset, text, () => (staying ??= ofWords()).has(offset));
    if (unfilled) return [...faults.slice(0, index), unfilled];
  }
  return [...faults];
}

/** The parser is recursive: ten thousand nested lists overflow its stack. */
export const TOO_DEEP = { message: "nested too deeply to be read", remedy: "write it with fewer levels" };

/** What jq makes of objects that come one behind the other, and of those in an array. */
export const LIST = `'{apiVersion: "v1", kind: "List", items: .}'`;

/** `jq '.items[]'` writes this. */
const SEVERAL_OBJECTS = {
  message: (reader: Reader): string =>
    `a second object follows the first, which ${reader} accepts in JSON and istio-nats does not`,
  remedy: `put them into one List, by jq --slurp ${LIST}, or a line --- between them`,
};

/** What helm install --dry-run, helm upgrade --dry-run, helm status and helm get all write around the objects, and behind them. */
const NOTES = {
  message: "these are the notes of a Helm release, not YAML",
  remedy: "give what helm template writes, or helm get manifest",
};

/** A line that was to part two documents: everything behind it seems to belong to the first. */
const NEARLY_SEPARATOR = {
  message: "this line parts no documents",
  remedy: "write --- at its beginning, and nothing else",
};

function isNearlySeparator(line: string): boolean {
  return /^(?: +---|--|-{4,})[ \t]*$/.test(line);
}

/** Where the notes begin if the document has them. */
function notesAt(text: string, before: number, end: number): number | undefined {
  if (!/^(?:#.*\n)?NAME: /.test(text)) return undefined;
  const notes = /^NOTES:\r?$/m.exec(text.slice(before, end));
  return notes ? before + notes.index : undefined;
}

/** What is wrong with a document before its aliases are followed. The previous one ends at `before`, this one at `end`. */
export function faultsOf(
  document: Document.Parsed,
  reader: Reader,
  text: string,
  before: number,
  end: number,
): TextFault[] {
  const { errors } = document;
  const deep = errors.find(isOfDepth);
  // Every other fault that the parser reports is then a consequence of this one, unless it takes each line with `a: b: c` for a part of
  // that before.
  if (deep && errors[0]?.code !== "BLOCK_AS_IMPLICIT_KEY") return [{ ...TOO_DEEP, offset: deep.pos[0] }];
  const notes = errors.length > 0 ? notesAt(text, before, end) : undefined;
  if (notes !== undefined) return [{ ...NOTES, offset: notes }];
  const first = errors[0]?.pos[0] ?? 0;
  if (errors.length > 0 && isNearlySeparator(lineAt(first, text)))
    return [{ ...NEARLY_SEPARATOR, offset: lineStart(first, text) }];
  if (text[first] === "{" && isJson(text.slice(before, first))) return [{ ...SEVERAL_OBJECTS, offset: first }];
  const start = document.contents?.range[0] ?? 0;
  const template = errors.length > 0 && text.startsWith("{{", start) ? unfilledAt(start, text, () => false) : undefined;
  if (template) return [template];
  const syntax = causesIn(errors, text).map((error): TextFault => {
    const remedy = remedyOfFault(error, text);
    const [message = ""] = error.message.split("\n");
    return { message, offset: offsetOf(error, document), ...(remedy === undefined ? {} : { remedy }) };
  });
  const repeated = reader === "kubectl" ? repeatedKeys(document) : [];
  const faults = [...syntax, ...repeated, ...startFaults(document, text, before)];
  // What the parser itself has given up may have no place.
  if (syntax.length === 0) faults.push(...documentFaults(document, text, before, end));
  const told = faults.slice(0, MAX_FAULTS);
  return errors.some(isOfTab) ? told : untilUnfilled(told, text, () => faultsOfWords(reader, text, before, end));
}

function isOfDepth({ message }: YAMLError): boolean {
  return message.startsWith("Maximum call stack");
}

function isOfTab({ code }: YAMLError): boolean {
  return code === "TAB_AS_INDENT";
}

/** The faults that the parser reports, without those that follow from another one: at most `MAX_FAULTS`. */
function causesIn(errors: readonly YAMLError[], text: string): YAMLError[] {
  const tabs = errors.filter(isOfTab);
  const causes: YAMLError[] = [];
  const seen = new Set<string>();
  // Every line behind a tab that indents seems to be in another place than it is.
  for (const error of tabs.length > 0 ? tabs : errors) {
    if (isOfDepth(error)) continue;
    if (causes.length >= MAX_FAULTS) break;
    const keys = [`at ${error.pos[0]}`, ...sharedCause(error, text)];
    // Of several at one place the others follow from the first.
    if (keys.every((key) => !seen.has(key))) causes.push(error);
    for (const key of keys) seen.add(key);
    if (isOfLevel(error)) break;
  }
  return causes;
}

/** What a fault has in common with those that have the same cause, if their places do not show it. */
function sharedCause({ code, message, pos }: YAMLError, text: string): string[] {
  // Each further line of a map whose first one is indented further is reported.
  if (code === "BAD_INDENT") return [`indent ${/^ */.exec(lineAt(pos[0], text))?.[0].length ?? 0}`];
  // Behind the end of a document nothing can be read.
  return code === "UNEXPECTED_TOKEN" && message.includes(" in YAML stream") ? ["behind the end"] : [];
}
