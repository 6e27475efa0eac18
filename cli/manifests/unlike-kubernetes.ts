import { isAlias, isCollection, isMap, isNode, isScalar, isSeq, visit, type Document, type Node } from "yaml";
import { isMergeKey } from "./kubernetes-yaml.ts";

/** Something at an offset of the text that the parser here takes, and kubectl's refuses or takes for something else. */
export interface TextFault {
  offset: number;
  message: string;
  remedy?: string;
}

/** A file that is no YAML at all has a fault in every line. */
export const MAX_FAULTS = 10;

/** What ends a line, and with it a comment, for go-yaml (YAML 1.1, `is_break`) and for nothing else here. */
const STRANGE_BREAK = /[\u0085\u2028\u2029]|\r(?!\n)/;

/** What go-yaml's reader refuses wherever it stands, and a mark of byte order that is part of a key to it and nothing here. */
// eslint-disable-next-line no-control-regex
const UNSEEN = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]|(?<![^\n])\ufeff/;

const STRANGE = new RegExp(`(?<lineBreak>${STRANGE_BREAK.source})|${UNSEEN.source}`, "g");

/**
 * Characters by which a text is another one to kubectl: what looks like the rest of a comment here may be keys there. JSON
 * has no comments, and kubectl reads it with a reader of its own.
 */
export function characterFaults(text: string): TextFault[] {
  const faults: TextFault[] = [];
  for (const { index, 0: character, groups } of text.matchAll(STRANGE)) {
    if (faults.length === 0 && isJson(text)) return [];
    const name = `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
    const escape = character === "\r" ? "\\r" : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
    faults.push(
      groups?.["lineBreak"] === undefined
        ? {
            offset: index,
            message: `the character ${name} stands here, which cannot be seen, and kubectl does not pass over it`,
            remedy: `take it out, or write the escape ${escape} in double quotes`,
          }
        : {
            offset: index,
            message: `${character === "\r" ? "a carriage return alone" : name} stands here, and kubectl begins a new line at it`,
            remedy: `write a line break, or the escape ${escape} in double quotes`,
          },
    );
    if (faults.length === MAX_FAULTS) break;
  }
  return faults;
}

function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}

/** What stands before a document, from `from` on: kubectl cuts a text at lines of `---`, and reads each piece to its first end. */
export function startFaults(document: Document.Parsed, text: string, from: number): TextFault[] {
  const [start] = document.range;
  const directive = /^%.*/m.exec(text.slice(from, start));
  if (directive) {
    const message = `kubectl refuses the directive ${directive[0].split(" ")[0] ?? ""}`;
    return [{ offset: from + directive.index, message, remedy: "take the line out" }];
  }
  if (from === 0 || document.directives.docStart === true || isNull(document.contents)) return [];
  const offset = document.contents?.range[0] ?? start;
  const message = "kubectl passes over what stands behind the line ...";
  return [{ offset, message, remedy: "begin the document with a line ---" }];
}

/** Whether a document, or a key, is null: kubectl passes over such a document. */
export function isNull(node: unknown): boolean {
  return node === null || (isScalar(node) && node.value === null);
}

const STANDARD_TAG = "tag:yaml.org,2002:";

/** Tags that leave a value what it is, here and in go-yaml. */
const HARMLESS_TAGS = new Set(["str", "map", "seq"]);

function tagFault(node: Node): TextFault | undefined {
  const { tag } = node as { tag?: string };
  if (!tag?.startsWith(STANDARD_TAG)) return undefined;
  const name = tag.slice(STANDARD_TAG.length);
  if (HARMLESS_TAGS.has(name)) return undefined;
  const message = `kubectl may read a value with the tag !!${name} otherwise than it is read here`;
  return { offset: offsetOf(node), message, remedy: "write the value itself, without the tag" };
}

/** Keys of Kubernetes are texts. go-yaml follows an alias that is a key, so that the text does not show what is set. */
function keyFault(key: unknown, offset: number): TextFault | undefined {
  if (isScalar(key) && key.tag !== undefined && (isMergeKey(key) || key.value === "<<")) {
    const message = `kubectl may take << with the tag ${key.tag} for a merge key or for a text`;
    return { offset: offsetOf(key), message, remedy: 'write << without a tag to merge, "<<" for the text' };
  }
  const what = isAlias(key)
    ? `the alias *${key.source} is a key`
    : isCollection(key)
      ? `${isMap(key) ? "a map" : "a list"} is a key`
      : isNull(key)
        ? "null is a key"
        : undefined;
  if (what === undefined) return undefined;
  const remedy = isNull(key)
    ? 'write the key, in quotes if it is meant to be "null" or "~"'
    : "write the key as a text";
  return { offset: isNode(key) ? offsetOf(key) : offset, message: `${what}: keys are texts to Kubernetes`, remedy };
}

/** A line that is blank, or a comment, behind a tab. */
const BLANK_WITH_TAB = /^( *)\t[ \t]*(?:#.*)?$/gm;

/**
 * What of a document keys, tags and tabs make unlike what kubectl reads: at most `MAX_FAULTS`. `from` and `to` are where the
 * documents before and behind it end and begin.
 */
export function documentFaults(document: Document.Parsed, text: string, from: number, to: number): TextFault[] {
  const faults: TextFault[] = [];
  const tabs = blankLinesWithTab(text, from, to);
  let nextTab = 0;
  /** Up to where a scalar in quotes, a block scalar or a collection in brackets reaches: there a tab is one more blank. */
  let opaque = 0;
  let plain: { end: number; indent: number } | undefined;
  const add = (fault: TextFault | undefined): symbol | undefined => {
    if (fault) faults.push(fault);
    return faults.length >= MAX_FAULTS ? visit.BREAK : undefined;
  };
  /** Judges the lines before `offset`: nothing that begins behind them can reach them. */
  const judgeTabs = (offset: number): void => {
    for (let tab = tabs[nextTab]; tab && tab.offset < offset; tab = tabs[++nextTab]) {
      if (tab.offset < opaque || faults.length >= MAX_FAULTS) continue;
      // go-yaml takes blank lines behind a plain scalar for a part of it, if only they stand as far to the right.
      if (plain && tab.column > plain.indent && text.slice(plain.end, tab.line).trim() === "") {
        plain.end = tab.offset;
        continue;
      }
      const message = "kubectl refuses a tab before the place where a key or a list may begin";
      add({ offset: tab.offset, message, remedy: "take the tab out of the line" });
    }
  };
  visit(document, {
    Pair: (_, pair, path) => add(keyFault(pair.key, offsetOf(path.findLast((above) => isMap(above))))),
    Node: (role, node, path) => {
      const [start, end] = node.range ?? [0, 0];
      judgeTabs(start);
      if (isCollection(node) ? node.flow === true : isScalar(node) && node.type !== "PLAIN")
        opaque = Math.max(opaque, end);
      else if (isScalar(node) && end > start && start >= opaque) {
        const around = path.findLast((above) => isCollection(above));
        plain = { end, indent: around ? columnOf(offsetOf(around), text) : -1 };
      }
      const parent = path.at(-1);
      if (isSeq(parent) && parent.flow !== true && isTabBefore(start, text)) {
        const message = "kubectl refuses a tab behind the - of a list";
        if (add({ offset: start - 1, message, remedy: "write a blank instead" }) !== undefined) return visit.BREAK;
      }
      return role === "key" && isMergeKey(node) ? undefined : add(tagFault(node));
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
