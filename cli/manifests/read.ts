import { dirname } from "node:path";
import { isMap, isScalar, LineCounter, type Document, type Pair, type YAMLError } from "yaml";
import { resolveAliases } from "./aliases.ts";
import { Field } from "./field.ts";
import { hasDirective, isKustomization, patchesOf, patchFilesOf } from "./kustomize.ts";
import { documentsOf, isMergeKey } from "./kubernetes-yaml.ts";
import type { Place, PlaceOf } from "./place.ts";
import type { Remedy } from "./rendering.ts";
import { Resource } from "./resource.ts";
import { isPatchOfSelector } from "./selector-path.ts";
import { named } from "../named.ts";
import { MAX_SOURCE_BYTES, type Source } from "./source.ts";
import { filledWithWords, firstUnfilled, isWord, unfilledRemedy } from "./unfilled.ts";
import {
  characterFaults,
  characterName,
  documentFaults,
  isJson,
  isNull,
  MAX_FAULTS,
  startFaults,
  withoutMarks,
  type Reader,
  type TextFault,
} from "./unlike-kubernetes.ts";
import { walk } from "./walk.ts";

/** Why a text, or a part of it, could not be read. */
export interface ReadProblem {
  kind:
    | "syntax"
    | "too-large"
    | "aliases"
    | "helm-template"
    | "kustomization"
    | "object-incomplete"
    | "no-object"
    | "no-policy"
    | "values-key";
  place: Place;
  message: string;
  /** Given if this case has a more exact remedy than its check. */
  remedy?: Remedy;
}

/** What a named file that holds nothing at all is told, whatever was looked for in it. */
export const EMPTY_FILE = {
  message: "the file is empty",
  remedy: "check whether the command that wrote it failed",
} as const satisfies Partial<ReadProblem>;

/** A file whose name says that it is nats-server's own. */
const CONF = {
  message: "a configuration of nats-server is not judged by itself, and holds no policy",
  remedy:
    "give doctor the ConfigMap or Secret that holds it; permissions in it name users, whom the filter does not know: write them " +
    "as rules (docs/policy.md)",
} as const satisfies Partial<ReadProblem>;

export interface Manifests {
  resources: Resource[];
  /** Documents that are not Kubernetes objects: a policy by itself, a patch, chart values. */
  others: Field[];
  problems: ReadProblem[];
  /** The files that kustomizations name as patches. */
  patchFiles: string[];
}

/** Reads all documents of a source. Never throws: what cannot be read is a problem with its place, and the rest is judged. */
export function readManifests(source: Source, defaultNamespace: string): Manifests {
  return readPlaced(source, defaultNamespace, "kubectl", (line, column) => ({ file: source.file, line, column }));
}

/** Reads the text of chart values in a manifest, such as behind `values: |`, with its places in that manifest. */
export function readValuesIn(field: Field): Manifests {
  const text = field.text() ?? "";
  const source = { file: field.place.file, text, named: true, tooLarge: false, helmTemplate: false };
  const read = readPlaced(source, "", "Helm", (line, column) => field.placeInText(line - 1, column - 1));
  // Values may have any keys, those of an object too.
  return { ...read, problems: read.problems.filter(({ kind }) => kind !== "object-incomplete") };
}

function readPlaced(source: Source, defaultNamespace: string, reader: Reader, placeOf: PlaceOf): Manifests {
  const manifests: Manifests = { resources: [], others: [], problems: [], patchFiles: [] };
  const top = placeOf(1, 1);
  const template: ReadProblem = {
    kind: "helm-template",
    place: top,
    message: "a template of a Helm chart is not judged",
  };
  if (source.helmTemplate) return { ...manifests, problems: [template] };
  if (source.tooLarge) {
    const message = `the file has more than ${MAX_SOURCE_BYTES} bytes`;
    manifests.problems.push({ kind: "too-large", place: top, message });
    return manifests;
  }
  if (source.undecodable) {
    const { encoding, ...position } = source.undecodable;
    manifests.problems.push({
      kind: "syntax",
      place: { file: source.file, ...position },
      message: `the bytes here are not ${encoding}: ${reader} refuses them or reads another text`,
      remedy: "save the file in UTF-8",
    });
    return manifests;
  }
  if (source.file.endsWith(".conf")) {
    manifests.problems.push({ kind: "syntax", place: top, ...CONF });
    return manifests;
  }
  // Helm reads a text as a whole.
  const text = reader === "kubectl" ? withoutMarks(source.text) : source.text;
  const faults = characterFaults(text);
  if (faults.length > 0) {
    // Where kubectl sees other lines it may see other documents too, so nothing in the file can be relied on.
    const lines = linesOf(text);
    manifests.problems.push(...faults.map((fault) => problemOf("syntax", fault, reader, lines, placeOf)));
    return manifests;
  }
  try {
    readDocuments(text, defaultNamespace, reader, placeOf, manifests);
  } catch (error) {
    const message = error instanceof RangeError ? TOO_DEEP.message : `cannot be read: ${String(error)}`;
    manifests.problems.push({ kind: "syntax", place: top, message });
  }
  const isUnread = manifests.problems.some(({ kind }) => kind === "syntax");
  return isUnread && source.isInChart === true && source.text.includes("{{")
    ? { ...manifests, resources: [], others: [], problems: [template] }
    : manifests;
}

