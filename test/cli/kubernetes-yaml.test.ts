import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { before, describe, it } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import { KUBERNETES_YAML } from "../../cli/manifests/kubernetes-yaml.ts";
import { readManifests } from "../../cli/manifests/read.ts";
import { buildGo } from "../../tools/go.ts";
import { doctor, istioNats, sourceOf } from "./support.ts";

/** What go-yaml's table holds, the numbers that Go and YAML write, and what only looks like one. */
const SCALARS = [
  ["y", "Y", "yes", "Yes", "YES", "yEs", "true", "True", "TRUE", "tRUE", "on", "On", "ON", "oN"],
  ["n", "N", "no", "No", "NO", "nO", "false", "False", "FALSE", "off", "Off", "OFF", "oFF", "t", "f"],
  ["~", "null", "Null", "NULL", "nULL", "", ".nan", ".NaN", ".inf", ".Inf", "+.inf", "-.INF", "inf", "NaN"],
  ["0", "-0", "+0", "1", "-1", "+1", "00", "01", "007", "08", "09", "0100", "-0100", "+017", "0777", "0888"],
  ["0o17", "0O17", "-0o17", "0o8", "0x1F", "0X1f", "-0x1f", "0x", "0xg", "0b101", "0B1", "-0b11", "0b2", "0b"],
  [
    "1_000",
    "67_108_864",
    "1__0",
    "1_",
    "_1",
    "-_1",
    "+_",
    "0_7",
    "0x_f",
    "0x1_f",
    "1_0.5_0",
    ".5_0",
    ".5_",
    "._5",
    ".5_e1",
    ".5e1_0",
    "0_8",
  ],
  ["1.5", "1.", ".5", "-.5", "+.5", ".", "..", "-", "+", "1e3", "1E3", "1e+3", "1e-3", "1e", "1.e3", ".e3", ".5e1"],
  [
    "1e400",
    ".1e400",
    "-1e400",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "0777777777777777777777777",
  ],
  ["0xFFFFFFFFFFFFFFFF", "0xFFFFFFFFFFFFFFFFF", "-0x8000000000000001", "1.5.5", "1:20", "12:30:45", "190:20:30.15"],
  [
    "2001-01-01",
    "2001-1-2",
    "2001-12-14t21:59:43.10-05:00",
    "5s",
    "250ms",
    "64Mi",
    "1e3s",
    "1 2",
    "a",
    "orders.>",
    "*x*",
  ],
  ['"no"', "'0100'", '"1_000"', "!!str no", "!!str 0100", "<<", "=", "1,5", "0x1p3", "1e5_0", "+0x1F", "+1.5", "-1_0"],
].flat();

type Reading = { value: unknown } | { error: string };

let command: string;

