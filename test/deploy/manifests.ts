import { isDeepStrictEqual } from "node:util";
import { parseAllDocuments } from "yaml";
import { renderForm, type Form, type Kind } from "../../tools/image-manifests.ts";

/** A Kubernetes object, as far as all of them have the same shape. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  spec: Record<string, unknown>;
}

/** The objects of a YAML text. */
export function manifestsIn(text: string): Manifest[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0]!;
    const manifest = document.toJS() as Manifest | null;
    return manifest ? [manifest] : [];
  });
}

/** The objects that kustomize makes of a form. */
export async function manifestsOf(form: Form, kind: Kind = "WasmPlugin"): Promise<Manifest[]> {
  return manifestsIn(await renderForm(form, kind));
}

/** `Service messaging/nats`: what distinguishes one object from another. */
export function nameOf({ kind, metadata }: Manifest): string {
  return `${kind} ${metadata.namespace ?? ""}/${metadata.name}`;
}

/** The only object of a kind, or of a kind and a name. */
export function only(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.filter((one) => one.kind === kind && (name === undefined || one.metadata.name === name));
  if (found.length !== 1) throw new Error(`${found.length} of ${kind} ${name ?? ""}: ${manifests.map(nameOf).join()}`);
  return found[0]!;
}

export function selects(selector: Record<string, string>, labels: Record<string, string>): boolean {
  return Object.entries(selector).every(([key, value]) => isDeepStrictEqual(labels[key], value));
}
