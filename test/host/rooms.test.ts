import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { describe, it } from "node:test";
import ts from "typescript";
import { inRoot } from "../../tools/paths.ts";

const ASSEMBLY = inRoot("assembly");

/** The rooms of assembly/ in the order of the flow, each with what it may import besides its own files. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  bytes: [],
  proxy: ["bytes"],
  nats: ["bytes"],
  policy: ["bytes", "nats/subject", "nats/jetstream-subjects", "nats/overlap", "nats/reserved"],
  telemetry: ["bytes", "proxy", "nats", "policy"],
  connection: ["bytes", "proxy", "nats", "policy", "telemetry"],
  index: ["bytes", "proxy", "nats", "policy", "telemetry", "connection"],
};

const SDK = "@solo-io/proxy-runtime/assembly/";

/** The only room that may use the SDK, and only its host calls. Its enums, buffers and export table are not used (docs/adr). */
const MAY_IMPORT_SDK: Record<string, readonly string[]> = { proxy: ["imports"] };

interface Import {
  /** The importing file, relative to assembly/. */
  file: string;
  line: number;
  /** The specifier as it is written. */
  specifier: string;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ASSEMBLY, file), "utf8");
  return ts.preProcessFile(text).importedFiles.map(({ fileName, pos }) => ({
    file,
    line: text.slice(0, pos).split("\n").length,
    specifier: fileName,
  }));
}

const files = readdirSync(ASSEMBLY, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const imports = files.flatMap(importsOf);

/** The room of a file: `nats` for `nats/parser.ts`, `index` for `index.ts`. */
function roomOf(path: string): string {
  return path.split(sep)[0]!.replace(/\.ts$/, "");
}

/** Why an import is against the rule, or undefined if it is allowed. */
function fault({ file, line, specifier }: Import): string | undefined {
  const place = `assembly/${file}:${line} imports "${specifier}"`;
  const room = roomOf(file);
  if (!specifier.startsWith(".")) {
    const allowed = MAY_IMPORT_SDK[room] ?? [];
    if (allowed.some((module) => specifier === SDK + module)) return undefined;
    return `${place}: ${room} may import ${allowed.map((module) => SDK + module).join(", ") || "no package"}`;
  }
  const target = relative(ASSEMBLY, join(ASSEMBLY, dirname(file), specifier))
    .split(sep)
    .join("/");
  if (target.startsWith("..")) return `${place}: that is outside assembly/`;
  const allowed = MAY_IMPORT[room] ?? [];
  if (roomOf(target) === room || allowed.some((entry) => target === entry || target.startsWith(`${entry}/`)))
    return undefined;
  return `${place}: ${room} may import from ${allowed.join(", ") || "no other room"}`;
}

/** Each file of assembly/ with the files that it imports. */
const targets = new Map(
  files.map((file) => [
    file,
    imports
      .filter((found) => found.file === file && found.specifier.startsWith("."))
      .map(({ specifier }) => `${join(dirname(file), specifier)}.ts`),
  ]),
);

/** Files that each import the next one, from one back to itself. Undefined if there is no such cycle. */
function circle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  function from(path: readonly string[]): string[] | undefined {
    const file = path.at(-1)!;
    if (path.indexOf(file) < path.length - 1) return path.slice(path.indexOf(file));
    if (done.has(file)) return undefined;
    for (const next of graph.get(file) ?? []) {
      const found = from([...path, next]);
      if (found) return found;
    }
    done.add(file);
    return undefined;
  }
  for (const file of graph.keys()) {
    const found = from([file]);
    if (found) return found;
  }
  return undefined;
}

describe("the rooms of assembly/", () => {
  it("are the ones that the order names", () => {
    const unknown = [...new Set(files.map(roomOf))].filter((room) => !(room in MAY_IMPORT));
    assert.deepEqual(unknown, []);
  });

  it("import only from rooms before them", () => {
    assert.ok(imports.length > 0, "no import was found at all");
    assert.deepEqual(
      imports.map(fault).filter((text) => text !== undefined),
      [],
    );
  });

  it("name their imports in one order, those of other rooms first", () => {
    // As texts, `../` comes before `./`.
    const unordered = files.filter((file) => {
      const specifiers = imports.filter((found) => found.file === file).map(({ specifier }) => specifier);
      return specifiers.join() !== [...specifiers].sort().join();
    });
    assert.deepEqual(unordered, []);
  });

  it("have no cycle of imports", () => {
    assert.deepEqual(circle(targets), undefined);
    const wrong = new Map([
      ["a.ts", ["b.ts", "c.ts"]],
      ["b.ts", []],
      ["c.ts", ["b.ts", "a.ts"]],
    ]);
    assert.deepEqual(circle(wrong), ["a.ts", "c.ts", "a.ts"]);
  });

  it("are judged by a rule that finds a wrong import", () => {
    const wrong: [file: string, specifier: string][] = [
      ["bytes/buffer.ts", "../nats/subject"],
      ["nats/parser.ts", "../policy/rule"],
      ["policy/rule.ts", "../nats/parser"],
      ["proxy/host.ts", "../connection/connection"],
      ["nats/parser.ts", `${SDK}imports`],
      ["proxy/host.ts", `${SDK}malloc`],
      ["index.ts", "../shims/abort_to_log"],
    ];
    for (const [file, specifier] of wrong) {
      assert.ok(fault({ file, line: 1, specifier }), `${file} may import ${specifier}`);
    }
  });
});
