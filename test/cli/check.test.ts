import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { parse, stringify } from "yaml";
import { memoryText } from "../../cli/commands/check.ts";
import { splitFault, stepsOf } from "../../cli/policy/path.ts";
import { inRoot } from "../../tools/paths.ts";
import { filterModule } from "../host/filter.ts";
import { fnv1a } from "../host/fnv.ts";
import { Host } from "../host/host.ts";
import { check, RULE, SOUND, type Policy } from "./checked.ts";
import { istioNats } from "./support.ts";

/** The faults that the filter logs for this configuration in the host of the other suites. */
function faultsOfFilter(configuration: unknown): string[] {
  const { logs } = new Host(filterModule()).configure(configuration as object);
  return logs.flatMap(({ message }) => message.split("\n").slice(1));
}

const REFERENCE = readFileSync(inRoot("docs/reference/policy.md"), "utf8");
const [, REFUSED = ""] = /^```yaml refused\n([\s\S]*?)^```$/m.exec(REFERENCE) ?? [];

/** As many bytes as Kubernetes and Istio write: each > is \u003e to them. */
function bytesOf(value: object): number {
  return JSON.stringify(value).replaceAll(">", "\\u003e").length;
}

/** The same policy, and how deep it is nested in the text. */
const WRAPPINGS: [what: string, wrap: (policy: object) => object][] = [
  ["by itself", (policy) => policy],
  [
    "in a WasmPlugin of any name",
    (policy) => ({
      apiVersion: "extensions.istio.io/v1alpha1",
      kind: "WasmPlugin",
      metadata: { name: "x" },
      spec: { pluginConfig: policy },
    }),
  ],
  [
    "in a TrafficExtension",
    (policy) => ({
      apiVersion: "extensions.istio.io/v1alpha1",
      kind: "TrafficExtension",
      metadata: { name: "x" },
      spec: { wasm: { pluginConfig: policy } },
    }),
  ],
];

