import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import ts from "typescript";

export interface Import {
  /** The importing file, relative to the rooms' folder. */
  file: string;
  line: number;
  /** The specifier as it is written. */
  specifier: string;
}

/** The room of a file: `nats` for `nats/parser.ts`, `index` for `index.ts`. */
export function roomOf(path: string): string {
  return path.split(sep)[0]!.replace(/\.ts$/, "");
}

/** A folder of rooms (folders, or single files), each of which may import only from some of the others. */
export class Rooms {
  /** All files, relative to the folder. */
  readonly files: readonly string[];
  readonly imports: readonly Import[];

  /** `mayImport` has the rooms in the order of the flow, each with what it may import besides its own files. */
  constructor(
    private readonly folder: string,
    private readonly mayImport: Readonly<Record<string, readonly string[]>>,
  ) {
    const all = readdirSync(folder, { recursive: true, encoding: "utf8" });
    this.files = all.filter((file) => file.endsWith(".ts"));
    this.imports = this.files.flatMap((file) => this.#importsOf(file));
  }

  #importsOf(file: string): Import[] {
    const text = readFileSync(join(this.folder, file), "utf8");
    return ts.preProcessFile(text).importedFiles.map(({ fileName, pos }) => ({
      file,
      line: text.slice(0, pos).split("\n").length,
      specifier: fileName,
    }));
  }

  /** Rooms that the order does not name. */
  get unknown(): string[] {
    return [...new Set(this.files.map(roomOf))].filter((room) => !(room in this.mayImport));
  }

  /** Where a relative import leads, relative to the folder and with slashes. */
  targetOf({ file, specifier }: Import): string {
    return relative(this.folder, join(this.folder, dirname(file), specifier))
      .split(sep)
      .join("/");
  }

  /** Why a relative import to another file of the folder is against the rule, or undefined if it is allowed. */
  fault(one: Import): string | undefined {
    const [room, target] = [roomOf(one.file), this.targetOf(one)];
    const allowed = this.mayImport[room] ?? [];
    if (roomOf(target) === room || allowed.some((entry) => target === entry || target.startsWith(`${entry}/`)))
      return undefined;
    return `${one.file}:${one.line} imports "${one.specifier}": ${room} may import from ${allowed.join(", ") || "no other room"}`;
  }
}
