import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { run } from "../../tools/command.ts";
import { deployTools } from "../../tools/deploy-tools.ts";
import { inRoot } from "../../tools/paths.ts";
import { CHECKS } from "../../cli/doctor/table.ts";
import { doctor } from "../cli/support.ts";
import { ControlPlane } from "./control-plane.ts";

describe("kubectl get all", () => {
  let plane: ControlPlane;

  before(async () => {
    plane = await ControlPlane.start();
    const { kustomize } = await deployTools();
    const { stdout } = await run(kustomize, ["build", inRoot("deploy", "nats")]);
    await plane.makeNamespaces(["messaging"]);
    await plane.must("apply", "--server-side", "-f", plane.file("nats.yaml", stdout));
  });
  after(() => plane.stop());

  it("gives nothing of Istio, and doctor takes nothing for missing", async () => {
    const all = await plane.must("get", "all", "--all-namespaces", "-o", "yaml");
    assert.match(all, /^ {2}kind: StatefulSet$/m);
    assert.doesNotMatch(all, /istio\.io\/v1|kind: (?:ConfigMap|Namespace)$/m);
    assert.deepEqual(
      doctor(all).map(({ id }) => id),
      ["cluster-not-asked"],
    );
  });

  it("with what doctor says is asked for besides gives all that doctor judges", async () => {
    const { remedy } = CHECKS.get("cluster-not-asked") ?? {};
    const command = typeof remedy === "object" ? remedy.by : "";
    assert.match(command, /^kubectl /);
    const asked = await plane.must(...command.split(" ").slice(1));
    // What the manifest itself is told: it is in DRY_RUN, and names an example's image.
    assert.deepEqual(
      doctor(asked)
        .map(({ id }) => id)
        .sort(),
      ["image-placeholder", "policy-dry-run"],
    );
  });
});
