import type { Field } from "../../manifests/field.ts";
import type { Resource } from "../../manifests/resource.ts";
import { isFilledIn } from "../../manifests/unfilled.ts";
import { ISTIO_KINDS, OBJECT, type ApiKind, type Shape } from "../../mesh/istio-api.ts";
import { KUBERNETES_KINDS } from "../../mesh/kubernetes-api.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import { isPolicy, Plugin } from "../../mesh/plugin.ts";
import { nearest, slipBetween } from "../../nearest.ts";
import { POLICY_KEYS, POLICY_MODES } from "../../policy/policy-keys.ts";
import { family, type Report } from "../family.ts";

type Id = "kind-unknown" | "field-unknown" | "field-type" | "value-unknown";

const KINDS: readonly ApiKind[] = [...ISTIO_KINDS, ...KUBERNETES_KINDS];

/** `["apps", "v1"]` of `apps/v1`, `["", "v1"]` of `v1`, which is the core's. A group's name may be there without its version. */
function apiOf(apiVersion: string): [group: string, version: string] {
  const [first = "", version] = apiVersion.split("/");
  return version === undefined && !first.includes(".") ? ["", first] : [first, version ?? ""];
}

const OF_ISTIO = /(?:^|\.)istio\.io$/;

/**
 * Whether one group may have been meant as the other. Groups without a dot are all Kubernetes' own: it refuses a CRD in such a
 * group (k8s.io/apiextensions-apiserver, `ValidateCustomResourceDefinitionSpec`). Istio's share their end.
 */
function mayMean(group: string, known: string): boolean {
  if (!group.includes(".") && !known.includes(".")) return true;
  if (OF_ISTIO.test(group) && OF_ISTIO.test(known)) return true;
  return slipBetween(group, known) !== undefined;
}

/** The kind that an object was probably meant to be; undefined if it is one, or is not like any that doctor reads. */
function meantKind({ root, kind }: Resource): ApiKind | undefined {
  const [group, version] = apiOf(root.text("apiVersion") ?? "");
  const near = KINDS.flatMap((known) => {
    const edits = mayMean(group, known.group) ? slipBetween(kind, known.kind) : undefined;
    return edits === undefined ? [] : [{ known, edits }];
  });
  const isKnown = near.some(
    ({ known }) => known.kind === kind && known.group === group && known.versions.includes(version),
  );
  return isKnown ? undefined : near.sort((a, b) => a.edits - b.edits)[0]?.known;
}

function judgeKind(resource: Resource, mesh: Mesh, report: Report<Id>): void {
  const meant = meantKind(resource);
  if (!meant) return;
  const { root, kind } = resource;
  const apiVersion = root.text("apiVersion") ?? "";
  const [group, version] = apiOf(apiVersion);
  const right =
    group === meant.group && meant.versions.includes(version)
      ? apiVersion
      : [meant.group, meant.versions[0] ?? ""].filter((part) => part !== "").join("/");
  // Checks find objects by group and kind, so one with a wrong version is judged all the same; what makes pods, by its kind.
  const isJudged =
    (group === meant.group && kind === meant.kind) || mesh.workloads.some((workload) => workload.resource === resource);
  const api = ISTIO_KINDS.some((known) => known === meant) ? "Istio" : "Kubernetes";
  report(
    "kind-unknown",
    root.placeOf(kind === meant.kind ? "apiVersion" : "kind"),
    `${api} has no kind ${kind} in ${apiVersion}${isJudged ? "" : ", so the object was not judged"}`,
    `did you mean apiVersion: ${right}, kind: ${meant.kind}?`,
  );
}

/** Fields of the two kinds that are called Gateway, each with the API that has it. Kubernetes refuses one in the other's. */
const OF_GATEWAYS: readonly [field: string, group: string, apiVersion: string][] = [
  ["gatewayClassName", "gateway.networking.k8s.io", "gateway.networking.k8s.io/v1"],
  ["servers", "networking.istio.io", "networking.istio.io/v1"],
];