describe("istio-nats check", () => {
  for (const [what, wrap] of WRAPPINGS) {
    it(`reports a policy ${what} in the filter's own words, with each fault at its place`, () => {
      const policy = parse(REFUSED) as object;
      const text = stringify(wrap(policy), { indentSeq: false });
      const { status, findings, policies } = check(text);
      assert.equal(status, 1);
      assert.deepEqual(findings.map(({ message }) => message).sort(), faultsOfFilter(policy).sort());
      assert.deepEqual(
        policies.map(({ accepted, rules }) => [accepted, rules]),
        [[false, 1]],
      );
      const begins: [path: string, text: string][] = [
        ["mode", "enforce"],
        ["rules[0].from[0].serviceAccounts[0]", "orders-api"],
        ["rules[0].publish.allow[0]", "orders.>.created"],
        ["rules[0].publish.denny", "denny:"],
      ];
      const lines = text.split("\n");
      for (const [path, begin] of begins) {
        const { line, column } = findings.find(({ message }) => message.startsWith(`${path}: `))!;
        assert.ok(lines[line - 1]!.slice(column - 1).startsWith(begin), `${path} at ${line}:${column}`);
      }
    });

    it(`accepts a sound policy ${what}, and says what it costs`, () => {
      const text = JSON.stringify(wrap(SOUND));
      const { status, findings, policies } = check(text);
      assert.deepEqual([status, findings], [0, []]);
      const [{ load_milliseconds, memory_bytes, fingerprint, ...rest }] = policies as [Policy];
      assert.equal(fingerprint === undefined, what === "by itself");
      assert.ok(load_milliseconds > 0 && memory_bytes >= 0 && memory_bytes % 65_536 === 0);
      const object = what === "by itself" ? {} : { object_bytes: bytesOf(wrap(SOUND)) };
      assert.deepEqual(
        { ...rest, column: 0, file: "", line: 0 },
        { file: "", line: 0, column: 0, accepted: true, rules: 1, bytes: bytesOf(SOUND), ...object },
      );
    });
  }

  it("names the policy of an object by what Istio makes of it, whatever the file looks like", () => {
    const made =
      '{"rules":[{"from":[{"principals":["*"]}],"name":"r \\u0026 s","publish":{"allow":["orders.\\u003e"]}}],' +
      '"telemetry":{"principals":100},"trustDomains":["cluster.local"]}';
    const text = [
      "apiVersion: extensions.istio.io/v1alpha1",
      "kind: WasmPlugin",
      "metadata: {name: x}",
      "spec:",
      "  pluginConfig:",
      "    trustDomains: # of the mesh",
      "      - cluster.local",
      "    telemetry: {principals: 1e2}",
      "    rules:",
      '    - {name: "r & s", publish: {allow: [orders.>]}, from: [{principals: ["*"]}]}',
    ].join("\n");
    const fingerprint = fnv1a(made).toString(16).padStart(16, "0");
    assert.deepEqual(
      check(text).policies.map((policy) => [policy.bytes, policy.fingerprint]),
      [[made.length, fingerprint]],
    );
    assert.ok(istioNats(["check", "-"], text).output.includes(`, fingerprint ${fingerprint}, `));
    // The filter has no name for what it refuses.
    const refused = text.replace("1e2", "-1");
    assert.deepEqual(
      check(refused).policies.map((policy) => [policy.accepted, policy.fingerprint]),
      [[false, undefined]],
    );
    assert.ok(!istioNats(["check", "-"], refused).output.includes("fingerprint"));
  });

  it("reports what is missing at the place where it is missing", () => {
    const { findings } = check(
      "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nspec:\n  pluginConfig:\n    rules:\n    - name: x\n",
    );
    const places = findings.map(({ line, column, message }) => `${line}:${column} ${message.split(":")[0] ?? ""}`);
    assert.ok(places.includes("4:3 trustDomains"), places.join());
    assert.ok(places.includes("6:7 rules[0].from") || places.includes("6:7 rules[0]"), places.join());
    const absent = check("apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nspec:\n  type: NETWORK\n");
    assert.equal(absent.findings[0]?.message.startsWith("the policy is empty"), true);
    assert.deepEqual([absent.findings[0].line, absent.findings[0].column], [3, 1]);
  });

  it("names the policy in a fault of the whole, and makes a sentence of it", () => {
    const wrong: [text: string, said: string][] = [
      ["just a text", "the policy: expected an object with trustDomains and rules, found a string"],
      ["[]", "the policy: expected an object with trustDomains and rules, found a list"],
      ["{}", "the policy is empty: give the WasmPlugin a pluginConfig with trustDomains and rules"],
    ];
    for (const [text, said] of wrong) assert.equal(check(text).findings[0]?.message, said);
  });

  it("names a TrafficExtension's own place for a policy that it lacks", () => {
    const te = (spec: object): string =>
      stringify({
        apiVersion: "extensions.istio.io/v1alpha1",
        kind: "TrafficExtension",
        metadata: { name: "x" },
        spec,
      });
    for (const spec of [{ pluginConfig: SOUND }, { wasm: { type: "NETWORK" } }, { wasm: { pluginConfig: {} } }]) {
      const { status, output } = istioNats(["check", "-"], te(spec));
      assert.equal(status, 1);
      assert.match(
        output,
        /: error: the policy is empty \[policy-fault\]\n {4}write trustDomains and rules under spec\.wasm\.pluginConfig\n/,
      );
    }
  });

  it("says of a document without any key of a policy that it is none, not which keys it lacks", () => {
    const header = "NAME: nats\nLAST DEPLOYED: Sun Nov 29 08:00:00 2026\nMANIFEST:\n";
    const { status, findings, policies } = check(`${header}---\n${stringify(WRAPPINGS[1]![1](SOUND))}`);
    assert.deepEqual([status, policies.length], [0, 1]);
    assert.deepEqual(
      findings.map(({ id, line, message }) => [id, line, message]),
      [["no-policy", 1, "this document has no policy, and no key of one"]],
    );
    const other = istioNats(["check", "-"], "name: x\nversion: 1\nservices: {nats: {image: nats}}\n");
    assert.equal(other.status, 2);
    assert.match(other.output, /: warning: this file has no policy \[no-policy\]\n/);
    for (const slip of ["Rules: []", "modes: ENFORCE", "configuration: {rules: []}", "policies: [{rules: []}]"])
      assert.ok(
        check(slip).findings.some(({ id }) => id === "policy-fault"),
        slip,
      );
  });

  it("passes over the plugins of other modules, with and without a configuration", () => {
    const plugin = (name: string, spec: object): string =>
      stringify({ ...WRAPPINGS[1]![1]({}), metadata: { name }, spec });
    const auth = plugin("basic-auth", { phase: "AUTHN", pluginConfig: { basic_auth_rules: [{ prefix: "/" }] } });
    const bare = plugin("coraza", { phase: "AUTHN" });
    const ours = stringify(WRAPPINGS[1]![1](SOUND));
    const { status, findings, policies } = check([auth, bare, ours].join("---\n"));
    assert.deepEqual([status, findings, policies.length], [0, [], 1]);
    const alone = istioNats(["check", "-"], auth);
    assert.equal(alone.status, 2);
    assert.match(alone.output, /: warning: this file has no policy \[no-policy\]\n/);
    assert.match(istioNats(["check", "-"], bare).output, /: error: the policy is empty: /);
  });

  it("says of a policy what memory it takes, which is none where it lies in pages that are there", () => {
    const { output } = istioNats(["check", "-"], JSON.stringify(SOUND));
    const memory = memoryText(check(JSON.stringify(SOUND)).policies[0]!.memory_bytes);
    assert.match(output, new RegExp(`: accepted: 1 rule, \\d+ bytes, read in \\S+ ms with ${memory}\\n$`));
    assert.equal(memoryText(0), "no more Wasm memory");
    assert.equal(memoryText(65_536), "65536 more bytes of Wasm memory");
  });

  it("reports a plugin with a misspelt kind or field, of which nothing could be checked", () => {
    const { status, findings } = check(`apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugins\nspec: {}\n`);
    assert.equal(status, 1);
    assert.ok(findings.some(({ id, line }) => id === "kind-unknown" && line === 2));
    const [field] = check(stringify(WRAPPINGS[1]![1](SOUND)).replace("spec:", "spec:\n  phases: STATS")).findings;
    assert.deepEqual([field!.id, field!.message], ["field-unknown", "Istio has no field spec.phases"]);
  });

  it("does not say of a plugin with a wrong version that it was not judged, because it is", () => {
    const text = (apiVersion: string, kind: string): string =>
      stringify({ ...WRAPPINGS[1]![1](SOUND), apiVersion, kind });
    const wrongVersion = check(text("extensions.istio.io/v1beta1", "WasmPlugin"));
    assert.deepEqual(
      wrongVersion.findings.map(({ message }) => message),
      ["Istio has no kind WasmPlugin in extensions.istio.io/v1beta1"],
    );
    assert.equal(wrongVersion.policies.length, 1);
    const wrongKind = check(text("extensions.istio.io/v1alpha1", "WasmPlugins"));
    assert.ok(wrongKind.findings.some(({ message }) => message.endsWith("v1alpha1, so the object was not judged")));
    assert.equal(wrongKind.policies.length, 0);
  });

  it("names what a plugin lacks that is no object without it, and reads the policy in it all the same", () => {
    const policy = "trustDomains: [cluster.local], rules: []";
    const cases: [text: string, said: string][] = [
      [
        `kind: WasmPlugin\nmetadata: {name: a}\nspec: {pluginConfig: {${policy}}}`,
        "1:7: error: an object with kind: WasmPlugin has no apiVersion",
      ],
      [
        `apiVersion: a/v1\nmetadata: {name: a}\nspec: {wasm: {pluginConfig: {${policy}}}}`,
        "1:13: error: an object with apiVersion: a/v1 has no kind",
      ],
      [`kind: WasmPlugin\nspec: {pluginConfig: {${policy}}}`, "2:8: error: the policy is below spec.pluginConfig, "],
      [`spec: {pluginConfig: {${policy}}}`, "1:8: error: the policy is below spec.pluginConfig, "],
      [`pluginConfig: {${policy}}`, "1:1: error: the policy is below pluginConfig, "],
      [`spec: {${policy}}`, "1:1: error: the policy is below spec, "],
    ];
    for (const [text, said] of cases) {
      const { output } = istioNats(["check", "-"], text);
      assert.ok(output.startsWith(`<stdin>:${said}`), output);
      assert.match(output, /\[object-incomplete\]\n.*\n.*rules: is empty.*\n/);
      assert.doesNotMatch(output, /unknown key/);
    }
  });

  it("also reports the places in a JSON file", () => {
    const { findings } = check('{\n  "trustDomains": ["a"],\n  "rules": [],\n  "mode": "X"\n}');
    assert.deepEqual(
      findings.map(({ line, column }) => [line, column]),
      [
        [3, 12],
        [4, 11],
      ],
    );
  });

  it("reads 10,000 rules of a megabyte, and reports figures of that size", () => {
    const rules = Array.from({ length: 10_000 }, (_, i) => ({
      name: `rule-${i}`,
      from: [{ principals: [`cluster.local/ns/n${i}/sa/s`] }],
      publish: { allow: [`orders.${i}.>`] },
    }));
    const policy = { trustDomains: ["cluster.local"], rules };
    const { status, policies } = check(JSON.stringify(policy));
    assert.equal(status, 0);
    const [{ rules: count, bytes, memory_bytes }] = policies as [Policy];
    assert.deepEqual([count, bytes], [10_000, bytesOf(policy)]);
    assert.ok(memory_bytes > bytes && memory_bytes < 64 << 20, String(memory_bytes));
  });

  it("only counts faults beyond the hundredth, as the filter does, and says so last", () => {
    const rules = (count: number): object[] =>
      Array.from({ length: count }, (_, i) => ({ ...RULE, name: `r${i}`, publish: { allow: ["a..b"] } }));
    for (const [faults, said] of [
      [101, "1 more fault is not shown"],
      [2000, "1,900 more faults are not shown"],
    ] as const) {
      const text = JSON.stringify({ ...SOUND, rules: rules(faults) }, null, 1);
      const { findings, counts, status } = check(text);
      assert.deepEqual([status, counts], [1, { error: 100, warning: 0, info: 1 }]);
      assert.equal(
        findings.findIndex(({ message }) => message === said),
        100,
      );
      assert.match(
        istioNats(["check", "-"], text).output,
        new RegExp(`info: ${said} .*\n.*\n<stdin>.*refused.*\n100 errors, 1 info\n$`),
      );
    }
  });
});

describe("a fault's path", () => {
  it("is split from the message, whatever the key", () => {
    const cases: [line: string, path: string, steps: (string | number)[]][] = [
      ["rules[3].publish.allow[0]: x", "rules[3].publish.allow[0]", ["rules", 3, "publish", "allow", 0]],
      ['rules[0]["a: b"]: unknown', 'rules[0]["a: b"]', ["rules", 0, "a: b"]],
      ['["\\"\\\\\\x0a"].a: x', '["\\"\\\\\\x0a"].a', ['"\\\n', "a"]],
      ["configuration: is empty", "", []],
    ];
    for (const [line, path, steps] of cases) {
      assert.equal(splitFault(line).path, path);
      assert.deepEqual(stepsOf(path), steps);
    }
  });
});
