import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { tableUnder } from "../../tools/docs-table.ts";
import { read } from "../../tools/paths.ts";
import { sourceConstant, sourceList } from "../../tools/source-constant.ts";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";

const REFERENCE = "docs/reference/policy.md";
const GUIDES = ["README.md", REFERENCE, "docs/tutorial/first-policy.md"];

/** The faults that the filter finds in a configuration, or nothing if it accepts it. */
function faultsOf(configuration: object): string[] {
  const { accepted, logs } = new Host(filterModule()).configure(configuration);
  const faults = logs.flatMap(({ message }) => message.split("\n").slice(1));
  assert.equal(accepted, faults.length === 0, faults.join("\n"));
  return faults;
}

const RULE = { name: "r", from: [{ principals: ["*"] }], publish: { allow: ["a"] } };

function whole(parts: object): object {
  return { trustDomains: ["cluster.local"], rules: [RULE], ...parts };
}

/** The cells of the tables under one heading of the reference, by the key in the first cell. */
function rowsUnder(heading: string): Map<string, string[]> {
  const rows = new Map<string, string[]>();
  for (const [first = "", ...cells] of tableUnder(read(REFERENCE), heading)) {
    const key = /^`(\w+)`$/.exec(first)?.[1];
    if (key !== undefined) rows.set(key, cells);
  }
  return rows;
}

// A key that nobody would write, so that the filter lists all valid keys instead of suggesting one.
const UNKNOWN = "qqqqqqqqqqqqqqqq";

/** The headings of the reference's tables, each with a configuration that has the unknown key at that place. */
const PLACES: [heading: string, configuration: object][] = [
  ["## Top-level keys", whole({ [UNKNOWN]: 1 })],
  ["## `rules[]`", whole({ rules: [{ ...RULE, [UNKNOWN]: 1 }] })],
  ["### `rules[].from[]`", whole({ rules: [{ ...RULE, from: [{ principals: ["*"], [UNKNOWN]: [] }] }] })],
  ["### `rules[].publish`", whole({ rules: [{ ...RULE, publish: { allow: ["a"], [UNKNOWN]: [] } }] })],
  ["### `rules[].subscribe`", whole({ rules: [{ ...RULE, subscribe: { [UNKNOWN]: [] } }] })],
  ["### `rules[].allow_responses`", whole({ rules: [{ ...RULE, allow_responses: { [UNKNOWN]: 1 } }] })],
  ["## `limits`", whole({ limits: { [UNKNOWN]: 1 } })],
  ["## `audit`", whole({ audit: { [UNKNOWN]: 1 } })],
  ["## `telemetry`", whole({ telemetry: { [UNKNOWN]: 1 } })],
  ["### `telemetry.subjects[]`", whole({ telemetry: { subjects: [{ [UNKNOWN]: 1 }] } })],
];

function numberIn(cell: string | undefined): number {
  const digits = /^`(\d+)`$/.exec(cell ?? "")?.[1];
  assert.ok(digits !== undefined, `${cell ?? "no cell"} is no number`);
  return Number(digits);
}

