import { readdirSync, readFileSync, realpathSync, statSync, type Dirent, type Stats } from "node:fs";
import { basename, dirname, join } from "node:path";
import { UsageFault } from "../usage-fault.ts";

/** One text to be read, not parsed yet. */
export interface Source {
  /** As the user named it, or as found below a folder that the user named; `<stdin>` for standard input. */
  file: string;
  text: string;
  /** By itself, not as one of a folder. */
  named: boolean;
  /** More bytes than `MAX_SOURCE_BYTES`: `text` is empty. */
  tooLarge: boolean;
  /** A template of a Helm chart, which is no YAML before Helm has rendered it: `text` is empty. */
  helmTemplate: boolean;
  /** Where bytes stand that are no text; `text` ends there. */
  undecodable?: Undecodable;
}

/** From 1, as in a `Place`. */
interface Undecodable {
  line: number;
  column: number;
  /** `UTF-8`. */
  encoding: string;
}

/** Bytes of one file. A policy object ends at 1.5 MiB, and a List of everything in a namespace is far below. */
export const MAX_SOURCE_BYTES = 16 << 20;

const MANIFEST = /\.(?:ya?ml|json)$/i;

/**
 * Reads what the user named: files, folders (every `*.yaml`, `*.yml` and `*.json` below, in the order of their names, those that
 * links lead to too) and `-` for standard input. What is not there, or cannot be read, is a UsageFault.
 */
export function readSources(names: readonly string[], readStandardInput: () => Buffer): Source[] {
  return names.flatMap((name) => {
    if (name === "-") return [sourceOf("<stdin>", attempt("<stdin>", readStandardInput), true)];
    const files = attempt(name, () => statSync(name)).isDirectory() ? filesBelow(name) : [name];
    if (files.length === 0) throw new UsageFault(`${name}: no *.yaml, *.yml or *.json is in this folder`);
    return files.map((file) => readSource(file, file === name));
  });
}

/**
 * The manifests below a folder. Links are followed, as kubectl follows them: what a mesh is given, its repository may have as
 * links. What several of them lead to is taken once, so a link to a folder above is no loop.
 */
function filesBelow(top: string): string[] {
  const seen = new Set<string>();
  const isNew = (path: string): boolean => {
    const before = seen.size;
    return seen.add(attempt(path, () => realpathSync(path))).size > before;
  };
  const below = (folder: string): string[] => {
    if (!isNew(folder)) return [];
    const entries = attempt(folder, () => readdirSync(folder, { withFileTypes: true }));
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    return entries.flatMap((entry) => {
      const path = join(folder, entry.name);
      // node_modules and .git hold no manifests of the mesh.
      if (entry.name.startsWith(".") || entry.name === "node_modules") return [];
      const isManifest = MANIFEST.test(entry.name);
      const target = targetOf(entry, path, isManifest);
      if (target?.isDirectory()) return below(path);
      return target?.isFile() && isManifest && isNew(path) ? [path] : [];
    });
  };
  return below(top);
}

/** The entry itself, or what it links to. A link to nowhere is none of ours unless it is named as a manifest is. */
function targetOf(entry: Dirent, path: string, isManifest: boolean): Dirent | Stats | undefined {
  if (!entry.isSymbolicLink()) return entry;
  try {
    return statSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isDangling = code === "ENOENT" || code === "ELOOP";
    if (!isDangling) return attempt(path, () => statSync(path));
    if (isManifest) throw new UsageFault(`${path}: the link leads nowhere: correct it or take it out`);
    return undefined;
  }
}

function readSource(file: string, named: boolean): Source {
  if (isHelmTemplate(file)) return { file, text: "", named, tooLarge: false, helmTemplate: true };
  if (attempt(file, () => statSync(file)).size > MAX_SOURCE_BYTES) {
    return { file, text: "", named, tooLarge: true, helmTemplate: false };
  }
  const bytes = attempt(file, () => readFileSync(file));
  return sourceOf(file, bytes, named);
}

function sourceOf(file: string, bytes: Buffer, named: boolean): Source {
  const rest = { file, named, helmTemplate: false };
  return bytes.length > MAX_SOURCE_BYTES
    ? { ...rest, text: "", tooLarge: true }
    : { ...rest, tooLarge: false, ...decoded(bytes) };
}

/** Encodings other than UTF-8, by the two bytes at the beginning that say so. */
const MARKED: [encoding: string, mark: number][] = [
  ["UTF-16LE", 0xfffe],
  ["UTF-16BE", 0xfeff],
];

/**
 * UTF-16 where a byte order mark says so, as kubectl reads it and PowerShell's `>` writes it. The mark is no column of the text.
 * Bytes that are no text are never replaced: the text would be another one than kubectl reads.
 */
function decoded(bytes: Buffer): Pick<Source, "text" | "undecodable"> {
  const [encoding] = MARKED.find(([, mark]) => bytes.length > 1 && bytes.readUInt16BE(0) === mark) ?? ["UTF-8"];
  const whole = decodedWhole(bytes, encoding, false);
  if (whole !== undefined) return { text: whole };
  // The longest beginning that is text: a character that is only begun at its end is no fault yet.
  let [good, bad] = [0, bytes.length + 1];
  while (good + 1 < bad) {
    const middle = (good + bad) >> 1;
    if (middle <= bytes.length && decodedWhole(bytes.subarray(0, middle), encoding, true) !== undefined) good = middle;
    else bad = middle;
  }
  const text = decodedWhole(bytes.subarray(0, good), encoding, true) ?? "";
  const lines = text.split("\n");
  return { text, undecodable: { line: lines.length, column: (lines.at(-1) ?? "").length + 1, encoding } };
}

/** Undefined where some byte belongs to no character. `isBeginning`: the last character may be cut. */
function decodedWhole(bytes: Uint8Array, encoding: string, isBeginning: boolean): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: isBeginning });
  } catch {
    return undefined;
  }
}

/** Below `templates/` of a folder that has a Chart.yaml. */
function isHelmTemplate(file: string): boolean {
  for (let folder = dirname(file); dirname(folder) !== folder; folder = dirname(folder)) {
    if (basename(folder) !== "templates") continue;
    try {
      return statSync(join(dirname(folder), "Chart.yaml")).isFile();
    } catch {
      return false;
    }
  }
  return false;
}

/** What the system says when it will not give something, in words that say what to do. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EISDIR: "is a folder: name it as an argument",
};

function attempt<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new UsageFault(`${name}: ${REASONS[(error as NodeJS.ErrnoException).code ?? ""] ?? String(error)}`);
  }
}
