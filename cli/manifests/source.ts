import { closeSync, openSync, readdirSync, realpathSync, statSync, type Dirent, type Stats } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { UsageFault } from "../usage-fault.ts";
import { readBytes } from "./read-bytes.ts";

/** The file of what comes by standard input. */
export const STANDARD_INPUT = "<stdin>";

/** One text to be read, not parsed yet. */
export interface Source {
  /** As the user named it, or as found below a folder that the user named; `<stdin>` for standard input. */
  file: string;
  text: string;
  /** Whether the user named the file itself, not a folder that it is in. */
  named: boolean;
  /** Whether it has more bytes than `MAX_SOURCE_BYTES`; `text` is empty then. */
  tooLarge: boolean;
  /** Whether it is a template of a Helm chart, which is not YAML until Helm has rendered it; `text` is empty then. */
  helmTemplate: boolean;
  /** Whether it is another file of a chart. NATS's own chart has templates below `files/`, which its templates include. */
  isInChart?: boolean;
  /** The folder of that chart, or of the one that it is a part of. */
  chart?: string;
  /** Where bytes that are not text begin; `text` ends there. */
  undecodable?: Undecodable;
}

/** From 1, as in a `Place`. */
interface Undecodable {
  line: number;
  column: number;
  /** `UTF-8`. */
  encoding: string;
}

/** The limit for one file. A policy object has 1.5 MiB at most, and a List of everything in a namespace is far below the limit. */
export const MAX_SOURCE_BYTES = 16 << 20;

const MANIFEST = /\.(?:ya?ml|json)$/i;

/** One file to be read; `-` for standard input. */
interface FoundFile {
  file: string;
  /** As in a `Source`. */
  named: boolean;
}

/**
 * Reads what the user named: files, folders (every `*.yaml`, `*.yml` and `*.json` below, in the order of their names, including
 * those reached through links) and `-` for standard input. What is named more than once, such as a folder and a file in it, is
 * read once, since the objects in it would be taken for two. A missing or unreadable file, or an empty name, is a UsageFault.
 */
export function readSources(names: readonly string[], readStandardInput: () => Buffer): Source[] {
  const found = new Map<string, FoundFile>();
  for (const { file, named } of names.flatMap(filesOf)) {
    const identity = identityOf(file);
    const before = found.get(identity);
    found.set(identity, { file: before?.file ?? file, named: named || before?.named === true });
  }
  return [...found.values()].map(({ file, named }) =>
    file === "-" ? sourceOf(STANDARD_INPUT, attempt(STANDARD_INPUT, readStandardInput), true) : readSource(file, named),
  );
}

function filesOf(name: string): FoundFile[] {
  // As from a script whose variable is not set.
  if (name === "") throw new UsageFault("a file's name is empty: give files, folders, or - for standard input");
  if (name === "-" || !attempt(name, () => statSync(name)).isDirectory()) return [{ file: name, named: true }];
  const files = filesBelow(name);
  if (files.length === 0) throw new UsageFault(`${name}: this folder has no *.yaml, *.yml or *.json`);
  return files.map((file) => ({ file, named: false }));
}

/** Equal for two names of one file. What a shell makes of `<(command)` has no path of its own, and is read by its name. */
function identityOf(file: string): string {
  try {
    return file === "-" ? file : realpathSync(file);
  } catch {
    return file;
  }
}

/**
 * The manifests below a folder. Links are followed, as kubectl follows them, because a repository may hold its manifests as links.
 * A folder that several links lead to is looked into once, so a link to a folder above makes no loop.
 */
function filesBelow(top: string): string[] {
  const seen = new Set<string>();
  const below = (folder: string): string[] => {
    const real = attempt(folder, () => realpathSync(folder));
    if (seen.has(real)) return [];
    seen.add(real);
    const entries = attempt(folder, () => readdirSync(folder, { withFileTypes: true }));
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    return entries.flatMap((entry) => {
      const path = join(folder, entry.name);
      // node_modules and .git hold no manifests of the mesh.
      if (entry.name.startsWith(".") || entry.name === "node_modules") return [];
      const isManifest = MANIFEST.test(entry.name);
      const target = targetOf(entry, path, isManifest);
      if (target?.isDirectory()) return below(path);
      return target?.isFile() && isManifest ? [path] : [];
    });
  };
  return below(top);
}

