import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inRoot } from "../../tools/paths.ts";
import { type Import, roomOf, Rooms } from "../rooms.ts";

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

const rooms = new Rooms(inRoot("assembly"), MAY_IMPORT);

/** Why an import is against the rule, or undefined if it is allowed. */
function fault(one: Import): string | undefined {
  const { file, line, specifier } = one;
  const place = `assembly/${file}:${line} imports "${specifier}"`;
  if (!specifier.startsWith(".")) {
    const allowed = MAY_IMPORT_SDK[roomOf(file)] ?? [];
    if (allowed.some((module) => specifier === SDK + module)) return undefined;
    return `${place}: ${roomOf(file)} may import ${allowed.map((module) => SDK + module).join(", ") || "no package"}`;
  }
  return rooms.targetOf(one).startsWith("..") ? `${place}: that is outside assembly/` : rooms.fault(one);
}

/** Each file of assembly/ with the files that it imports. */
const targets = new Map(
  rooms.files.map((file) => [
    file,
    rooms.imports
      .filter((found) => found.file === file && found.specifier.startsWith("."))
      .map((found) => `${rooms.targetOf(found)}.ts`),
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
    assert.deepEqual(rooms.unknown, []);
  });

  it("import only from rooms before them", () => {
    assert.ok(rooms.imports.length > 0, "no import was found at all");
    assert.deepEqual(
      rooms.imports.map(fault).filter((text) => text !== undefined),
      [],
    );
  });

  it("name their imports in one order, those of other rooms first", () => {
    // As texts, `../` comes before `./`.
    const unordered = rooms.files.filter((file) => {
      const specifiers = rooms.imports.filter((found) => found.file === file).map(({ specifier }) => specifier);
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
