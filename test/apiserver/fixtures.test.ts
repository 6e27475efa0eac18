import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { stringify } from "yaml";
import type { Outcome } from "../../tools/command.ts";
import { manifestsIn, type Manifest } from "../deploy/manifests.ts";
import { FIXTURES, fixture } from "../cli/fixture.ts";
import { ControlPlane } from "./control-plane.ts";
import { assertHolds, saidOf } from "./read-back.ts";

const CLUSTER_WIDE = ["Namespace", "GatewayClass"];

interface PodSpec {
  containers?: Container[];
  initContainers?: Container[];
  restartPolicy?: string;
}

interface Container {
  name?: string;
  image?: string;
}

interface Template {
  metadata?: { labels?: Record<string, string> };
  spec?: PodSpec;
}

/** What of a fixture's object may be there. */
interface Sparse {
  metadata: { name?: string; namespace?: string };
  spec?: PodSpec & {
    template?: Template;
    jobTemplate?: { spec?: { template?: Template } };
    selector?: unknown;
    schedule?: unknown;
    gatewayClassName?: unknown;
    listeners?: unknown[];
  };
}

/** The object with what Kubernetes wants of it and doctor does not read: fixtures say no more than they must. */
function completed(object: Manifest): Manifest {
  const { kind, apiVersion } = object;
  const { metadata, spec } = object as Sparse;
  metadata.name ??= "nameless";
  if (!CLUSTER_WIDE.includes(kind)) metadata.namespace ??= "default";
  if (!spec) return object;
  if (kind === "Pod") completePod(spec);
  if (kind === "CronJob") spec.schedule ??= "@daily";
  const template = kind === "CronJob" ? spec.jobTemplate?.spec?.template : spec.template;
  if (template?.spec) {
    completePod(template.spec);
    if (kind.endsWith("Job")) template.spec.restartPolicy ??= "Never";
    else {
      const labels = ((template.metadata ??= {}).labels ??= { app: "nameless" });
      spec.selector ??= { matchLabels: { ...labels } };
    }
  }
  if (kind === "Gateway" && apiVersion.startsWith("gateway.networking.k8s.io/")) {
    spec.gatewayClassName ??= "istio-waypoint";
    if (!spec.listeners?.length) spec.listeners = [{ name: "mesh", port: 15008, protocol: "HBONE" }];
  }
  return object;
}

function completePod(pod: PodSpec): void {
  pod.containers ??= [{}];
  for (const [index, container] of [...pod.containers, ...(pod.initContainers ?? [])].entries()) {
    container.name ??= `c${index}`;
    container.image ??= "image";
  }
}

/** Kinds that stand beside others in fixtures, and whose CRDs are in no Go module that is pinned here. */
const NOT_SERVED = ["ApplicationSet", "IstioOperator"];

/**
 * What the server says of the fixtures that it refuses. Of each doctor has an error, unless there is a reason. Of several unknown
 * fields in one object the server names some, and not always the same.
 */