/** The entry itself, or what it links to. A broken link is ignored unless it has the name of a manifest. */
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
  const chart = chartOf(file);
  const ofChart = chart === undefined ? {} : { chart };
  if (isHelmTemplate(file)) return { file, text: "", named, tooLarge: false, helmTemplate: true, ...ofChart };
  if (attempt(file, () => statSync(file)).size > MAX_SOURCE_BYTES) {
    return { file, text: "", named, tooLarge: true, helmTemplate: false };
  }
  const source = sourceOf(
    file,
    attempt(file, () => readFile(file)),
    named,
  );
  return { ...source, ...ofChart, isInChart: isInChart(file) };
}

/** What has no size, such as a pipe, is read no further than a file may be long. */
function readFile(file: string): Buffer {
  const descriptor = openSync(file, "r");
  try {
    return readBytes(descriptor, MAX_SOURCE_BYTES);
  } finally {
    closeSync(descriptor);
  }
}

function sourceOf(file: string, bytes: Buffer, named: boolean): Source {
  const rest = { file, named, helmTemplate: false };
  return bytes.length > MAX_SOURCE_BYTES
    ? { ...rest, text: "", tooLarge: true }
    : { ...rest, tooLarge: false, ...decoded(bytes) };
}

/** Encodings other than UTF-8, with the two bytes at the beginning that mark them. */
const MARKED: [encoding: string, mark: number][] = [
  ["UTF-16LE", 0xfffe],
  ["UTF-16BE", 0xfeff],
];

/**
 * UTF-16 if a byte order mark says so, as kubectl reads it and PowerShell's `>` writes it. The mark is not a column of the text.
 * Bytes that are not text are never replaced, because the text would then differ from what kubectl reads.
 */
function decoded(bytes: Buffer): Pick<Source, "text" | "undecodable"> {
  const [encoding] = MARKED.find(([, mark]) => bytes.length > 1 && bytes.readUInt16BE(0) === mark) ?? ["UTF-8"];
  const whole = decodedWhole(bytes, encoding, false);
  if (whole !== undefined) return { text: whole };
  // Find the longest beginning that is text. A character that is cut at its end is not a fault yet.
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

/** Undefined if some byte belongs to no character. With `isBeginning` the last character may be cut. */
function decodedWhole(bytes: Uint8Array, encoding: string, isBeginning: boolean): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: isBeginning });
  } catch {
    return undefined;
  }
}

/** The folders above a file, from the innermost on, wherever the command runs. */
function foldersAbove(file: string): string[] {
  const folders: string[] = [];
  for (let folder = dirname(resolve(file)); folders.at(-1) !== folder; folder = dirname(folder)) folders.push(folder);
  return folders;
}

/** A folder above that cannot be searched is none: the file itself may be reached all the same, from the current folder. */
function isChart(folder: string): boolean {
  try {
    return statSync(join(folder, "Chart.yaml"), { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    return false;
  }
}

/** The outermost folder above a file that is a chart, from where the command runs. */
function chartOf(file: string): string | undefined {
  const chart = foldersAbove(file).findLast(isChart);
  return chart === undefined ? undefined : relative(".", chart) || ".";
}

/** Below `templates/` of a folder that has a Chart.yaml. */
function isHelmTemplate(file: string): boolean {
  return foldersAbove(file).some((folder) => basename(folder) === "templates" && isChart(dirname(folder)));
}

/** Values and the chart's own file are YAML as they are. */
function isInChart(file: string): boolean {
  return !/values|^Chart\.yaml$/i.test(basename(file)) && foldersAbove(file).some(isChart);
}

/** The system's reasons for not reading something, in words that say what to do. */
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
