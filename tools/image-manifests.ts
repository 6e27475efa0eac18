import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { kustomized } from "./deploy-tools.ts";
import { Fault } from "./fault.ts";
import { inRoot } from "./paths.ts";

/** The kustomizations that hold a filter, as folders of deploy/ and of deploy/trafficextension/. */
export const FORMS = ["sidecar", "nats", "waypoint", "egress", "client"] as const;
export const KINDS = ["WasmPlugin", "TrafficExtension"] as const;

export type Form = (typeof FORMS)[number];
export type Kind = (typeof KINDS)[number];

/** What stands in the manifests for an image that nobody has pushed yet. It can be pulled from nowhere. */
export const PLACEHOLDER = `oci://registry.example/istio-nats@sha256:${"0".repeat(64)}`;

export const MANIFESTS_FOLDER = inRoot("build", "manifests");

/** The manifests of a form as YAML, with the placeholder for the image. */
export function renderForm(form: Form, kind: Kind): Promise<string> {
  return kustomized(kind === "WasmPlugin" ? `deploy/${form}` : `deploy/trafficextension/${form}`);
}

/**
 * Writes every form in both kinds, with the image named by `repository` and `digest`, as `<form>-<kind>.yaml` to
 * build/manifests.
 */
export async function writeManifests(repository: string, digest: string): Promise<string> {
  rmSync(MANIFESTS_FOLDER, { recursive: true, force: true });
  mkdirSync(MANIFESTS_FOLDER, { recursive: true });
  for (const form of FORMS) {
    for (const kind of KINDS) {
      const parts = (await renderForm(form, kind)).split(PLACEHOLDER);
      if (parts.length !== 2) throw new Fault(`deploy/${form} must name the image once, as ${PLACEHOLDER}`);
      const file = join(MANIFESTS_FOLDER, `${form}-${kind.toLowerCase()}.yaml`);
      writeFileSync(file, parts.join(`oci://${repository}@${digest}`));
    }
  }
  return MANIFESTS_FOLDER;
}
