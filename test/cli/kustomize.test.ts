import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { DOCUMENTS, kinds } from "./sound-mesh.ts";
import { doctor, istioNats } from "./support.ts";

const PLUGIN =
  "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: istio-nats, namespace: messaging}\n";
const PARTIAL = `${PLUGIN}spec: {pluginConfig: {mode: ENFORCE}}\n`;
const WHOLE = `${PLUGIN}spec:\n  pluginConfig:\n    trustDomains: [cluster.local]\n    rules: [{name: a, from: [{namespaces: [b]}], publish: {allow: [c.>.d]}}]\n`;

describe("a kustomization among the files", () => {
  let top: string;

  before(() => {
    top = makeScratch();
  });

  after(() => {
    removeScratch(top);
  });

  function folder(name: string, files: Record<string, string>): string {
    for (const [file, text] of Object.entries(files)) {
      const path = join(top, name, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
    return join(top, name);
  }

  it("is one without apiVersion and kind too, which kustomize takes by the name of the file", () => {
    const at = folder("plain", { "kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": DOCUMENTS.join("---\n") });
    const told = `${join(at, "kustomization.yaml")}:1:1: info: a kustomization is not judged [kustomization]\n    kubectl kustomize ${at} | istio-nats doctor -\n`;
    assert.equal(istioNats(["doctor", at]).output, `${told}1 info in 4 objects of 2 files\n`);
    const named = istioNats(["doctor", join(at, "kustomization.yaml")]);
    assert.deepEqual([named.status, named.output], [2, told]);
    for (const [name, text] of [
      ["kustomization.yml", "resources: [a.yaml]\n"],
      ["Kustomization", "resources: [a.yaml]\n"],
      ["kustomization.yaml", "kind: Kustomization\n"],
      ["kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\n"],
    ] as const) {
      const file = join(folder("named", { [name]: text }), name);
      assert.match(
        istioNats(["doctor", file]).output,
        /: info: a kustomization is not judged \[kustomization\]\n/,
        name,
      );
    }
  });

  it("keeps what it patches with from being judged as if it were whole, wherever the files are", () => {
    const patches = [
      "patches: [{path: p/mode.yaml}]",
      "patchesStrategicMerge: [p/mode.yaml]",
      "patchesStrategicMerge:\n- p/mode.yaml\n- |\n  a: b\n  c: d",
    ];
    for (const [index, patch] of patches.entries()) {
      const at = folder(`overlay${index}`, {
        "base/all.yaml": DOCUMENTS.join("---\n"),
        "prod/kustomization.yaml": `resources: [../base]\n${patch}\n`,
        "prod/p/mode.yaml": PARTIAL,
      });
      const kustomization = join(at, "prod", "kustomization.yaml");
      const message = "a kustomization is not judged, and no patch that it names (p/mode.yaml)";
      const told = (command: string): string =>
        `${kustomization}:1:1: info: ${message} [kustomization]\n    kubectl kustomize ${join(at, "prod")} | istio-nats ${command} -\n`;
      assert.equal(istioNats(["doctor", at]).output, `${told("doctor")}1 info in 4 objects of 3 files\n`);
      const { output } = istioNats(["check", at]);
      assert.ok(output.startsWith(told("check")) && output.endsWith("\n1 info\n"), output);
      assert.doesNotMatch(output, /refused/);
    }
  });

  it("has nothing missed in a patch in JSON that is named besides", () => {
    const at = folder("json", {
      "kustomization.yaml": "patches: [{path: a.yaml, target: {kind: WasmPlugin}}]\n",
      "a.yaml": "- {op: replace, path: /spec/pluginConfig/mode, value: ENFORCE}\n",
      "b.yaml": DOCUMENTS.join("---\n"),
    });
    const { output } = istioNats([
      "doctor",
      ...["kustomization.yaml", "a.yaml", "b.yaml"].map((name) => join(at, name)),
    ]);
    assert.match(output, /^.*kustomization\.yaml:1:1: info: .*\n.*\n1 info in 4 objects of 3 files\n$/);
  });

  it("has a patch with a whole policy checked all the same", () => {
    const at = folder("whole", { "kustomization.yaml": "patches: [{path: a.yaml}]\n", "a.yaml": WHOLE });
    const { output, status } = istioNats(["check", at]);
    assert.match(output, /a\.yaml:7:\d+: error: rules\[0\]\.publish\.allow\[0\]: "c\.>\.d": .* \[policy-fault\]/);
    assert.equal(status, 1);
  });
});

describe("a document that says of itself that it is a patch", () => {
  it("is not judged, and tells so once in a file", () => {
    const deletion = `${PLUGIN}$patch: delete\n`;
    const nested =
      "apiVersion: v1\nkind: Service\nmetadata: {name: nats, namespace: messaging}\nspec: {ports: [{port: 4222, $patch: delete}]}\n";
    for (const patch of [deletion, `$patch: delete\n${PLUGIN}`, nested, `${nested}---\n${deletion}`]) {
      const found = doctor(`${DOCUMENTS.join("---\n")}---\n${patch}`);
      assert.deepEqual(
        found.map(({ id, message, remedy }) => [id, message, remedy]),
        [["kustomization", "a patch of kustomize is not judged", "kubectl kustomize FOLDER | istio-nats doctor -"]],
        patch,
      );
    }
    const checked = istioNats(["check", "-"], `${deletion}---\n${kinds("WasmPlugin").join()}`).output;
    assert.match(
      checked,
      /^<stdin>:1:1: info: a patch of kustomize is not judged \[kustomization\]\n.*\n<stdin>:8:\d+: WasmPlugin .*: accepted: .*\n1 info\n$/,
    );
  });

  it("may only take a label out of a selector", () => {
    const patches = [
      `${PLUGIN}spec: {selector: {matchLabels: {app: null}}}\n`,
      "apiVersion: v1\nkind: Service\nmetadata: {name: nats, namespace: messaging}\nspec: {selector: {app: ~}}\n",
      "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: nats}\nspec: {selector: {matchLabels: {app: null}}}\n",
    ];
    for (const patch of patches)
      assert.deepEqual(
        doctor(`${DOCUMENTS.join("---\n")}---\n${patch}`).map(({ id }) => id),
        ["kustomization"],
        patch,
      );
    // What a template leaves that was not given a value is none.
    for (const patch of patches) {
      const left = patch.replace(/null|~/, "");
      assert.ok(
        doctor(left).some(({ id }) => id === "selector-void"),
        left,
      );
    }
    const policy = `${PLUGIN.replace("WasmPlugin", "PeerAuthentication").replace("extensions", "security")}spec: {selector: {matchLabels: {app: null}}}\n`;
    const [finding] = doctor(policy).filter(({ id }) => id === "selector-void");
    assert.match(finding?.remedy ?? "", /; of a patch, in which null takes the label out, give the result instead$/);
  });

  it("is not one that has patches for other objects, as those of Flux do", () => {
    const patch = { kind: "Deployment", apiVersion: "apps/v1", metadata: { name: "a" }, $patch: "delete" };
    const rules = [{ name: "a", from: [{ namespaces: ["b"] }], publish: { allow: ["c.>.d"] } }];
    const release = {
      apiVersion: "helm.toolkit.fluxcd.io/v2beta1",
      kind: "HelmRelease",
      metadata: { name: "istio-nats" },
      spec: {
        chart: { spec: { chart: "istio-nats" } },
        postRenderers: [{ kustomize: { patchesStrategicMerge: [patch] } }],
        values: { policy: { trustDomains: ["cluster.local"], rules } },
      },
    };
    const { output } = istioNats(["check", "-"], JSON.stringify(release));
    assert.match(output, /error: rules\[0\]\.publish\.allow\[0\]: "c\.>\.d": .* \[policy-fault\]/);
    assert.doesNotMatch(output, /a patch of kustomize/);
  });

  it("is not one that only has such words in its texts", () => {
    const text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: '$patch: delete'}\n";
    assert.deepEqual(doctor(`${DOCUMENTS.join("---\n")}---\n${text}`), []);
  });
});