/** A Gateway in the API of the other kind of this name. */
function judgeGateway({ root, kind, group }: Resource, report: Report<Id>): void {
  if (kind !== "Gateway" || !OF_GATEWAYS.some(([, known]) => known === group)) return;
  for (const [name, own, apiVersion] of OF_GATEWAYS) {
    const field = root.get("spec", name);
    if (!field || own === group) continue;
    const message = `a Gateway of ${root.text("apiVersion") ?? group} has no field spec.${name}`;
    report("field-unknown", field.keyPlace, message, `write apiVersion: ${apiVersion}, which has it`);
  }
}

/** Enumerations that have a more specific check of their own. */
const JUDGED_ELSEWHERE = /\.(?:phase|type|failStrategy|mode|action)$/;

/**
 * Rules of the mesh's traffic, which have most fields, get more with each Istio, and are mostly about other applications than
 * NATS: a field that is like none is left to Istio.
 */
const OF_TRAFFIC = "networking.istio.io";

/** Of a policy that is no object the filter itself says so (`policy-fault`). */
const POLICY = /^spec\.(?:wasm\.)?pluginConfig$/;

const A: Record<Field["type"] | Shape["type"], string> = {
  any: "anything",
  string: "a string",
  integer: "a whole number",
  number: "a number with a fraction",
  boolean: "a boolean",
  array: "a list",
  object: "an object",
  port: "a number or the name of a port",
  null: "nothing",
};

/** The only field of an object, if a value of this type is what belongs into it. */
function onlyField(fields: Readonly<Record<string, Shape>>, type: Field["type"]): string | undefined {
  const [[name, shape] = [], ...others] = Object.entries(fields);
  return others.length === 0 && shape?.type === type ? name : undefined;
}

/** Texts that are values of other types without their quotes. */
const UNQUOTED = { integer: /^\d+$/, number: /^\d+(?:\.\d+)?$/, boolean: /^(?:true|false)$/ };

/** How to write the value so that it has the expected type, where that is clear. */
function typeRemedy(field: Field, shape: Shape): string | undefined {
  const { type } = shape;
  const text = field.text();
  if (type === "object") {
    if (text?.trimStart().startsWith("{") === true && field.block === undefined)
      return "write the object itself, without quotes around it";
    if (field.block !== undefined) return `remove the ${field.block} after the key, which makes a text of what follows`;
    const only = onlyField(shape.fields ?? {}, field.type);
    return only === undefined || text === undefined ? undefined : `write ${only}: ${text}`;
  }
  if (type === "string")
    return text === undefined ? undefined : `write it in quotes: "${field.misleading?.written ?? text}"`;
  if (type === "array") return "write it as a list, with a dash before each element";
  const form = UNQUOTED[type === "number" || type === "boolean" ? type : "integer"];
  return text !== undefined && form.test(text) ? `write ${text} without quotes` : undefined;
}

/** Whether it is a key of a policy that a plugin does not have: `mode` is a key of both. */
function isOfPolicy(key: string, value: Field): boolean {
  return POLICY_KEYS.includes(key) && (key !== "mode" || POLICY_MODES.includes(value.text() ?? ""));
}

/** The path below which a shape has such a field: the one that is least deep. */
function homeOf(shape: Shape, path: string, isAtHome: (name: string) => boolean): string | undefined {
  let level = [{ shape, path }];
  while (level.length > 0) {
    const objects = level.map((one) =>
      one.shape.type === "array" ? { shape: one.shape.items, path: `${one.path}[]` } : one,
    );
    const members = objects.flatMap(({ shape: of, path: at }) =>
      Object.entries((of.type === "object" ? of.fields : undefined) ?? {}).map(([name, below]) => ({
        at,
        name,
        below,
      })),
    );
    const home = members.find(({ name }) => isAtHome(name));
    if (home) return home.at;
    level = members.map(({ at, name, below }) => ({ shape: below, path: `${at}.${name}` }));
  }
  return undefined;
}