describe("the policy reference", () => {
  it("has a row for every key that the filter knows, and for no other", () => {
    for (const [heading, configuration] of PLACES) {
      const fault = faultsOf(configuration).find((line) => line.includes(`${UNKNOWN}: unknown key`)) ?? "";
      const known = /the keys here are (.*)$/.exec(fault)?.[1]?.split(/, | or /) ?? [];
      assert.ok(known.length > 1, `${heading}: ${fault}`);
      assert.deepEqual([...rowsUnder(heading).keys()].sort(), known.sort(), heading);
    }
  });

  it("names rights of integrations that the filter takes, each as it stands", () => {
    const [, , ...rows] = tableUnder(read("docs/reference/client-rights.md"), "## What integrations need");
    assert.ok(rows.length > 0);
    for (const [what, ...cells] of rows) {
      const [publish = [], subscribe = []] = cells.map((cell) =>
        [...cell.matchAll(/`([^`]+)`/g)].map(([, one]) => one!),
      );
      assert.ok(publish.length > 0 && subscribe.length > 0, what);
      const rule = { ...RULE, publish: { allow: publish }, subscribe: { allow: subscribe } };
      assert.deepEqual(faultsOf(whole({ rules: [rule] })), [], what);
    }
  });

  it("gives the bounds that the filter enforces for numbers", () => {
    for (const place of ["limits", "audit", "telemetry"]) {
      for (const [key, [, least, most]] of rowsUnder(`## \`${place}\``)) {
        if (least === "") continue;
        const [low, high] = [numberIn(least), numberIn(most)];
        for (const value of [low, high]) assert.deepEqual(faultsOf(whole({ [place]: { [key]: value } })), []);
        for (const value of [low - 1, high + 1]) {
          const [fault = ""] = faultsOf(whole({ [place]: { [key]: value } }));
          assert.match(fault, new RegExp(`^${place}\\.${key}: ${value} is outside of ${low} to ${high}`));
        }
      }
    }
  });

  it("gives the bounds of telemetry.requestTimeout, and its default", () => {
    const faults = (requestTimeout: string): string[] => faultsOf(whole({ telemetry: { requestTimeout } }));
    for (const bound of ["1ms", "1h", "10s"]) assert.deepEqual(faults(bound), []);
    for (const beyond of ["999us", "1h1us", "3601s", "-1s", "ten"]) assert.equal(faults(beyond).length, 1, beyond);
    const [value, , , about] = rowsUnder("## `telemetry`").get("requestTimeout")!;
    assert.equal(value, "`10s`");
    assert.match(about!, /`1ms` to `1h`/);
    assert.match(read("assembly/policy/config-telemetry.ts"), /requestTimeout: i64 = 10_000;/);
  });

  it("gives the defaults that the source has", () => {
    for (const place of ["limits", "audit", "telemetry"]) {
      const source = read(`assembly/policy/config-${place}.ts`);
      for (const [key, [value, least]] of rowsUnder(`## \`${place}\``)) {
        if (least === "") continue;
        const written = new RegExp(`^ {2}${key}: i\\d+ = ([\\d_]+);$`, "m").exec(source)?.[1]?.replaceAll("_", "");
        assert.equal(numberIn(value), Number(written), key);
      }
    }
  });
});

interface Snippet {
  file: string;
  /** The fence's info string: `yaml`, or `yaml refused`. */
  kind: string;
  text: string;
  /** The fenced text that follows. */
  next: string;
}

function snippetsOf(file: string): Snippet[] {
  const fences = [...read(file).matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)];
  return fences.map(([, kind = "", text = ""], i) => ({ file, kind, text, next: fences[i + 1]?.[2] ?? "" }));
}

/** The configuration that a snippet shows or is part of. Undefined for other kinds of manifests. */
function configurationOf(snippet: unknown): object | undefined {
  if (Array.isArray(snippet)) return whole({ rules: snippet as unknown[] });
  const object = snippet as { kind?: string; spec?: { pluginConfig?: object } };
  if (object.kind === "WasmPlugin") return object.spec?.pluginConfig;
  return object.kind === undefined ? whole(object) : undefined;
}

describe("the policies that the guides show", () => {
  const snippets = GUIDES.flatMap(snippetsOf);

  it("are accepted by the filter", () => {
    const taken = new Set<string>();
    for (const { file, kind, text } of snippets) {
      if (kind !== "yaml") continue;
      const configuration = configurationOf(parse(text));
      if (!configuration) continue;
      taken.add(file);
      assert.deepEqual(faultsOf(configuration), [], `${file}:\n${text}`);
    }
    assert.deepEqual([...taken], GUIDES);
  });

  it("are refused with exactly the words that follow them, if they are faulty on purpose", () => {
    const faulty = snippets.filter(({ kind }) => kind === "yaml refused");
    assert.ok(faulty.length > 0);
    for (const { text, next } of faulty) {
      assert.equal(`${faultsOf(parse(text) as object).join("\n")}\n`, next);
    }
  });
});

describe("what the guides say about stats and audit", () => {
  it("covers every reason", () => {
    const guide = read("docs/how-to/troubleshoot.md");
    const reasons = sourceList("policy/reason.ts", "REASON_NAMES").filter((name) => name !== "allowed");
    for (const name of reasons) assert.ok(guide.includes(`\n| \`${name}\``), name);
  });

  it("explains every kind of protocol error once, and no other", () => {
    const [, , ...rows] = tableUnder(
      read("docs/how-to/troubleshoot.md"),
      "## The connection closes with a protocol error",
    );
    const kinds = sourceList("telemetry/protocol-error.ts", "PROTOCOL_ERROR_NAMES").map((name) => `\`${name}\``);
    assert.deepEqual(rows.map(([kind]) => kind).sort(), kinds.sort());
  });

  it("states the filter's own number of durations that a worker reports at a time", () => {
    const places = sourceConstant("telemetry/durations.ts", "PLACES").toLocaleString("en-US");
    assert.ok(
      read("docs/how-to/troubleshoot.md").includes(`a worker has more than ${places} durations in half a second`),
      places,
    );
    assert.ok(read("docs/reference/telemetry.md").includes(`A worker tells at most ${places} with a tick`), places);
  });
});
