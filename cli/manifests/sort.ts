import { dirname } from "node:path";
import { named } from "../named.ts";
import type { Field } from "./field.ts";
import { hasDirective, isKustomization, patchesOf, patchFilesOf } from "./kustomize.ts";
import type { Manifests, ReadProblem } from "./manifests.ts";
import { Resource } from "./resource.ts";
import { isPatchOfSelector } from "./selector-path.ts";
import type { Reader } from "./unlike-kubernetes.ts";
import { LIST } from "./yaml-faults.ts";

/** Whether a document is meant as an object, but lacks its `apiVersion` or its `kind`. Chart values have a `kind` too. */
export function isIncomplete(root: Field): boolean {
  const isThere = (key: string): boolean => root.text(key) !== undefined;
  return isThere("kind") !== isThere("apiVersion") && root.get("metadata")?.isObject === true;
}

function incompleteness(root: Field): ReadProblem {
  const kind = root.text("kind");
  const [missing, written] = kind === undefined ? ["kind", "apiVersion"] : ["apiVersion", "kind"];
  return {
    kind: "object-incomplete",
    place: root.placeOf(written),
    message: `an object with ${written}: ${root.text(written) ?? ""} has no ${missing}, so kubectl refuses it`,
    ...(kind === "WasmPlugin" || kind === "TrafficExtension"
      ? { remedy: "write apiVersion: extensions.istio.io/v1alpha1" }
      : {}),
  };
}

/** An array of objects, which `jq '.items'` and the like write. */
function isArrayOfObjects(root: Field): boolean {
  const items = root.items();
  return (
    items.length > 0 && items.every((item) => item.text("apiVersion") !== undefined && item.text("kind") !== undefined)
  );
}

/** Puts a document where it belongs. Lists are unpacked, because `kubectl get -o yaml` returns one. */
export function sort(root: Field, defaultNamespace: string, reader: Reader, into: Manifests): void {
  const kind = root.text("kind");
  if (isArrayOfObjects(root)) {
    const message = `${reader} refuses a list of objects without an object of kind List around it`;
    into.problems.push({ kind: "syntax", place: root.place, message, remedy: `put them into one, by jq ${LIST}` });
  } else if (isKustomization(root)) {
    into.problems.push(problemOfKustomization(root));
    into.patchFiles.push(...patchFilesOf(root));
  } else if (kind === undefined || root.text("apiVersion") === undefined) {
    into.others.push(root);
    if (isIncomplete(root)) into.problems.push(incompleteness(root));
  } else if (kind.endsWith("List") && root.get("items")) {
    for (const item of root.items("items")) sort(item, defaultNamespace, reader, into);
  } else sortObject(new Resource(root, defaultNamespace), into);
}

function sortObject(resource: Resource, into: Manifests): void {
  const { root } = resource;
  if (!hasDirective(root) && !isPatchOfSelector(resource)) into.resources.push(resource);
  // Where the kustomization lies that names it, it does not say.
  else if (!into.problems.some(({ message }) => message === OF_PATCH))
    into.problems.push({ kind: "kustomization", place: root.place, message: OF_PATCH });
}

const OF_PATCH = "a patch of kustomize is not judged";

function problemOfKustomization(root: Field): ReadProblem {
  const { place } = root;
  // kustomize renders a component by itself to nothing, and says nothing of it.
  const [what, folder] =
    root.text("kind") === "Component"
      ? ["a component of kustomize", "FOLDER-OF-A-KUSTOMIZATION-THAT-NAMES-IT"]
      : ["a kustomization", dirname(place.file)];
  const remedy = { by: `kubectl kustomize ${folder}` };
  const patches = patchesOf(root);
  const besides = patches.length > 0 ? `, and no patch that it names (${named(patches)})` : "";
  return { kind: "kustomization", place, message: `${what} is not judged${besides}`, remedy };
}