/** What helm upgrade --dry-run writes before the same as helm install (helm `cmd/helm/upgrade.go`), made a comment of as many characters. */
function withoutUpgrade(text: string): string {
  return text.replace(/^R(?=elease "[^\r\n]*\r?\nNAME: )/, "#");
}

function readDocuments(
  given: string,
  defaultNamespace: string,
  reader: Reader,
  placeOf: PlaceOf,
  into: Manifests,
): void {
  const text = withoutUpgrade(given);
  // Not the parser's own count, which loses the line breaks in what it cannot parse.
  const lines = linesOf(text);
  const found = documentsOf(text);
  let before = 0;
  for (const document of found) {
    const end = document === found.at(-1) ? text.length : document.range[2];
    const faults = faultsOf(document, reader, text, before, end);
    into.problems.push(...faults.map((fault) => problemOf("syntax", fault, reader, lines, placeOf)));
    before = end;
    if (faults.length > 0 || isNull(document.contents) || document.contents === null) continue;
    const aliases = resolveAliases(document);
    if ("offset" in aliases) {
      into.problems.push(problemOf("aliases", aliases, reader, lines, placeOf));
      continue;
    }
    const root = new Field({ placeOf, lines, aliases, text }, document.contents, document.contents.range[0]);
    // A document that is nested too deeply fails here, so nothing later has to expect it.
    JSON.stringify(root.plain());
    sort(root, defaultNamespace, reader, into);
  }
}

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

/** Where the line of an offset begins. */
function lineStart(offset: number, text: string): number {
  return offset === 0 ? 0 : text.lastIndexOf("\n", offset - 1) + 1;
}

/** Without its comment. */
function lineAt(offset: number, text: string): string {
  const [line = ""] = text.slice(lineStart(offset, text)).split("\n", 1);
  return withoutComment(line);
}

/** A line of YAML without its comment. */
export function withoutComment(line: string): string {
  return line.replace(/(?:^|[ \t])#.*/, "");
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
const TOO_DEEP = { message: "nested too deeply to be read", remedy: "write it with fewer levels" };

/** What jq makes of objects that come one behind the other, and of those in an array. */
const LIST = `'{apiVersion: "v1", kind: "List", items: .}'`;

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

/** Where the notes begin if the document has them. */
function notesAt(text: string, before: number, end: number): number | undefined {
  if (!/^(?:#.*\n)?NAME: /.test(text)) return undefined;
  const notes = /^NOTES:\r?$/m.exec(text.slice(before, end));
  return notes ? before + notes.index : undefined;
}

/** What is wrong with a document before its aliases are followed. The previous one ends at `before`, this one at `end`. */
function faultsOf(document: Document.Parsed, reader: Reader, text: string, before: number, end: number): TextFault[] {
  const { errors } = document;
  const deep = errors.find(isOfDepth);
  // Every other fault that the parser reports is then a consequence of this one, unless it takes each line with `a: b: c` for a part of
  // that before.
  if (deep && errors[0]?.code !== "BLOCK_AS_IMPLICIT_KEY") return [{ ...TOO_DEEP, offset: deep.pos[0] }];
  const notes = errors.length > 0 ? notesAt(text, before, end) : undefined;
  if (notes !== undefined) return [{ ...NOTES, offset: notes }];
  const first = errors[0]?.pos[0] ?? 0;
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

/** Where a second object begins, as in `cat a.yaml b.yaml`. All its keys repeat, so this one stands for them. */
function unseparated({ contents }: Document): TextFault | undefined {
  const keys = isMap(contents) ? contents.items.map(({ key }) => key).filter((key) => isScalar(key)) : [];
  const [, kind] = keys.filter(({ value }) => value === "kind");
  const [, again] = keys.filter(({ value }) => value === "apiVersion");
  const first = [again, kind].map((key) => key?.range?.[0] ?? Infinity).sort((a, b) => a - b)[0];
  if (!again || !kind || first === undefined) return undefined;
  const message = "a second object begins here, without a line --- before it";
  return { message, offset: first, remedy: "write a line --- between the two" };
}

/** For a key that repeats: it may belong below the one `before` it, if that has nothing else below it. */
function remedyOfRepeated(before: Pair | undefined): string {
  const isEmpty = before !== undefined && isScalar(before.key) && (before.value === null || isNull(before.value));
  return isEmpty
    ? `indent this line further if it belongs to ${String(before.key)}, which is empty here; otherwise write the key once`
    : "write the key once, with all that belongs to it";
}

/** Repeated keys of a map. Merge keys may repeat. */
function repeatedKeys(document: Document): TextFault[] {
  const second = unseparated(document);
  if (second) return [second];
  const faults: TextFault[] = [];
  walk(document.contents, {
    node: (map) => {
      if (!isMap(map)) return false;
      const seen = new Set<unknown>();
      for (const [index, { key }] of map.items.entries()) {
        if (!isScalar(key) || isMergeKey(key) || isNull(key)) continue;
        const name = String(key.value);
        if (seen.has(name)) {
          const message = `the key "${name}" is already in this map`;
          faults.push({ message, offset: key.range?.[0] ?? 0, remedy: remedyOfRepeated(map.items[index - 1]) });
        }
        seen.add(name);
      }
      return faults.length >= MAX_FAULTS;
    },
  });
  return faults;
}

/** Whether a document is meant as an object, but lacks its `apiVersion` or its `kind`. Chart values have a `kind` too. */
export function isIncomplete(root: Field): boolean {
  const isThere = (key: string): boolean => root.text(key) !== undefined;
  return isThere("kind") !== isThere("apiVersion") && root.get("metadata")?.isObject === true;
}

function incompleteness(root: Field): ReadProblem {
  const kind = root.text("kind");
  const [missing, written] = kind === undefined ? ["kind", "apiVersion"] : ["apiVersion", "kind"];
  return {
    kind: "object-incomplete",
    place: root.placeOf(written),
    message: `an object with ${written}: ${root.text(written) ?? ""} has no ${missing}, so kubectl refuses it`,
    ...(kind === "WasmPlugin" || kind === "TrafficExtension"
      ? { remedy: "write apiVersion: extensions.istio.io/v1alpha1" }
      : {}),
  };
}

/** An array of objects, which `jq '.items'` and the like write. */
function isArrayOfObjects(root: Field): boolean {
  const items = root.items();
  return (
    items.length > 0 && items.every((item) => item.text("apiVersion") !== undefined && item.text("kind") !== undefined)
  );
}

/** Lists are unpacked, because `kubectl get -o yaml` returns one. */
function sort(root: Field, defaultNamespace: string, reader: Reader, into: Manifests): void {
  const kind = root.text("kind");
  if (isArrayOfObjects(root)) {
    const message = `${reader} refuses a list of objects without an object of kind List around it`;
    into.problems.push({ kind: "syntax", place: root.place, message, remedy: `put them into one, by jq ${LIST}` });
  } else if (isKustomization(root)) {
    into.problems.push(problemOfKustomization(root));
    into.patchFiles.push(...patchFilesOf(root));
  } else if (kind === undefined || root.text("apiVersion") === undefined) {
    into.others.push(root);
    if (isIncomplete(root)) into.problems.push(incompleteness(root));
  } else if (kind.endsWith("List") && root.get("items")) {
    for (const item of root.items("items")) sort(item, defaultNamespace, reader, into);
  } else sortObject(new Resource(root, defaultNamespace), into);
}

function sortObject(resource: Resource, into: Manifests): void {
  const { root } = resource;
  if (!hasDirective(root) && !isPatchOfSelector(resource)) into.resources.push(resource);
  // Where the kustomization lies that names it, it does not say.
  else if (!into.problems.some(({ message }) => message === OF_PATCH))
    into.problems.push({ kind: "kustomization", place: root.place, message: OF_PATCH });
}

const OF_PATCH = "a patch of kustomize is not judged";

function problemOfKustomization(root: Field): ReadProblem {
  const { place } = root;
  // kustomize renders a component by itself to nothing, and says nothing of it.
  const [what, folder] =
    root.text("kind") === "Component"
      ? ["a component of kustomize", "FOLDER-OF-A-KUSTOMIZATION-THAT-NAMES-IT"]
      : ["a kustomization", dirname(place.file)];
  const remedy = { by: `kubectl kustomize ${folder}` };
  const patches = patchesOf(root);
  const besides = patches.length > 0 ? `, and no patch that it names (${named(patches)})` : "";
  return { kind: "kustomization", place, message: `${what} is not judged${besides}`, remedy };
}

function problemOf(
  kind: ReadProblem["kind"],
  { offset, message, ...fault }: TextFault,
  reader: Reader,
  lines: LineCounter,
  placeOf: PlaceOf,
): ReadProblem {
  const { line, col } = lines.linePos(offset);
  const place = placeOf(Math.max(line, 1), Math.max(col, 1));
  return { kind, place, message: typeof message === "string" ? message : message(reader), ...fault };
}

/** The lines of a text, whether it can be parsed or not. */
function linesOf(text: string): LineCounter {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (const { index } of text.matchAll(/\n/g)) lines.addNewLine(index + 1);
  return lines;
}
