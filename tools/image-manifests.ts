import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { kustomized } from "./deploy-tools.ts";
import { Fault } from "./fault.ts";
import { inRoot } from "./paths.ts";

/** The kustomizations that contain a filter, as folders of deploy/ and of deploy/trafficextension/. */
export const FORMS = ["sidecar", "nats", "waypoint", "egress", "client"] as const;
export const KINDS = ["WasmPlugin", "TrafficExtension"] as const;

export type Form = (typeof FORMS)[number];
export type Kind = (typeof KINDS)[number];

/** The placeholder in the manifests for an image that nobody has pushed yet. It cannot be pulled from anywhere. */
export const PLACEHOLDER = `oci://registry.example/istio-nats@sha256:${"0".repeat(64)}`;

const MANIFESTS_FOLDER = inRoot("build", "manifests");

/** The manifests of a form as YAML, with the placeholder for the image. */
export function renderForm(form: Form, kind: Kind): Promise<string> {
  return kustomized(kind === "WasmPlugin" ? `deploy/${form}` : `deploy/trafficextension/${form}`);
}

/** The texts of a form's objects: the filter, and the objects around it. */
function parted(manifests: string, kind: Kind): { filter: string; surroundings: string[] } {
  const texts = manifests.split(/^---\n/m);
  const [filter, ...others] = texts.filter((text) => (parse(text) as { kind: string }).kind === kind);
  if (filter === undefined || others.length > 0) throw new Fault(`a form must have exactly one ${kind}`);
  return { filter, surroundings: texts.filter((text) => text !== filter) };
}

/**
 * Writes every form to build/manifests, with the image named by `repository` and `digest`. The filter becomes `<form>-<kind>.yaml`.
 * The objects around it go into a separate file, because they replace objects of the same name and cut clients off.
 */
export async function writeManifests(repository: string, digest: string): Promise<string> {
  rmSync(MANIFESTS_FOLDER, { recursive: true, force: true });
  mkdirSync(MANIFESTS_FOLDER, { recursive: true });
  const write = (name: string, text: string): void => writeFileSync(join(MANIFESTS_FOLDER, `${name}.yaml`), text);
  for (const form of FORMS) {
    for (const kind of KINDS) {
      const { filter, surroundings } = parted(await renderForm(form, kind), kind);
      const parts = filter.split(PLACEHOLDER);
      if (parts.length !== 2) throw new Fault(`deploy/${form} must name the image once, as ${PLACEHOLDER}`);
      write(`${form}-${kind.toLowerCase()}`, parts.join(`oci://${repository}@${digest}`));
      if (surroundings.length > 0) write(`${form}-surroundings`, surroundings.join("---\n"));
    }
  }
  return MANIFESTS_FOLDER;
}
