import { basename, dirname, resolve } from "node:path";
import { isNode, isScalar } from "yaml";
import type { Field } from "./field.ts";
import type { Source } from "./source.ts";
import { walk } from "./walk.ts";

/** What tells kustomize, in a patch, what to do with the rest of it (k8s.io/apimachinery `strategicpatch`). */
const DIRECTIVE = /^\$(?:patch$|retainKeys$|setElementOrder\/|deleteFromPrimitiveList\/)/;

const MAY_HAVE_DIRECTIVE = /\$(?:patch|retainKeys|setElementOrder|deleteFromPrimitiveList)\b/;

const FILE = /^(?:kustomization\.ya?ml|Kustomization)$/;

const GROUP = "kustomize.config.k8s.io/";

/** Whether a document is one of kustomize's own. In a file with that name it may leave out either (`FixKustomizationPostUnmarshalling`). */
export function isKustomization(root: Field): boolean {
  const [version, kind] = [root.text("apiVersion"), root.text("kind")];
  if (version !== undefined && kind !== undefined) return version.startsWith(GROUP);
  const isOwn =
    (version ?? GROUP).startsWith(GROUP) && ["Kustomization", "Component"].includes(kind ?? "Kustomization");
  return isOwn && root.isObject && FILE.test(basename(root.place.file));
}

/** Whether one of its documents may be one of kustomize's own. */
export function mayBeKustomization({ file, text }: Source): boolean {
  return FILE.test(basename(file)) || text.includes(GROUP);
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

/** Where objects of Flux have patches for others, not in a text. */
const PATCHES_FOR_OTHERS = "patchesStrategicMerge";

/** Whether a document says of itself that it is a patch, which no cluster takes for an object. */
export function hasDirective(root: Field): boolean {
  const { node, origin } = root;
  const [start, , end] = node?.range ?? [0, 0, 0];
  if (!MAY_HAVE_DIRECTIVE.test(origin.text.slice(start, end))) return false;
  let forOthers = 0;
  return walk(node, {
    pair: ({ key, value }) => {
      if (isScalar(key) && key.value === PATCHES_FOR_OTHERS && isNode(value)) forOthers = value.range?.[2] ?? 0;
      return false;
    },
    node: (key, isKey) =>
      isKey && isScalar(key) && (key.range?.[0] ?? 0) >= forOthers && DIRECTIVE.test(String(key.value)),
  });
}
