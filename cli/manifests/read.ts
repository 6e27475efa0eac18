import { isScalar, LineCounter, parseAllDocuments, visit, type Document, type YAMLParseError } from "yaml";
import { resolveAliases } from "./aliases.ts";
import { Field } from "./field.ts";
import { KUBERNETES_YAML } from "./kubernetes-yaml.ts";
import type { Place } from "./place.ts";
import { Resource } from "./resource.ts";
import { MAX_SOURCE_BYTES, type Source } from "./source.ts";

/** Why a text, or a part of it, could not be read. */
export interface ReadProblem {
  kind: "syntax" | "too-large" | "aliases" | "helm-template" | "no-object" | "no-policy";
  place: Place;
  message: string;
  /** Where the case tells more than the check does. */
  remedy?: string;
}

export interface Manifests {
  resources: Resource[];
  /** Documents that are no object of Kubernetes: a policy by itself, a patch, values of a chart. */
  others: Field[];
  problems: ReadProblem[];
}

/** A file that is no YAML at all has a fault in every line. */
const MAX_SYNTAX_PROBLEMS = 10;

/** Reads all documents of a source. Never throws: what cannot be read is a problem with its place, the rest is judged. */
export function readManifests(source: Source, defaultNamespace: string): Manifests {
  const manifests: Manifests = { resources: [], others: [], problems: [] };
  const top: Place = { file: source.file, line: 1, column: 1 };
  if (source.helmTemplate) {
    manifests.problems.push({ kind: "helm-template", place: top, message: "a template of a Helm chart is not judged" });
    return manifests;
  }
  if (source.tooLarge) {
    const message = `the file has more than ${MAX_SOURCE_BYTES} bytes`;
    manifests.problems.push({ kind: "too-large", place: top, message });
    return manifests;
  }
  try {
    readDocuments(source, defaultNamespace, manifests);
  } catch (error) {
    // The parser is recursive: lists in lists by the ten thousand end its stack, with no place of their own.
    const message = error instanceof RangeError ? "nested too deeply to be read" : `cannot be read: ${String(error)}`;
    manifests.problems.push({ kind: "syntax", place: top, message });
  }
  return manifests;
}

function readDocuments(source: Source, defaultNamespace: string, into: Manifests): void {
  const { file, text } = source;
  const lines = new LineCounter();
  // The parser's own search for keys that stand twice is quadratic: a map with 100,000 keys takes it minutes.
  const options = {
    ...KUBERNETES_YAML,
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: "error" as const,
  };
  const documents = parseAllDocuments(text, options);
  // A text without any document is an empty list of its own kind.
  const found: readonly Document.Parsed[] = "empty" in documents ? [] : documents;
  for (const document of found) {
    const faults = [...document.errors, ...repeatedKeys(document)];
    const problems = faults.map((fault) => syntaxProblem(fault, file, lines));
    into.problems.push(...problems.slice(0, MAX_SYNTAX_PROBLEMS));
    if (problems.length > 0 || document.contents === null) continue;
    const aliases = resolveAliases(document);
    if ("offset" in aliases) {
      const { offset, ...fault } = aliases;
      into.problems.push({ kind: "aliases", place: placeAt(offset, file, lines), ...fault });
      continue;
    }
    const root = new Field({ file, lines, aliases, text }, document.contents, document.contents.range[0]);
    // Whatever is nested too deeply to be written out ends here, and nothing behind has to be ready for it.
    JSON.stringify(root.plain());
    sort(root, defaultNamespace, into);
  }
}

type TextFault = Pick<YAMLParseError, "message" | "pos">;

/** Keys that a map has already. Merge keys may repeat. */
function repeatedKeys(document: Document.Parsed): TextFault[] {
  const faults: TextFault[] = [];
  visit(document, {
    Map: (_, map) => {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key) || typeof key.value === "symbol") continue;
        const name = String(key.value);
        const [start = 0, end = 0] = key.range ?? [];
        if (seen.has(name)) faults.push({ message: `"${name}" stands in this map already`, pos: [start, end] });
        seen.add(name);
      }
      return faults.length >= MAX_SYNTAX_PROBLEMS ? visit.BREAK : undefined;
    },
  });
  return faults;
}

/** Lists are opened: `kubectl get -o yaml` answers one. */
function sort(root: Field, defaultNamespace: string, into: Manifests): void {
  const kind = root.text("kind");
  if (kind === undefined || root.text("apiVersion") === undefined) into.others.push(root);
  else if (kind.endsWith("List") && root.get("items")) {
    for (const item of root.items("items")) sort(item, defaultNamespace, into);
  } else into.resources.push(new Resource(root, defaultNamespace));
}

function syntaxProblem(error: TextFault, file: string, lines: LineCounter): ReadProblem {
  return { kind: "syntax", place: placeAt(error.pos[0], file, lines), message: error.message.split("\n")[0] ?? "" };
}

function placeAt(offset: number, file: string, lines: LineCounter): Place {
  const { line, col } = lines.linePos(offset);
  return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
}
