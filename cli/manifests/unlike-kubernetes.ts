import { isAlias, isCollection, isMap, isNode, isScalar, isSeq, type Document, type Node } from "yaml";
import { isMergeKey } from "./kubernetes-yaml.ts";
import { unfilledRemedy } from "./unfilled.ts";
import { walk } from "./walk.ts";

/** Who reads a text once it is applied. Both do so by sigs.k8s.io/yaml: kubectl with `UnmarshalStrict`, where no key may repeat. */
export type Reader = "kubectl" | "Helm";

/** Something in the text that the parser here accepts while its reader's refuses it or reads it differently. */
export interface TextFault {
  offset: number;
  /** A function where it says what the reader does. */
  message: string | ((reader: Reader) => string);
  remedy?: string;
}

/** A file that is not YAML at all has a fault in every line. */
export const MAX_FAULTS = 10;

/** What ends a line, and with it a comment, in go-yaml (YAML 1.1, `is_break`) but in no other reader here. */
const STRANGE_BREAK = /[\u0085\u2028\u2029]|\r(?!\n)/;

/** What go-yaml's reader refuses anywhere, and a byte order mark, which is part of a key there and is ignored here. */
// eslint-disable-next-line no-control-regex
const UNSEEN = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]|(?<![^\n])\ufeff/;

const STRANGE = new RegExp(`(?<lineBreak>${STRANGE_BREAK.source})|${UNSEEN.source}`, "g");

/**
 * Characters that make kubectl read a different text: what looks like the rest of a comment here may be keys there. JSON has no
 * comments, and kubectl has a separate reader for it.
 */
export function characterFaults(text: string): TextFault[] {
  const faults: TextFault[] = [];
  for (const { index, 0: character, groups } of text.matchAll(STRANGE)) {
    if (faults.length === 0 && isJson(text)) return [];
    const name = characterName(character);
    const escape = character === "\r" ? "\\r" : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
    faults.push(
      groups?.["lineBreak"] === undefined
        ? {
            offset: index,
            message: (reader): string => `the invisible character ${name} is here, and ${reader} does not ignore it`,
            remedy: `remove it, or write the escape ${escape} in double quotes`,
          }
        : {
            offset: index,
            message: (reader): string =>
              `${character === "\r" ? "a carriage return by itself" : name} is here, and ${reader} begins a new line at it`,
            remedy: `write a line break, or the escape ${escape} in double quotes`,
          },
    );
    if (faults.length === MAX_FAULTS) break;
  }
  return faults;
}

