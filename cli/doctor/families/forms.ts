import type { Field } from "../../manifests/field.ts";
import { isLabel, isSubdomain } from "../../manifests/names.ts";
import type { Resource } from "../../manifests/resource.ts";
import { isWrittenNull, selectorOf } from "../../manifests/selector-path.ts";
import { isFilledIn } from "../../manifests/unfilled.ts";
import { portConditions } from "../../mesh/authorization-when.ts";
import { portOf } from "../../mesh/authorization.ts";
import { Plugin } from "../../mesh/plugin.ts";
import type { Service } from "../../mesh/service.ts";
import { family, type Report } from "../family.ts";

type Id =
  "name-malformed" | "label-malformed" | "selector-void" | "port-malformed" | "match-port-twice" | "service-port-name";

/** The form of a label's value, and of its key after the prefix (k8s.io/apimachinery, `IsValidLabelValue`). */
function isWord(text: string): boolean {
  return text.length <= 63 && /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(text);
}

function isKey(key: string): boolean {
  const slash = key.indexOf("/");
  return slash < 0 ? isWord(key) : isSubdomain(key.slice(0, slash)) && isWord(key.slice(slash + 1));
}

/** Other groups have rules of their own: the names of roles may contain a colon, and some templates are for other programs. */
function isUsual({ group }: Resource): boolean {
  return ["", "apps", "batch", "gateway.networking.k8s.io"].includes(group) || group.endsWith(".istio.io");
}

function judgeNames(resource: Resource, report: Report<Id>): void {
  const { root, kind, group } = resource;
  const name = root.get("metadata", "name");
  const text = name?.text() ?? "";
  const isShort = group === "" && (kind === "Namespace" || kind === "Service");
  if (name && text !== "" && !isFilledIn(text) && isUsual(resource) && !(isShort ? isLabel(text) : isSubdomain(text)))
    report("name-malformed", name.place, `${text} is not a name that Kubernetes takes for a ${kind}`);
  const namespace = root.get("metadata", "namespace");
  const within = namespace?.text() ?? "";
  if (namespace && within !== "" && !isFilledIn(within) && !isLabel(within))
    report("name-malformed", namespace.place, `${within} is not a name that Kubernetes takes for a namespace`);
}

/** Where an object has labels beside its own: those of its pods, and those by which it selects. */
const LABELS = [
  ["spec", "template", "metadata", "labels"],
  ["spec", "jobTemplate", "spec", "template", "metadata", "labels"],
  ["spec", "selector", "matchLabels"],
];

function judgeLabels(resource: Resource, report: Report<Id>): void {
  const { root, kind, group } = resource;
  const others = isUsual(resource)
    ? [...LABELS, ...(kind === "Service" && group === "" ? [["spec", "selector"]] : [])]
    : [];
  for (const [key, value] of [["metadata", "labels"], ...others].flatMap((path) => root.members(...path))) {
    const text = value.text() ?? "";
    if (isFilledIn(key + text)) continue;
    if (!isKey(key)) report("label-malformed", value.keyPlace, `${key} is not the key of a label`);
    // A value of another type is no label at all, which another check says.
    else if (text !== "" && value.type === "string" && !isWord(text))
      report("label-malformed", value.place, `"${text}" is not the value of a label`);
  }
}

const OF_NULL =
  'give the label the value that the pods have, or write ""; of a patch, in which null takes the label out, give the result instead';

function judgeSelector(resource: Resource, report: Report<Id>): void {
  const path = selectorOf(resource);
  if (path === undefined) return;
  for (const [key, value] of resource.root.members(...path)) {
    if (value.type !== "null") continue;
    const message = `${key} in the selector of ${resource.title} has no value`;
    report("selector-void", value.keyPlace, message, isWrittenNull(value) ? OF_NULL : undefined);
  }
}

function judgeAuthorizationPorts({ root, title }: Resource, report: Report<Id>): void {
  const ports = root
    .items("spec", "rules")
    .flatMap((rule) => [
      ...rule.items("to").flatMap((to) => [...to.items("operation", "ports"), ...to.items("operation", "notPorts")]),
      ...portConditions(rule).flatMap((condition) => [...condition.items("values"), ...condition.items("notValues")]),
    ]);
  for (const port of ports) {
    const text = port.text();
    if (text === undefined || port.type !== "string" || portOf(text) !== undefined || isFilledIn(text)) continue;
    report("port-malformed", port.place, `"${text}" in ${title} is not a port`);
  }
}

