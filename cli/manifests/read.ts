import { LineCounter } from "yaml";
import { resolveAliases } from "./aliases.ts";
import { Field } from "./field.ts";
import { documentsOf } from "./kubernetes-yaml.ts";
import type { Manifests, ReadProblem } from "./manifests.ts";
import type { PlaceOf } from "./place.ts";
import { sort } from "./sort.ts";
import { MAX_SOURCE_BYTES, type Source } from "./source.ts";
import { characterFaults, isNull, withoutMarks, type Reader, type TextFault } from "./unlike-kubernetes.ts";
import { faultsOf, TOO_DEEP } from "./yaml-faults.ts";

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
    "as rules (docs/reference/policy.md)",
} as const satisfies Partial<ReadProblem>;

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