/** Whose fields are judged, and to whom they are reported. */
interface Judging {
  spec: Shape;
  /**
   * Which fields are reported that are not known: all, those that are nearly one or have their place elsewhere, or the former alone.
   * Another version may have more, even of the same names.
   */
  unknown: "all" | "misplaced" | "near";
  /** The API that they are part of. */
  api: "Istio" | "Kubernetes";
  report: Report<Id>;
}

/** What to do about a field that is not one of `fields`, where that is clear: most need an indentation more or less. */
function exactRemedy(
  key: string,
  value: Field,
  place: Shape,
  path: string,
  { spec, unknown }: Judging,
): string | undefined {
  const fields = (place.type === "object" ? place.fields : undefined) ?? {};
  const known = Object.keys(fields);
  const meant = isPolicy(value) && known.includes("pluginConfig") ? "pluginConfig" : nearest(key, known);
  if (meant !== undefined) return `did you mean ${meant}?`;
  if (unknown === "near") return undefined;
  const config = isOfPolicy(key, value) ? homeOf(spec, "spec", (name) => name === "pluginConfig") : undefined;
  const isKey = (name: string): boolean => name === key;
  const below = path.startsWith("spec") ? homeOf(place, path, isKey) : undefined;
  const home = config === undefined ? (below ?? homeOf(spec, "spec", isKey)) : `${config}.pluginConfig`;
  if (home !== undefined) return `move it below ${home}`;
  // A selector has nothing but the map in which its labels belong, or that of Kubernetes has it beside expressions.
  const map = known.length === 1 ? known[0] : "matchLabels";
  const shape = map === undefined ? undefined : fields[map];
  if (shape?.type === "object" && shape.values?.type === value.type) return `move it below ${map ?? ""}`;
  return undefined;
}

function judgeUnknown(
  key: string,
  value: Field,
  place: Shape & { type: "object" },
  path: string,
  judging: Judging,
): void {
  const remedy = exactRemedy(key, value, place, path, judging);
  if (remedy === undefined && judging.unknown !== "all") return;
  const here = path === "" ? key : `${path}.${key}`;
  const all = `remove it; the fields here are ${Object.keys(place.fields ?? {}).join(", ")}`;
  judging.report("field-unknown", value.keyPlace, `${judging.api} has no field ${here}`, remedy ?? all);
}

/** The name of a port has a letter (k8s.io/apimachinery, `IsValidPortName`). */
function isOf({ type }: Shape, field: Field): boolean {
  if (type === "any") return true;
  if (type === "port")
    return field.type === "integer" || (field.type === "string" && !UNQUOTED.integer.test(field.text() ?? ""));
  return field.type === type || (type === "number" && field.type === "integer");
}

function judgeShape(field: Field, shape: Shape, path: string, judging: Judging): void {
  const { report, api } = judging;
  // kubectl leaves out what is null.
  if (field.type === "null") return;
  if (
    shape.type === "string" &&
    shape.words &&
    judging.unknown === "all" &&
    JUDGED_ELSEWHERE.test(path) &&
    field.text() !== undefined
  )
    return;
  if (!isOf(shape, field)) {
    if (isFilledIn(field.text() ?? "") || POLICY.test(path)) return;
    const message = `${api} expects ${A[shape.type]} for ${path}, not ${A[field.type]}`;
    report("field-type", field.place, message, typeRemedy(field, shape));
  } else if (shape.type === "string") {
    const word = field.text() ?? "";
    if (!shape.words || shape.words.includes(word) || isFilledIn(word)) return;
    const meant = nearest(word, shape.words);
    const remedy = meant === undefined ? `write one of ${shape.words.join(", ")}` : `did you mean ${meant}?`;
    report("value-unknown", field.place, `${api} has no value ${word} for ${path}`, remedy);
  } else if (shape.type === "array") {
    for (const element of field.items()) judgeShape(element, shape.items, `${path}[]`, judging);
  } else if (shape.type === "object") judgeMembers(field, shape, path, judging);
}

