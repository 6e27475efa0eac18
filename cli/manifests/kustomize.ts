import { basename, dirname, resolve } from "node:path";
import { isScalar } from "yaml";
import type { Field } from "./field.ts";
import type { Source } from "./source.ts";
import { walk } from "./walk.ts";

/** What tells kustomize, in a patch, what to do with the rest of it (k8s.io/apimachinery `strategicpatch`). */
const DIRECTIVE = /^\$(?:patch$|retainKeys$|setElementOrder\/|deleteFromPrimitiveList\/)/;

const MAY_HAVE_DIRECTIVE = /\$(?:patch|retainKeys|setElementOrder|deleteFromPrimitiveList)\b/;

const FILE = /^(?:kustomization\.ya?ml|Kustomization)$/;

/** Whether a document is one of kustomize's own. One in a file with that name need not say so (`FixKustomizationPostUnmarshalling`). */
export function isKustomization(root: Field): boolean {
  const [version, kind] = [root.text("apiVersion"), root.text("kind")];
  if (version !== undefined && kind !== undefined) return version.startsWith("kustomize.config.k8s.io/");
  return version === undefined && kind === undefined && root.isObject && FILE.test(basename(root.place.file));
}

/** Whether one of its documents may be one of kustomize's own. */
export function mayBeKustomization({ file, text }: Source): boolean {
  return FILE.test(basename(file)) || text.includes("kustomize.config.k8s.io");
}

/** The files that a kustomization names as patches, as it names them. A patch may also be written out in its place. */
export function patchesOf(root: Field): string[] {
  const listed = ["patches", "patchesJson6902"].flatMap((key) => root.items(key).map((patch) => patch.text("path")));
  const merged = root.items("patchesStrategicMerge").map((patch) => patch.text());
  return [...listed, ...merged].filter((path) => path !== undefined && path !== "" && !path.includes("\n")) as string[];
}

/** The same as whole paths. */
export function patchFilesOf(root: Field): string[] {
  return patchesOf(root).map((path) => resolve(dirname(root.place.file), path));
}

/** Whether a document says of itself that it is a patch, which no cluster takes for an object. */
export function hasDirective(root: Field): boolean {
  const { node, origin } = root;
  const [start, , end] = node?.range ?? [0, 0, 0];
  if (!MAY_HAVE_DIRECTIVE.test(origin.text.slice(start, end))) return false;
  return walk(node, { node: (key, isKey) => isKey && isScalar(key) && DIRECTIVE.test(String(key.value)) });
}
