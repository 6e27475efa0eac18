import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parseAllDocuments } from "yaml";
import { FORMS, KINDS, writeManifests } from "../../tools/image-manifests.ts";
import { inRoot } from "../../tools/paths.ts";
import { CHART, Chart, DIGEST } from "../deploy/chart.ts";
import { manifestsIn, manifestsOf, only } from "../deploy/manifests.ts";
import { ControlPlane } from "./control-plane.ts";
import { assertHolds, saidOf } from "./read-back.ts";

const DEPLOY = inRoot("deploy");

/** The folders and files below deploy/ that kubectl can be given: the chart is helm's, and a file of a kustomization is a part. */
const BELOW = readdirSync(DEPLOY, { recursive: true, encoding: "utf8" }).filter((file) => !file.startsWith("chart/"));
const KUSTOMIZATIONS = BELOW.filter((file) => /^kind: Kustomization$/m.test(textOf(join(file, "kustomization.yaml"))));
const FILES = BELOW.filter(
  (file) =>
    file.endsWith(".yaml") &&
    !existsSync(join(DEPLOY, dirname(file), "kustomization.yaml")) &&
    parseAllDocuments(textOf(file)).every((document) => document.has("apiVersion")),
);

function textOf(file: string): string {
  const path = join(DEPLOY, file);
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

describe("kube-apiserver", () => {
  const chart = Chart.ofSuite();
  let plane: ControlPlane;

  before(async () => {
    plane = await ControlPlane.start();
  });
  after(() => plane.stop());

  /** The objects as they are in the cluster, without what another manager's ownership changes of them. */
  async function readBack(given: readonly string[]): Promise<string> {
    return (await plane.must("get", ...given, "-o", "yaml")).replace(/^ *resourceVersion: .*\n/gm, "");
  }

  /** Applies for real what kubectl is given, whose text is `text`, and removes it again. */
  async function assertTaken(given: readonly string[], text: string): Promise<void> {
    const manifests = manifestsIn(text);
    await plane.makeNamespaces(manifests.map(({ metadata }) => metadata.namespace ?? "default"));
    await plane.mustQuietly("apply", "--server-side", "--field-manager=first", ...given);
    const back = await readBack(given);
    assertHolds(back, manifests);
    assert.deepEqual(saidOf(back), saidOf(text));
    await plane.mustQuietly("apply", "--server-side", "--field-manager=second", ...given);
    assert.equal(await readBack(given), back, "the second manager changes nothing");
    await plane.must("delete", ...given);
  }

  const TAKES = "without a warning, also from a second manager, and doctor judges it there as it judges the file";

  it("has been given what deploy/ has", () => {
    for (const form of FORMS)
      assert.ok(KUSTOMIZATIONS.includes(form) && KUSTOMIZATIONS.includes(`trafficextension/${form}`));
    for (const file of ["allow-clients.yaml", "telemetry.yaml", "rollouts/argo-analysis-template.yaml"])
      assert.ok(FILES.includes(file), file);
  });

  for (const file of FILES) {
    it(`takes deploy/${file} ${TAKES}`, async () => {
      await assertTaken(["-f", join(DEPLOY, file)], textOf(file));
    });
  }

  for (const folder of KUSTOMIZATIONS) {
    it(`takes deploy/${folder} ${TAKES}`, async () => {
      await assertTaken(["-k", join(DEPLOY, folder)], await plane.must("kustomize", join(DEPLOY, folder)));
    });
  }

  it(`takes the manifests of npm run image ${TAKES}`, async () => {
    const folder = await writeManifests("registry.example/istio-nats", DIGEST, join(plane.folder, "manifests"));
    for (const name of readdirSync(folder)) {
      const file = join(folder, name);
      await assertTaken(["-f", file], readFileSync(file, "utf8"));
    }
  });

  for (const form of FORMS.filter((one) => one !== "nats")) {
    it(`takes the chart's form ${form} ${TAKES}`, async () => {
      const { metadata, spec } = only(await manifestsOf(form), "WasmPlugin");
      for (const kind of KINDS) {
        const values = { kind, policy: spec["pluginConfig"] };
        const files = [join(CHART, "ci", `${form}-values.yaml`)];
        const { status, output } = await chart.template(values, metadata.namespace, files);
        assert.equal(status, 0, output);
        await assertTaken(["-f", plane.file(`${form}-${kind}.yaml`, output)], output);
      }
    });
  }

  it("takes the patch of deploy/stats-tags.yaml for the StatefulSet", async () => {
    const nats = ["-k", join(DEPLOY, "nats")];
    await plane.makeNamespaces(["messaging"]);
    await plane.must("apply", "--server-side", ...nats);
    const patch = ["--patch-file", join(DEPLOY, "stats-tags.yaml")];
    await plane.mustQuietly("-n", "messaging", "patch", "statefulset", "nats", ...patch);
    assert.match(await readBack(nats), /^ +sidecar\.istio\.io\/extraStatTags: reporter,/m);
    await plane.must("delete", ...nats);
  });
});