/** The verdicts of the library that kubectl, Helm and Istio read with. */
function readings(documents: readonly string[]): Reading[] {
  const { stdout, stderr, status } = spawnSync(command, { input: JSON.stringify(documents), encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Reading[];
}

function ours(document: string): Reading {
  try {
    return { value: parse(document, KUBERNETES_YAML) as unknown };
  } catch (error) {
    return { error: String(error) };
  }
}

/** JavaScript writes -0 as 0. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function assertAlike(document: string, theirs: Reading): void {
  const mine = ours(document);
  assert.equal("error" in mine, "error" in theirs, `${document}: ${JSON.stringify([mine, theirs])}`);
  if ("value" in mine && "value" in theirs) assert.deepEqual(asJson(mine.value), asJson(theirs.value), document);
}

describe("YAML as Kubernetes reads it", () => {
  before(async () => {
    command = await buildGo("tools/go-deploy/kubernetes-yaml");
  });

  it("has every scalar as sigs.k8s.io/yaml has it", () => {
    const documents = SCALARS.filter((scalar) => scalar !== "*x*").map((scalar) => `a: ${scalar}\n`);
    readings(documents).forEach((theirs, index) => assertAlike(documents[index]!, theirs));
  });

  it("has every key so, and every word of a list", () => {
    const keys = ["no", "y", "0100", "4222", "1_000", "true", '"no"', "a.b"];
    const documents = [...keys.map((key) => `{${key}: 1}\n`), "[no, y, 0100, 1_000, on, ~, a]\n"];
    readings(documents).forEach((theirs, index) => assertAlike(documents[index]!, theirs));
  });

  it("has aliases, and members from merge keys before and behind a map's own, so", () => {
    const anchors = "x: &x {a: 1, b: 1, c: 1}\ny: &y {b: 2, c: 2, d: 2}\nz: &z [1, *x]\n";
    const documents = [
      "m: {<<: *x, a: 0}\n",
      "m: {a: 0, <<: *x}\n",
      "m: {<<: [*x, *y], d: 0}\n",
      "m: {c: 0, <<: [*y, *x, {e: 5}]}\n",
      "m: {<<: {<<: *x, b: 9}, f: *z}\n",
      "x: &x 5\nm: [*x, &x 6, *x]\n",
    ].map((text) => (text.startsWith("x:") ? text : anchors + text));
    readings(documents).forEach((theirs, index) => {
      const { others } = readManifests(sourceOf(documents[index]!), "default");
      assert.ok("value" in theirs);
      assert.deepEqual(others[0]?.plain(), theirs.value, documents[index]);
    });
  });

  it("refuses aliases and merges where it does", () => {
    const documents = [
      "a: *b\n",
      "a: &a [*a]\n",
      "x: &x 5\nm: {<<: *x}\n",
      "m: {<<: 5}\n",
      "x: &x [1]\nm: {<<: [*x]}\n",
      "x: &x [{}]\nm: {<<: *x}\n",
    ];
    readings(documents).forEach((theirs, index) => {
      assert.ok("error" in theirs, documents[index]);
      assert.deepEqual(
        readManifests(sourceOf(documents[index]!), "default").problems.map(({ kind }) => kind),
        ["aliases"],
        documents[index],
      );
    });
  });

  it("has whatever digits, signs, dots and underscores come to so", () => {
    const number = fc.stringMatching(/^[0123789+\-._eExXoObBaFin]{1,8}$/);
    const documents = fc.sample(number, { numRuns: 3000, seed: 7 }).map((text) => `a: ${text}\n`);
    readings(documents).forEach((theirs, index) => {
      // `a: - b` and the like are no scalars, and each library has its own words for them.
      if (!/^a: [-?]?$/.test(documents[index]!.trimEnd())) assertAlike(documents[index]!, theirs);
    });
  });
});

const RULE = 'name: r, from: [{namespaces: [no]}], publish: {allow: [on, "off"]}';

describe("a word that is a boolean to Kubernetes", () => {
  it("is refused in a policy as in the cluster, with quotes for a remedy", () => {
    const { status, output } = istioNats(["check", "-"], `trustDomains: [cluster.local]\nrules: [{${RULE}}]\n`);
    assert.equal(status, 1);
    assert.match(output, /^<stdin>:2:40: error: rules\[0\]\.from\[0\]\.namespaces\[0\]: /m);
    assert.match(output, /^<stdin>:2:65: error: rules\[0\]\.publish\.allow\[0\]: /m);
    assert.match(output, /^ {4}Kubernetes reads no as false: write "no" if the text is meant$/m);
    assert.match(output, /^ {4}Kubernetes reads on as true: write "on" if the text is meant$/m);
    assert.ok(!output.includes("allow[1]"));
  });

  it("is one in a pod as well", () => {
    const pod = (host: string): string =>
      `apiVersion: v1\nkind: Pod\nmetadata: {name: nats}\nspec:\n  hostNetwork: ${host}\n  containers: [{name: n, image: nats}]\n`;
    for (const [host, found] of [
      ["yes", true],
      ["no", false],
    ] as const)
      assert.equal(
        doctor(pod(host)).some(({ id }) => id === "client-port-uncaptured"),
        found,
        host,
      );
  });

  it("is a number in a policy where it is one to Kubernetes", () => {
    const limits = (memory: string): string =>
      `trustDomains: [cluster.local]\nlimits: {memory: ${memory}}\nrules: [{${RULE.replace("no", "a").replace("on,", "")}}]\n`;
    for (const memory of ["67108864", "67_108_864", "0400000000"])
      assert.equal(istioNats(["check", "-"], limits(memory)).status, 0, memory);
  });
});

describe("a number that JSON does not have", () => {
  it("is told at its place: kubectl refuses it", () => {
    const [finding] = doctor("apiVersion: v1\nkind: ConfigMap\ndata:\n  a: .nan\n");
    assert.deepEqual([finding!.id, finding!.place.line, finding!.place.column], ["yaml-syntax", 4, 6]);
  });
});
