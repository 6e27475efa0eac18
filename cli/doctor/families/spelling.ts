import type { Field } from "../../manifests/field.ts";
import type { Resource } from "../../manifests/resource.ts";
import { ANY, EVERY_KEY, ISTIO_KINDS, type Fields, type IstioKind } from "../../mesh/istio-api.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import { Plugin } from "../../mesh/plugin.ts";
import { nearest, slipBetween } from "../../nearest.ts";
import { family, type Report } from "../family.ts";

type Id = "kind-unknown" | "field-unknown";

/** What of Istio an object was probably meant to be; undefined where it is one, or something else altogether. */
function meantKind({ root, kind }: Resource): IstioKind | undefined {
  const apiVersion = root.text("apiVersion") ?? "";
  const [group = "", version] = apiVersion.split("/");
  const near = ISTIO_KINDS.filter(
    (known) => slipBetween(kind, known.kind) !== undefined && slipBetween(group, known.group) !== undefined,
  );
  const isKnown = near.some(
    (known) => known.kind === kind && known.group === group && known.versions.includes(version ?? ""),
  );
  return isKnown ? undefined : near[0];
}

function judgeKind(resource: Resource, report: Report<Id>): void {
  const meant = meantKind(resource);
  if (!meant) return;
  const { root, kind } = resource;
  const apiVersion = root.text("apiVersion") ?? "";
  const [group, version = ""] = apiVersion.split("/");
  const right =
    group === meant.group && meant.versions.includes(version)
      ? apiVersion
      : `${meant.group}/${meant.versions[0] ?? ""}`;
  report(
    "kind-unknown",
    root.placeOf(kind === meant.kind ? "apiVersion" : "kind"),
    `Istio has no kind ${kind} of ${apiVersion}: nothing that concerns it was judged`,
    `did you mean apiVersion: ${right}, kind: ${meant.kind}?`,
  );
}

function judgeFields(field: Field, known: Fields, path: string, report: Report<Id>): void {
  for (const element of field.items()) judgeFields(element, known, `${path}[]`, report);
  for (const [key, value] of field.members()) {
    const below = known[key] ?? known[EVERY_KEY];
    if (below === undefined) {
      const meant = nearest(key, Object.keys(known));
      const remedy =
        meant === undefined ? `take it out; there are ${Object.keys(known).join(", ")}` : `did you mean ${meant}?`;
      report("field-unknown", value.keyPlace, `Istio knows no ${path}.${key}`, remedy);
    } else if (below !== ANY) judgeFields(value, below, `${path}.${key}`, report);
  }
}

/** Plugins that are not this filter's are not judged. */
function isJudged(resource: Resource, mesh: Mesh): boolean {
  return !Plugin.isPlugin(resource) || mesh.plugins.some((plugin) => plugin.resource === resource);
}

export const spelling = family<Id>(
  "Names that Istio does not know",
  {
    "kind-unknown": {
      severity: "error",
      what: "The object's apiVersion or kind is nearly one of Istio's. Kubernetes refuses it, and doctor judges nothing that it says.",
      remedy: "write apiVersion and kind as Istio has them",
    },
    "field-unknown": {
      severity: "error",
      what:
        "Istio's API has no such field. kubectl refuses it; where fields are not validated it is dropped, and the object means something " +
        "else: without its selector a plugin is for every pod of the namespace.",
      remedy: "write the field as Istio has it",
    },
  },
  ({ mesh }, report) => {
    for (const resource of mesh.resources) {
      judgeKind(resource, report);
      const api = ISTIO_KINDS.find(({ kind, group }) => kind === resource.kind && group === resource.group);
      const spec = resource.root.get("spec");
      if (api?.spec && spec && isJudged(resource, mesh)) judgeFields(spec, api.spec, "spec", report);
    }
  },
);
