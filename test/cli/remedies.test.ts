import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { family } from "../../cli/doctor/family.ts";
import { CHECKS } from "../../cli/doctor/table.ts";
import { readManifests } from "../../cli/manifests/read.ts";
import { remedyText } from "../../cli/manifests/rendering.ts";
import { Mesh } from "../../cli/mesh/mesh.ts";
import { inRoot } from "../../tools/paths.ts";
import { doctor, filter, istioNats, sourceOf } from "./support.ts";

describe("a remedy", () => {
  it("names the command that was asked, and leaves what the files say as it is", () => {
    const allow = "a, b | istio-nats doctor -";
    const policy = `trustDomains: [a]\nrules: [{name: r, from: [{namespaces: [b]}], publish: {allow: "${allow}"}}]\n`;
    const { output } = istioNats(["check", "-"], policy);
    assert.ok(output.includes(`\n    write each as an element of its own: ["a", "b | istio-nats doctor -"]\n`), output);
  });

  it("that is a case's own is not taken for the general one of its check, whatever its words", () => {
    const place = { file: "a.yaml", line: 1, column: 1 };
    const check = { severity: "error", what: "", remedy: "give it", missing: "a file" } as const;
    const absent = family("", { absent: check }, (_, report) => {
      report("absent", place, "the general one");
      report("absent", place, "its own", "it is there; give it");
    });
    const manifests = readManifests(sourceOf("a: [1"), "default");
    const mesh = new Mesh([], { rootNamespace: "istio-system" });
    const remedies = absent.examine({ command: "doctor", mesh, manifests, filter }).map(({ remedy }) => remedy);
    assert.deepEqual(remedies, [
      "look at a.yaml:1:6 first, which could not be judged and may hold it; otherwise give it",
      "it is there; give it",
    ]);
  });

  it("for a policy in DRY_RUN names both counters of what ENFORCE would change, and the alert on each", () => {
    const remedy = remedyText(CHECKS.get("policy-dry-run")!.remedy, "doctor");
    for (const name of ["istio_nats_dry_run_refusals_total", "istio_nats_protocol_errors_total"]) {
      assert.ok(remedy.includes(name), remedy);
    }
    const alerts = remedy.match(/NATS\w+/g) ?? [];
    const rules = readFileSync(inRoot("deploy", "alerts", "istio-nats.rules.yaml"), "utf8");
    assert.equal(alerts.length, 2);
    for (const alert of alerts) assert.ok(rules.includes(`- alert: ${alert}\n`), alert);
  });

  it("for a url that cannot be read is the url that can, and the template where one has left a gap", () => {
    const remedyOf = (url: string): string | undefined => {
      const spec = { type: "NETWORK", url, pluginConfig: { rules: [] } };
      const metadata = { name: "istio-nats", namespace: "messaging" };
      const plugin = { apiVersion: "extensions.istio.io/v1alpha1", kind: "WasmPlugin", metadata, spec };
      const found = doctor(JSON.stringify(plugin)).filter(({ id }) => /^image-url|^digest/.test(id));
      assert.deepEqual(
        found.map(({ id }) => id),
        ["image-url-malformed"],
      );
      return found[0]?.remedy;
    };
    assert.equal(remedyOf("10.0.0.1:5000/istio-nats"), "write url: oci://10.0.0.1:5000/istio-nats");
    // What `url: |` ends with.
    const pinned = `registry.test/istio-nats@sha256:${"4f1a2c9d".repeat(8)}`;
    assert.equal(remedyOf(`${pinned}\n`), `write url: ${pinned}`);
    assert.equal(remedyOf("10.0.0.1:5000/istio-nats\n"), "write url: oci://10.0.0.1:5000/istio-nats");
    assert.equal(remedyOf("oci://a b/istio-nats"), "write url: oci://REGISTRY/NAME@sha256:DIGEST");
    const unrendered = "render the template first, and give the result";
    assert.equal(remedyOf("oci://{{ .Values.registry }}/istio-nats"), unrendered);
    const rendered = "give the template the value that is missing here, and render it again";
    assert.equal(remedyOf("<no value>:5000/istio-nats"), rendered);
  });
});
