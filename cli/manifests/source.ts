import { lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
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
}

/** Bytes of one file. A policy object ends at 1.5 MiB, and a List of everything in a namespace is far below. */
export const MAX_SOURCE_BYTES = 16 << 20;

const MANIFEST = /\.(?:ya?ml|json)$/i;

/**
 * Reads what the user named: files, folders (every `*.yaml`, `*.yml` and `*.json` below, in the order of their names) and
 * `-` for standard input. What is not there, or cannot be read, is a UsageFault.
 */
export function readSources(names: readonly string[], readStandardInput: () => Buffer): Source[] {
  return names.flatMap((name) => {
    if (name === "-") return [sourceOf("<stdin>", readStandardInput(), true)];
    const files = filesOf(name);
    if (files.length === 0) throw new UsageFault(`${name}: no *.yaml, *.yml or *.json is in this folder`);
    return files.map((file) => readSource(file, file === name));
  });
}

function filesOf(name: string): string[] {
  if (!attempt(name, () => statSync(name)).isDirectory()) return [name];
  const entries = attempt(name, () => readdirSync(name, { withFileTypes: true }));
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(name, entry.name);
    // node_modules and .git hold no manifests of the mesh.
    if (entry.name.startsWith(".") || entry.name === "node_modules") return [];
    if (entry.isDirectory()) return filesOf(path);
    return entry.isFile() && MANIFEST.test(entry.name) ? [path] : [];
  });
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
  const tooLarge = bytes.length > MAX_SOURCE_BYTES;
  const text = tooLarge ? "" : decoded(bytes);
  return { file, text, named, tooLarge, helmTemplate: false };
}

/** UTF-16 where a byte order mark says so, as kubectl reads it and PowerShell's `>` writes it. The mark is no column of the text. */
function decoded(bytes: Buffer): string {
  const marks: [encoding: string, mark: number][] = [
    ["utf-16le", 0xfffe],
    ["utf-16be", 0xfeff],
  ];
  const marked = marks.find(([, mark]) => bytes.length > 1 && bytes.readUInt16BE(0) === mark);
  return new TextDecoder(marked?.[0]).decode(bytes);
}

/** Below `templates/` of a folder that has a Chart.yaml. */
function isHelmTemplate(file: string): boolean {
  for (let folder = dirname(file); dirname(folder) !== folder; folder = dirname(folder)) {
    if (basename(folder) !== "templates") continue;
    try {
      return lstatSync(join(dirname(folder), "Chart.yaml")).isFile();
    } catch {
      return false;
    }
  }
  return false;
}

function attempt<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason =
      code === "ENOENT" ? "no such file or folder" : code === "EACCES" ? "permission denied" : String(error);
    throw new UsageFault(`${name}: ${reason}`);
  }
}
