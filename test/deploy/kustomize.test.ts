import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, it } from "node:test";
import { spawnSync } from "node:child_process";
import { buildGo } from "../../tools/go.ts";
import { FORMS, KINDS, PLACEHOLDER, renderForm, type Form } from "../../tools/image-manifests.ts";
import { inRoot } from "../../tools/paths.ts";
import { filterModule } from "../host/filter.ts";
import { Host } from "../host/host.ts";
import { manifestsIn, manifestsOf, nameOf, only, type Manifest } from "./manifests.ts";

interface FilterSpec {
  selector?: { matchLabels: Record<string, string> };
  targetRefs?: { kind: string; name: string }[];
  phase: string;
  match: { mode: string; ports: { number: number }[] }[];
}

interface WasmSpec {
  type: string;
  url: string;
  imagePullPolicy: string;
  failStrategy: string;
  pluginName: string;
  pluginConfig: { mode?: string; identity?: string };
}

/** Which side of the connection Istio assigns to each form's proxy, and where the filter finds the client. */
const SIDES: Record<Form, [mode: string, identity: string]> = {
  sidecar: ["SERVER", "PEER"],
  nats: ["SERVER", "PEER"],
  waypoint: ["SERVER", "WAYPOINT"],
  egress: ["CLIENT", "PEER"],
  client: ["CLIENT", "WORKLOAD"],
};

/** Istio's kinds, whose CRDs test/istio checks against. */
const ISTIO = /^(?:\w+\.istio\.io|gateway\.networking\.k8s\.io)\//;

function filters(manifests: readonly Manifest[]): Manifest[] {
  return manifests.filter(({ kind }) => kind === "WasmPlugin" || kind === "TrafficExtension");
}

describe("the forms that kustomize makes", () => {
  it("are all folders of deploy/ that contain a filter", () => {
    const folders = readdirSync(inRoot("deploy"), { recursive: true, encoding: "utf8" })
      .filter((file) => /^[^/]+\/wasmplugin\.yaml$/.test(file))
      .map((file) => file.split("/")[0]!);
    assert.deepEqual(folders.sort(), FORMS.filter((form) => form !== "nats").sort());
  });

  for (const form of FORMS) {
    it(`contain one filter, never two, of the requested kind (${form})`, async () => {
      for (const kind of KINDS) {
        const found = filters(await manifestsOf(form, kind));
        assert.deepEqual(
          found.map((filter) => `${filter.apiVersion} ${filter.kind}`),
          [`extensions.istio.io/v1alpha1 ${kind}`],
        );
      }
    });

    it(`mean the same as a TrafficExtension and as a WasmPlugin (${form})`, async () => {
      const [plugin, extension] = [await manifestsOf(form), await manifestsOf(form, "TrafficExtension")];
      const { selector, targetRefs, phase, match, ...wasm } = only(plugin, "WasmPlugin").spec as unknown as FilterSpec;
      const { wasm: moved, ...outer } = only(extension, "TrafficExtension").spec;
      assert.deepEqual(moved, wasm);
      assert.deepEqual(outer, JSON.parse(JSON.stringify({ selector, targetRefs, phase, match })) as object);
      const others = (manifests: Manifest[]): Manifest[] => manifests.filter((one) => !filters([one]).length);
      assert.deepEqual(others(extension), others(plugin));
    });

    it(`put the filter where it sees the client, and close what it cannot judge (${form})`, async () => {
      const spec = only(await manifestsOf(form), "WasmPlugin").spec as unknown as FilterSpec & WasmSpec;
      const [mode, identity] = SIDES[form];
      assert.deepEqual(spec.match, [{ mode, ports: [{ number: 4222 }] }]);
      assert.equal(spec.pluginConfig.identity ?? "PEER", identity);
      assert.equal(spec.type, "NETWORK");
      assert.equal(spec.failStrategy, "FAIL_RELOAD");
      assert.equal(spec.phase, "STATS");
      assert.equal(spec.url, PLACEHOLDER);
      assert.equal(spec.imagePullPolicy, "IfNotPresent");
      assert.equal(spec.targetRefs === undefined, form !== "waypoint");
      assert.equal(spec.selector === undefined, form === "waypoint");
    });

    it(`have a policy that the filter accepts (${form})`, async () => {
      const { pluginConfig } = only(await manifestsOf(form), "WasmPlugin").spec as unknown as WasmSpec;
      const { accepted, logs } = new Host(filterModule()).configure(pluginConfig);
      assert.ok(accepted, JSON.stringify(logs));
    });

    it(`let everything pass until somebody writes ENFORCE, because their rules are examples (${form})`, async () => {
      const { pluginConfig } = only(await manifestsOf(form), "WasmPlugin").spec as unknown as WasmSpec;
      assert.equal(pluginConfig.mode, "DRY_RUN");
    });

    it(`contain no field that Kubernetes does not know (${form})`, async () => {
      const input = await renderForm(form, "WasmPlugin");
      const { status, stdout, stderr } = spawnSync(await buildGo("tools/go-deploy/strict-manifests"), { input });
      assert.equal(status, 0, stderr.toString());
      const lines = stdout.toString().trim().split("\n");
      const own = manifestsIn(input).filter(({ apiVersion }) => !ISTIO.test(apiVersion));
      assert.equal(lines.filter((line) => line.startsWith("checked")).length, own.length);
      assert.equal(lines.length, manifestsIn(input).length);
    });
  }

  it("would be refused for a field that Kubernetes does not know", async () => {
    const input = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {port: 4222}\n";
    const { status, stderr } = spawnSync(await buildGo("tools/go-deploy/strict-manifests"), { input });
    assert.equal(status, 1);
    assert.match(stderr.toString(), /unknown field "spec\.port"/);
  });

  it("name each object once, with its namespace", async () => {
    for (const form of FORMS) {
      const names = (await manifestsOf(form)).map(nameOf);
      assert.deepEqual([...new Set(names)], names);
      for (const name of names) assert.match(name, / [a-z-]+\//);
    }
  });
});