/** istiod reads the keys as JSON, in which a number begins with no zero. */
function judgeMtlsPorts({ root, title }: Resource, report: Report<Id>): void {
  for (const [port, { keyPlace }] of root.members("spec", "portLevelMtls"))
    if (!/^[1-9]/.test(port) || portOf(port) === undefined)
      report("port-malformed", keyPlace, `"${port}" in ${title} is not a port`);
}

function judgeMatch(match: Field, title: string, report: Report<Id>): void {
  const seen = new Set<number>();
  for (const port of match.items("ports")) {
    const number = port.get("number");
    const value = number?.integer();
    if (number?.type !== "integer") continue;
    if (value === undefined || value < 1 || value > 65535)
      report("port-malformed", number.place, `${number.text() ?? ""} in the match of ${title} is not a port`);
    else if (seen.has(value))
      report("match-port-twice", number.place, `${title} lists port ${value} twice in one match`);
    else seen.add(value);
  }
}

/** What is wrong with the name of a Service's port (k8s.io/kubernetes, `validateServicePort`). */
function portNameFault(name: string, isOnly: boolean, seen: ReadonlySet<string>): string | undefined {
  if (name === "") return isOnly ? undefined : "has no name, which a Service with several ports needs";
  if (seen.has(name)) return `has the name ${name}, as an earlier one`;
  return isLabel(name) ? undefined : `has the name ${name}, which Kubernetes refuses`;
}

function judgePortNames({ resource, ports }: Service, report: Report<Id>): void {
  const seen = new Set<string>();
  for (const { field, number, name } of ports) {
    if (isFilledIn(name)) continue;
    const fault = portNameFault(name, ports.length === 1, seen);
    seen.add(name);
    if (fault !== undefined)
      report("service-port-name", field.placeOf("name"), `port ${number} of ${resource.title} ${fault}`);
  }
}

export const forms = family<Id>(
  "Names, labels and ports",
  {
    "name-malformed": {
      severity: "error",
      what:
        "Kubernetes refuses this name. The names of namespaces and Services have up to 63 small letters, digits and hyphens; those " +
        "of most other objects may have up to 253, in parts that are separated by single dots.",
      remedy: "write small letters, digits and hyphens, with a letter or digit at both ends",
    },
    "label-malformed": {
      severity: "error",
      what:
        "Kubernetes refuses this label, and in the selector of an Istio object it selects nothing. A label's value, and its key after " +
        "the prefix and `/`, has up to 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends.",
      remedy: "write the label as the pods have it",
    },
    "selector-void": {
      severity: "error",
      what:
        "A label of a selector has no value (`app:`), as a template leaves it that was not given one. In an object of Istio's the " +
        "label is left out: the object is then for all pods of the namespace, or of the mesh, or Kubernetes refuses it " +
        "(`kubectl apply --server-side`). In a Service, NetworkPolicy or PodDisruptionBudget only `kubectl apply` leaves it out. All else, helm included, " +
        'makes `""` of it, which no pod has.',
      remedy: 'give the label the value that the pods have, or write ""',
    },
    "port-malformed": {
      severity: "error",
      what:
        "This is not the number of a port. Istio refuses an AuthorizationPolicy that has anything but numbers up to 65535 in " +
        "`ports`, `notPorts` or a condition on `destination.port`, and a PeerAuthentication whose `portLevelMtls` has such a key or one with leading zeros. Kubernetes " +
        "refuses a plugin whose match has a number outside 1 to 65535.",
      remedy: "write one number for each port; names and ranges are not known here",
    },
    "match-port-twice": {
      severity: "error",
      what: "A match lists the same port twice. Kubernetes refuses the plugin.",
      remedy: "remove one of them",
    },
    "service-port-name": {
      severity: "error",
      what:
        "Kubernetes refuses a Service if one of its ports has a name with capitals or the like, or that of another port, or if it " +
        "has several ports and one has no name.",
      remedy: "give each port a name of its own, in small letters, digits and hyphens, such as tcp-client",
    },
  },
  ({ mesh }, report) => {
    for (const service of mesh.services) judgePortNames(service, report);
    for (const resource of mesh.resources) {
      judgeNames(resource, report);
      judgeLabels(resource, report);
      judgeSelector(resource, report);
    }
    for (const authorization of mesh.of("AuthorizationPolicy", "security.istio.io"))
      judgeAuthorizationPorts(authorization, report);
    for (const authentication of mesh.of("PeerAuthentication", "security.istio.io"))
      judgeMtlsPorts(authentication, report);
    for (const { root, title } of mesh.resources.filter((resource) => Plugin.isPlugin(resource)))
      for (const match of root.items("spec", "match")) judgeMatch(match, title, report);
  },
);