/** A line at which kubectl cuts a text. */
const CUT = /^---[ \t\r]*(?:#.*)?$/;

/**
 * A text without the byte order marks with which a document begins behind a line `---`, as in files that were put together from
 * others. kubectl has each piece between such lines read by itself, and at its beginning the mark says only how it is encoded
 * (apimachinery `YAMLReader.Read`, go-yaml `yaml_parser_determine_encoding`). At a line with nothing before it there is no cut.
 */
export function withoutMarks(text: string): string {
  if (!text.includes("\n\ufeff")) return text;
  let isEmpty = true;
  let isCut = false;
  const lines = text.split("\n").map((line) => {
    const kept = isCut && line.startsWith("\ufeff") ? line.slice(1) : line;
    isCut = !isEmpty && CUT.test(line);
    isEmpty = isCut;
    return kept;
  });
  return lines.join("\n");
}

/** `U+200B`. */
export function characterName(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Whether a text is an object or an array in JSON. */
export function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}

/** Faults before a document, from `from` on. kubectl cuts a text at lines of `---`, and reads each piece up to its first end. */
export function startFaults(document: Document.Parsed, text: string, from: number): TextFault[] {
  const [start] = document.range;
  const directive = /^%.*/m.exec(text.slice(from, start));
  if (directive) {
    const message = (reader: Reader): string => `${reader} refuses the directive ${directive[0].split(" ")[0] ?? ""}`;
    return [{ offset: from + directive.index, message, remedy: "remove the line" }];
  }
  if (from === 0 || document.directives.docStart === true || isNull(document.contents)) return [];
  const offset = document.contents?.range[0] ?? start;
  const message = (reader: Reader): string => `${reader} ignores what follows the line ...`;
  return [{ offset, message, remedy: "begin the document with a line ---" }];
}

/** Whether a document, or a key, is null. kubectl ignores such a document. */
export function isNull(node: unknown): boolean {
  return node === null || (isScalar(node) && node.value === null);
}

const STANDARD_TAG = "tag:yaml.org,2002:";

/** Tags that do not change a value, here or in go-yaml. */
const HARMLESS_TAGS = new Set(["str", "map", "seq"]);

function tagFault(node: Node): TextFault | undefined {
  const { tag } = node as { tag?: string };
  if (!tag?.startsWith(STANDARD_TAG)) return undefined;
  const name = tag.slice(STANDARD_TAG.length);
  if (HARMLESS_TAGS.has(name)) return undefined;
  const message = (reader: Reader): string =>
    `${reader} may not read a value with the tag !!${name} as istio-nats does`;
  return { offset: offsetOf(node), message, remedy: "write the value itself, without the tag" };
}

/** Keys are strings in Kubernetes. go-yaml follows an alias that is a key, so the text does not show which key is set. */
function keyFault(key: unknown, offset: number, text: string): TextFault | undefined {
  if (isScalar(key) && key.tag !== undefined && (isMergeKey(key) || key.value === "<<")) {
    const message = (reader: Reader): string =>
      `${reader} may take << with the tag ${key.tag} for a merge key or for a string`;
    return { offset: offsetOf(key), message, remedy: 'write << without a tag to merge, or "<<" for the string' };
  }
  const what = isAlias(key)
    ? `the alias *${key.source} is a key`
    : isCollection(key)
      ? `${isMap(key) ? "a map" : "a list"} is a key`
      : isNull(key)
        ? "null is a key"
        : undefined;
  if (what === undefined) return undefined;
  // YAML reads what a chart's template has between two brackets as a map in a map.
  const unfilled = isMap(key) ? unfilledRemedy(text.slice(offsetOf(key) - 1, offsetOf(key) + 1)) : undefined;
  const remedy = isNull(key)
    ? 'write the key, in quotes if it is meant to be "null" or "~"'
    : (unfilled ?? "write the key as a string");
  return { offset: isNode(key) ? offsetOf(key) : offset, message: `${what}, but Kubernetes keys are strings`, remedy };
}

/** What follows a key in brackets to which go-yaml counts the colon: it looks for a blank behind it even there. */
const COLON_OF_KEY = /\s*:(?=[,[\]{}])/y;

/** Text without quotes in brackets, which ends elsewhere in go-yaml (`yaml_parser_scan_plain_scalar`). */
function bracketFault(start: number, end: number, text: string): TextFault | undefined {
  const written = text.slice(start, end);
  const astray = written.startsWith(":") ? 0 : written.indexOf("?");
  if (astray >= 0) {
    const message = (reader: Reader): string =>
      `${reader} does not take the ${written[astray] ?? ""} here for a part of the text, which is in brackets`;
    return { offset: start + astray, message, remedy: "write the text in quotes" };
  }
  COLON_OF_KEY.lastIndex = end;
  if (!COLON_OF_KEY.test(text)) return undefined;
  const message = (reader: Reader): string =>
    `${reader} takes the colon here for a part of the key, since no blank follows it`;
  return { offset: COLON_OF_KEY.lastIndex - 1, message, remedy: "write a blank after the colon" };
}

/** An escape, with those in groups that JSON has and go-yaml refuses: `\/`, and characters beyond U+FFFF as two surrogates. */
const ESCAPE = /\\(?:(?<slash>\/)|(?<half>(?:u|U0{4})[dD][89a-fA-F][\da-fA-F]{2})|[^])/g;

/** Escapes in double quotes that go-yaml refuses (`yaml_parser_scan_flow_scalar`), and the parser here does not. */
function escapeFaults(start: number, end: number, text: string): TextFault[] {
  return [...text.slice(start, end).matchAll(ESCAPE)].flatMap(({ index, 0: escape, groups }): TextFault[] => {
    const fault = (what: string, remedy: string): TextFault => ({
      offset: start + index,
      message: (reader) => `${reader} refuses the escape ${escape}, ${what}`,
      remedy,
    });
    if (groups?.["slash"] !== undefined) return [fault("which only JSON has", "write / without the backslash")];
    return groups?.["half"] === undefined ? [] : [fault("which is half a character", "write the character itself")];
  });
}

/** A blank line or a comment line that has a tab in front. */
const BLANK_WITH_TAB = /^( *)\t[ \t]*(?:#.*)?$/gm;

/**
 * The keys, tags and tabs that make kubectl read a document differently: at most `MAX_FAULTS`. `from` is where the document
 * before it ends, `to` where the next one begins.
 */
export function documentFaults(document: Document.Parsed, text: string, from: number, to: number): TextFault[] {
  const faults: TextFault[] = [];
  const tabs = blankLinesWithTab(text, from, to);
  let nextTab = 0;
  /** The end of the last quoted scalar, block scalar or collection in brackets. Inside them a tab is just another blank. */
  let opaque = 0;
  let plain: { end: number; indent: number } | undefined;
  const isFullWith = (fault: TextFault | undefined): boolean => {
    if (fault) faults.push(fault);
    return faults.length >= MAX_FAULTS;
  };
  /** Judges the lines before `offset`: nothing that begins later can reach back to them. */
  const judgeTabs = (offset: number): void => {
    for (let tab = tabs[nextTab]; tab && tab.offset < offset; tab = tabs[++nextTab]) {
      if (tab.offset < opaque || faults.length >= MAX_FAULTS) continue;
      // go-yaml takes blank lines after a plain scalar for a part of it if they are indented far enough.
      if (plain && tab.column > plain.indent && text.slice(plain.end, tab.line).trim() === "") {
        plain.end = tab.offset;
        continue;
      }
      const message = (reader: Reader): string =>
        `${reader} refuses a tab before the place where a key or a list may begin`;
      faults.push({ offset: tab.offset, message, remedy: "remove the tab from the line" });
    }
  };
  let json: boolean | undefined;
  walk(document.contents, {
    pair: (pair, map) => isFullWith(keyFault(pair.key, offsetOf(map), text)),
    node: (node, isKey, around) => {
      const [start, end] = node.range ?? [0, 0];
      judgeTabs(start);
      if (isScalar(node) && node.type === "QUOTE_DOUBLE") {
        const escapes = escapeFaults(start, end, text);
        // kubectl has a separate reader for JSON.
        if (escapes.length > 0 && !(json ??= isJson(text)) && escapes.some(isFullWith)) return true;
      }
      if (isCollection(node) ? node.flow === true : isScalar(node) && node.type !== "PLAIN")
        opaque = Math.max(opaque, end);
      else if (isScalar(node) && end > start && start < opaque) {
        if (isFullWith(bracketFault(start, end, text))) return true;
      } else if (isScalar(node) && end > start) plain = { end, indent: around ? columnOf(offsetOf(around), text) : -1 };
      if (isSeq(around) && around.flow !== true && isTabBefore(start, text)) {
        const message = (reader: Reader): string => `${reader} refuses a tab after the - of a list`;
        if (isFullWith({ offset: start - 1, message, remedy: "write a space instead" })) return true;
      }
      return isKey && isMergeKey(node) ? false : isFullWith(tagFault(node));
    },
  });
  judgeTabs(Infinity);
  return faults.slice(0, MAX_FAULTS);
}

interface BlankLine {
  /** Where the line begins. */
  line: number;
  /** Of its first tab. */
  offset: number;
  column: number;
}

function blankLinesWithTab(text: string, start: number, end: number): BlankLine[] {
  return [...text.slice(start, end).matchAll(BLANK_WITH_TAB)].map(({ index, 1: blanks = "" }) => {
    const line = start + index;
    return { line, offset: line + blanks.length, column: blanks.length };
  });
}

function isTabBefore(offset: number, text: string): boolean {
  if (text[offset - 1] !== "\t" && text[offset - 1] !== " ") return false;
  const before = text.slice(offset - columnOf(offset, text), offset);
  return /^[ \t]*-[- \t]*$/.test(before) && before.includes("\t", before.indexOf("-"));
}

/** From 0. */
function columnOf(offset: number, text: string): number {
  return offset === 0 ? 0 : offset - (text.lastIndexOf("\n", offset - 1) + 1);
}

function offsetOf(node: unknown): number {
  return (node as Node | undefined)?.range?.[0] ?? 0;
}