function judgeMembers(field: Field, shape: Shape & { type: "object" }, path: string, judging: Judging): void {
  const { fields, values } = shape;
  if (!fields && !values) return;
  for (const [key, value] of field.members()) {
    const here = path === "" ? key : `${path}.${key}`;
    // Not by name alone: `constructor` and `toString` are names of every object.
    const below = fields && Object.hasOwn(fields, key) ? fields[key] : values;
    if (below) judgeShape(value, below, here, judging);
    else judgeUnknown(key, value, shape, path, judging);
  }
}

const TEXTS: Shape = { type: "object", values: { type: "string" } };

/** Labels and annotations, which are text: `sidecar.istio.io/inject: true` without quotes is none. */
function judgeTexts(holder: Field, path: string, report: Report<Id>): void {
  for (const key of ["labels", "annotations"]) {
    const texts = holder.get("metadata", key);
    if (texts)
      judgeShape(texts, TEXTS, `${path}metadata.${key}`, { spec: TEXTS, unknown: "all", api: "Kubernetes", report });
  }
}

function isOfKind(resource: Resource, { kind, group }: ApiKind): boolean {
  return kind === resource.kind && group === resource.group;
}

/** Plugins that are not this filter's are not judged. */
function isJudged(resource: Resource, mesh: Mesh): boolean {
  return !Plugin.isPlugin(resource) || mesh.plugins.some((plugin) => plugin.resource === resource);
}

export const spelling = family<Id>(
  "Names and values that neither Istio nor Kubernetes knows",
  {
    "kind-unknown": {
      severity: "error",
      what:
        "The object's apiVersion or kind is nearly one of those that doctor reads, Istio's or Kubernetes' own. Kubernetes refuses " +
        "the object. The finding says if doctor has not judged it further.",
      remedy: "write apiVersion and kind as the API spells them",
    },
    "field-unknown": {
      severity: "error",
      what:
        "Istio's API, or that of Kubernetes, has no such field. kubectl refuses it. Without field validation the field is dropped " +
        "and the object means something else: a plugin without its selector applies to every pod of the namespace, a Service " +
        "without its selector has no pods. Fields of Kubernetes' own kinds are reported only if they are nearly one that exists, and " +
        "those of Istio's `networking.istio.io` only then, or if they are misplaced.",
      remedy: "write the field as the API spells it",
    },
    "field-type": {
      severity: "error",
      what:
        "Istio's API, or that of Kubernetes, expects a value of another type here, and Kubernetes refuses the object. Ports in an " +
        "AuthorizationPolicy, labels, annotations, `args` and values of `env` are strings; the ports of Services, of containers and of a " +
        "plugin's match are numbers. Of Kubernetes' own kinds doctor knows the types of what it reads.",
      remedy: "write the value with the type that the API expects",
    },
    "value-unknown": {
      severity: "error",
      what: "The API does not have this value here, and Kubernetes refuses the object. Values are case-sensitive.",
      remedy: "write one of the API's values",
    },
  },
  ({ mesh }, report) => {
    for (const resource of mesh.resources) {
      judgeKind(resource, mesh, report);
      judgeGateway(resource, report);
      const own = KUBERNETES_KINDS.find((known) => isOfKind(resource, known));
      const istio = isJudged(resource, mesh) ? ISTIO_KINDS.find((known) => isOfKind(resource, known)) : undefined;
      if (own) {
        const spec = own.shape.fields?.["spec"] ?? own.shape;
        const unknown = own.kind === "NetworkPolicy" ? "misplaced" : "near";
        judgeShape(resource.root, own.shape, "", { spec, unknown, api: "Kubernetes", report });
      } else if (istio) {
        const object = { type: "object", fields: { ...OBJECT, spec: istio.spec } } as const;
        const unknown = istio.group === OF_TRAFFIC ? "misplaced" : "all";
        judgeShape(resource.root, object, "", { spec: istio.spec, unknown, api: "Istio", report });
      } else judgeTexts(resource.root, "", report);
    }
    // Kubernetes' own kinds have been judged with all that is in them.
    for (const { pod, path, resource } of mesh.workloads)
      if (!KUBERNETES_KINDS.some((known) => isOfKind(resource, known))) judgeTexts(pod, `${path}.`, report);
  },
);
