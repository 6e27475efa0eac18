import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { kustomized } from "./deploy-tools.ts";
import { Fault } from "./fault.ts";
import { inRoot } from "./paths.ts";
import { notice } from "./progress.ts";

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

/** The texts of all files by name, with the image named by `repository` and `digest`. */
async function manifestFiles(repository: string, digest: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const form of FORMS) {
    for (const kind of KINDS) {
      const { filter, surroundings } = parted(await renderForm(form, kind), kind);
      const parts = filter.split(PLACEHOLDER);
      if (parts.length !== 2) throw new Fault(`deploy/${form} must name the image once, as ${PLACEHOLDER}`);
      files.set(`${form}-${kind.toLowerCase()}.yaml`, parts.join(`oci://${repository}@${digest}`));
      if (surroundings.length > 0) files.set(`${form}-surroundings.yaml`, surroundings.join("---\n"));
    }
  }
  return files;
}

/** Whether a folder holds something else than these files, whatever image they name: most likely somebody's own rules. */
function isEdited(folder: string, files: ReadonlyMap<string, string>): boolean {
  const rest = (text: string | undefined): string | undefined => text?.replace(/oci:\/\/\S+/g, "");
  return readdirSync(folder, { withFileTypes: true }).some(
    (entry) => !entry.isFile() || rest(readFileSync(join(folder, entry.name), "utf8")) !== rest(files.get(entry.name)),
  );
}

function setAside(folder: string): void {
  let number = 1;
  while (existsSync(`${folder}.${number}`)) number++;
  renameSync(folder, `${folder}.${number}`);
  notice(`${folder} was edited. What it held is in ${folder}.${number} now.`);
}

/**
 * Writes every form to build/manifests, with the image named by `repository` and `digest`. The filter becomes `<form>-<kind>.yaml`.
 * The objects around it go into a separate file, because they replace objects of the same name and cut clients off. What somebody
 * has edited there is set aside.
 */
export async function writeManifests(
  repository: string,
  digest: string,
  folder: string = MANIFESTS_FOLDER,
): Promise<string> {
  const files = await manifestFiles(repository, digest);
  if (existsSync(folder) && isEdited(folder, files)) setAside(folder);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
  return folder;
}
