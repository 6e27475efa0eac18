import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inRoot } from "../../tools/paths.ts";
import { Rooms } from "../rooms.ts";

/** Small files that import nothing of the command. */
const SINGLE = ["exit-status", "get-or-make", "named", "nearest", "stats-tags", "usage-fault"].map(
  (name) => `${name}.ts`,
);
const FILTER = [...SINGLE, "filter-host.ts"];
const COMMANDS = [...FILTER, "manifests", "mesh", "policy", "doctor", "output"];

/** The rooms of cli/ in the order of the flow, each with what it may import besides its own files. */
const rooms = new Rooms(inRoot("cli"), {
  ...Object.fromEntries(FILTER.map((file) => [file.replace(/\.ts$/, ""), []])),
  manifests: SINGLE,
  mesh: [...SINGLE, "manifests"],
  policy: [...FILTER, "manifests", "mesh"],
  doctor: [...FILTER, "manifests", "mesh", "policy"],
  output: [...SINGLE, "manifests", "doctor"],
  commands: COMMANDS,
  "standard-input": ["manifests"],
  program: [...COMMANDS, "commands"],
  reference: [...COMMANDS, "program.ts"],
  main: [...COMMANDS, "program.ts", "standard-input.ts"],
  "wasm.d": [],
});

describe("the rooms of cli/", () => {
  it("are the ones that the order names", () => {
    assert.deepEqual(rooms.unknown, []);
  });

  it("import only from rooms before them", () => {
    const within = rooms.imports.filter(
      (one) => one.specifier.startsWith(".") && !rooms.targetOf(one).startsWith(".."),
    );
    assert.ok(within.length > 0, "no import was found at all");
    assert.deepEqual(
      within.map((one) => rooms.fault(one)).filter((text) => text !== undefined),
      [],
    );
    for (const [file, specifier] of [
      ["manifests/read.ts", "../mesh/mesh.ts"],
      ["mesh/mesh.ts", "../policy/judge.ts"],
      ["policy/judge.ts", "../doctor/family.ts"],
      ["doctor/check.ts", "../commands/check.ts"],
    ] as const)
      assert.ok(rooms.fault({ file, line: 1, specifier }), `${file} may import ${specifier}`);
  });
});