const REFUSED: Record<string, { by: RegExp; whyQuiet?: string }> = {
  "authorization-action-unknown/bad": { by: /spec\.action: Unsupported value: "deny"/ },
  "digest-not-manifest/bad": { by: /spec\.sha256 in body should match/ },
  "fail-strategy-unknown/bad": { by: /spec\.failStrategy: Unsupported value/ },
  "field-type/bad": { by: /\.spec\.mtls: expected map/ },
  "field-unknown/bad": { by: /\(shop\/shop; \/v1, Kind=ConfigMap\): \.date: field not declared in schema/ },
  "field-unknown/good": { by: /ofALaterKubernetes: field not declared/, whyQuiet: "fields of later releases" },
  "image-missing/bad": { by: /spec\.url: Required value/ },
  "image-scheme-unknown/bad": { by: /url must have schema one of/ },
  "image-url-malformed/bad": { by: /url must have schema one of/ },
  "kind-unknown/bad": { by: /no matches for kind "WasmPlugins"/ },
  "kind-unknown/good": {
    by: /no matches for kind "StatefulSet" in version "apps\.kruise/,
    whyQuiet: "kinds of others",
  },
  "label-malformed/bad": { by: /a valid label key must consist of/ },
  "match-port-twice/bad": { by: /duplicate entries for key \[number=4222\]/ },
  "mode-unknown/bad": { by: /spec\.match\[0\]\.mode: Unsupported value: "INBOUND"/ },
  "mtls-mode-unknown/bad": { by: /spec\.mtls\.mode: Unsupported value: "strict"/ },
  "name-malformed/bad": { by: /metadata\.name: Invalid value: "nats_strict"/ },
  "not-rendered/bad": { by: /no matches for kind "HelmRelease"/, whyQuiet: "kinds of Flux and Argo CD" },
  "not-rendered/good": { by: /no matches for kind "HelmRelease"/, whyQuiet: "kinds of Flux and Argo CD" },
  "phase-unknown/bad": { by: /spec\.phase: Unsupported value: "UNSPECIFIED"/ },
  "port-malformed/bad": { by: /number in body should be less than or equal to 65535/ },
  "port-mtls-without-selector/bad": { by: /portLevelMtls requires selector/ },
  "port-not-tcp/bad": { by: /spec\.servers\[0\]\.port\.protocol: Required value/ },
  "selector-and-target-refs/bad": { by: /only one of targetRefs or selector can be set/ },
  "selector-void/bad": { by: /matchLabels\.tier in body must be of type string: "null"/ },
  "service-port-name/bad": { by: /spec\.ports\[0\]\.name: Invalid value: "TCP-client"/ },
  "service-port-name/good": { by: /Invalid value: "\$\{NAME\}"/, whyQuiet: "a variable that Flux replaces before" },
  "target-ref-namespace/bad": { by: /cross namespace referencing is not currently supported/ },
  "value-unknown/bad": { by: /spec\.imagePullPolicy: Unsupported value: "Allways"/ },
};

/** Fixtures of which doctor says something else when they are read back. */
const CHANGED: Record<string, string> = {
  "object-twice/bad": "of one object in two files the server has one",
};

function textOf(manifests: readonly Manifest[]): string {
  return manifests.map((manifest) => `---\n${stringify(manifest, { version: "1.1" })}`).join("");
}

describe("kube-apiserver and doctor's fixtures", () => {
  let plane: ControlPlane;

  before(async () => {
    plane = await ControlPlane.start();
  });
  after(() => plane.stop());

  /** The server does everything except keep the objects, so that fixtures do not get into each other's way. */
  async function dryRun(manifests: readonly Manifest[]): Promise<Outcome> {
    const namespaces = manifests.map(({ metadata }) => metadata.namespace ?? "default");
    await plane.makeNamespaces(namespaces.filter((name) => /^[a-z-]+$/.test(name)));
    const file = plane.file("fixture.yaml", textOf(manifests));
    return plane.kubectl("apply", "--server-side", "--dry-run=server", "-o", "yaml", "-f", file);
  }

  // No server takes what another one has given back, with its uids; get-all.test.ts asks this one.
  for (const id of readdirSync(FIXTURES).filter((name) => name !== "cluster-not-asked")) {
    for (const which of ["bad", "good"] as const) {
      const name = `${id}/${which}`;
      const refused = REFUSED[name];
      const changed = CHANGED[name];
      const happens = refused
        ? "is refused"
        : changed
          ? `is changed: ${changed}`
          : "is judged the same when it is read back";
      it(`${name} ${happens}`, async () => {
        const all = manifestsIn(fixture(id, which)).map(completed);
        const given = all.filter(({ kind }) => !NOT_SERVED.includes(kind));
        const beside = textOf(all.filter(({ kind }) => NOT_SERVED.includes(kind)));
        const said = saidOf(textOf(given) + beside);
        const { status, output, stdout } = await dryRun(given);
        if (refused) {
          assert.notEqual(status, 0, output);
          assert.match(output, refused.by);
          const hasError = said.some((one) => one.startsWith("error "));
          assert.equal(hasError, refused.whyQuiet === undefined, said.join("\n"));
          return;
        }
        assert.equal(status, 0, output);
        assertHolds(stdout, given);
        const back = saidOf(stdout + beside);
        if (changed) assert.notDeepEqual(back, said);
        else assert.deepEqual(back, said);
      });
    }
  }

  it("has no other fixtures in the lists of those that it refuses or changes", () => {
    const all = readdirSync(FIXTURES).flatMap((id) => [`${id}/bad`, `${id}/good`]);
    assert.deepEqual(
      [...Object.keys(REFUSED), ...Object.keys(CHANGED)].filter((name) => !all.includes(name)),
      [],
    );
  });
});
