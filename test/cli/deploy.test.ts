import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { before, describe, it } from "node:test";
import { parse } from "yaml";
import { must } from "../../tools/command.ts";
import { deployTools, kustomized } from "../../tools/deploy-tools.ts";
import { inRoot } from "../../tools/paths.ts";
import type { Finding } from "../../cli/doctor/finding.ts";
import { doctor, placed } from "./support.ts";

const DEPLOY = inRoot("deploy");
const CHART = join(DEPLOY, "chart");

/** Every kustomization below deploy/ that can be applied by itself. A Component is part of another. */
const kustomizations = readdirSync(DEPLOY, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith("kustomization.yaml") && !file.split(sep).includes("component"))
  .map((file) => dirname(file).split(sep).join("/"))
  .sort();

const values = readdirSync(join(CHART, "ci")).sort();

/** The chart with the values of a form and the policy that deploy/ has for the same form. */
async function chart(file: string): Promise<string> {
  const { helm } = await deployTools();
  const plugin = readFileSync(join(DEPLOY, file.replace("-values.yaml", ""), "wasmplugin.yaml"), "utf8");
  const { spec } = parse(plugin) as { spec: { pluginConfig: object } };
  const policy = `policy=${JSON.stringify(spec.pluginConfig)}`;
  const values = ["--values", join(CHART, "ci", file), "--set-json", policy];
  return must("deploy/chart cannot be rendered.", helm, ["template", "nats", CHART, "-n", "messaging", ...values]);
}

function errorsIn(findings: readonly Finding[]): string[] {
  return findings
    .filter(({ severity }) => severity === "error")
    .map((finding) => `${placed(finding)}: ${finding.message}`);
}

describe("the manifests that are shipped", () => {
  before(async () => {
    await deployTools();
    assert.ok(kustomizations.length >= 5 && values.length >= 2, "deploy/ holds less than it did");
  });

  for (const folder of kustomizations) {
    it(`of deploy/${folder} are sound according to doctor`, async () => {
      assert.deepEqual(errorsIn(doctor(await kustomized(`deploy/${folder}`))), []);
    });
  }

  for (const file of values) {
    it(`of the chart with ${file} are sound according to doctor`, async () => {
      assert.deepEqual(errorsIn(doctor(await chart(file))), []);
    });
  }

  it("of deploy/egress make doctor find a gateway in another namespace, unless a plugin reaches it too", async () => {
    const egress = await kustomized("deploy/egress");
    const moved = egress.replaceAll("namespace: istio-egress", "namespace: messaging");
    const plugin = (namespace: string): string =>
      egress
        .split("---\n")
        .find((text) => text.includes("kind: WasmPlugin"))!
        .replace("namespace: istio-egress", `namespace: ${namespace}`);
    const found = (...texts: string[]): string[] =>
      doctor(texts.join("\n---\n"))
        .filter(({ id }) => id === "gateway-elsewhere")
        .map(({ message }) => message);
    assert.deepEqual(found(moved), [
      "VirtualService messaging/nats-egress leads workloads to a gateway in namespace istio-egress, and WasmPlugin messaging/istio-nats is only for pods of messaging",
    ]);
    for (const namespace of ["istio-egress", "istio-system"]) assert.deepEqual(found(moved, plugin(namespace)), []);
    assert.deepEqual(found(egress), []);
    assert.deepEqual(found(moved.replaceAll("mode: ISTIO_MUTUAL", "mode: MUTUAL")), []);
    const named = moved.replace("    - nats-egress\n", "    - messaging/nats-egress\n");
    assert.notEqual(named, moved);
    assert.equal(found(named).length, 1);
  });

  it("of both kinds of plugin together make doctor warn", async () => {
    const both = await Promise.all([kustomized("deploy/sidecar"), kustomized("deploy/trafficextension/sidecar")]);
    const ids = doctor(both.join("\n---\n")).map(({ id }) => id);
    assert.ok(ids.includes("both-plugin-kinds"), ids.join());
  });

  it("would be reported with faults: without the port's declaration, the type and the mode there are three", async () => {
    const sound = await kustomized("deploy/sidecar");
    for (const [what, id] of [
      [/appProtocol: tcp\n/g, "port-not-tcp"],
      [/type: NETWORK\n/, "type-not-network"],
      [/number: 4222\n/, "match-port-nothing"],
    ] as const) {
      const broken = sound.replace(what, (text) =>
        text.replace("tcp", "nats").replace("NETWORK", "HTTP").replace("4222", "4223"),
      );
      assert.notEqual(broken, sound, id);
      assert.ok(
        doctor(broken).some((finding) => finding.id === id),
        id,
      );
    }
  });
});
