import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import { selectorOf } from "../manifests/selector-path.ts";
import { getOrMake } from "../get-or-make.ts";
import {
  capturesNoAddress,
  DATAPLANE_MODE,
  excludedInbound,
  excludedOutbound,
  INJECT,
  REVISION,
  TRAFFIC,
} from "./capture.ts";
import { mountedBy } from "./mounts.ts";
import { CLIENT_PORT, PEER_PORTS } from "./nats-ports.ts";
import { LABELS_OF_ONE_POD, PROXY, transportOf, type Workload } from "./workload.ts";

/** The reference that Kubernetes keeps in an object to the one that made it. */
function referenceOf({ root }: Resource): Field | undefined {
  return root.items("metadata", "ownerReferences").find((reference) => reference.text("controller") === "true");
}

/** By this an object and a reference to it are found to be the same. */
function keyOf({ group, kind, namespace, name }: Pick<Resource, "group" | "kind" | "namespace" | "name">): string {
  return JSON.stringify([group, kind, namespace, name]);
}

/** An owner is in the namespace of what it owns. */
function ownerKeyOf(reference: Field, { namespace }: Resource): string {
  const group = /^(.*)\//.exec(reference.text("apiVersion") ?? "")?.[1] ?? "";
  return keyOf({ group, kind: reference.text("kind") ?? "", namespace, name: reference.text("name") ?? "" });
}

/** An object that had the same name before has another uid; one from a file has none. */
function isUidOf({ root }: Resource, reference: Field): boolean {
  const [own, named] = [root.text("metadata", "uid"), reference.text("uid")];
  return own === undefined || named === undefined || own === named;
}

/** The keys of the labels by which something among the files tells pods apart, or Istio does. */
function tellingKeys(resources: readonly Resource[]): Set<string> {
  const keys = new Set([INJECT, DATAPLANE_MODE]);
  for (const resource of resources) {
    const path = selectorOf(resource);
    if (path === undefined) continue;
    for (const [key] of resource.root.members(...path)) keys.add(key);
    for (const expression of resource.root.items("spec", "podSelector", "matchExpressions"))
      keys.add(expression.text("key") ?? "");
  }
  return keys;
}

/** The annotations that the injector, Istio's CNI and ztunnel's write themselves, whatever the template has. */
const WRITTEN_BY_ISTIO: ReadonlySet<string> = new Set([
  "ambient.istio.io/redirection",
  REVISION,
  "prometheus.istio.io/secure-port",
  "proxy.istio.io/overrides",
  "sidecar.istio.io/interceptionMode",
  "sidecar.istio.io/status",
]);

/** The containers that the injector adds. */
const INJECTED: ReadonlySet<string | undefined> = new Set([PROXY, "istio-init", "istio-validation"]);

/**
 * Which traffic the pods' sidecar leaves alone, as doctor judges it. Not the annotations themselves: with Istio's CNI the injector
 * writes the mesh's defaults into them, and its own ports (`excludeInboundPort` in pkg/kube/inject/template.go).
 */
function uncapturedBy(workload: Workload, ports: readonly number[]): unknown[] {
  const interception = workload.annotations.get("sidecar.istio.io/interceptionMode");
  return [
    interception === "NONE",
    ...ports.flatMap((port) => [
      excludedInbound(workload, port)?.why,
      excludedOutbound(workload, port) !== undefined,
      capturesNoAddress(workload, port) !== undefined,
    ]),
  ];
}

/** What doctor reads of pods, and of these of their containers: one text for pods of which it says the same. */
function described(workload: Workload, names: ReadonlySet<string | undefined>, keys: ReadonlySet<string>): string {
  const { pod, labels, annotations, containers, servers, serviceAccount } = workload;
  const own = containers.filter((container) => names.has(container.text("name")));
  const ports = own.flatMap((container) => container.items("ports"));
  const numbers = ports.flatMap((port) => port.integer("containerPort") ?? []);
  return JSON.stringify([
    [...labels].filter(([key]) => keys.has(key)).sort(),
    [...annotations]
      .filter(([key]) => key.includes("istio.io/") && !key.startsWith(TRAFFIC) && !WRITTEN_BY_ISTIO.has(key))
      .sort(),
    uncapturedBy(workload, [CLIENT_PORT, ...PEER_PORTS, ...numbers]),
    servers.map((container) => container.text("name")),
    own.map((container) => [
      container.text("name"),
      ...["command", "args"].map((key) => container.items(key).map((word) => word.text())),
      container.items("env").map((variable) => [variable.text("name"), variable.text("value")]),
      container.items("ports").map((port) => [port.text("name"), port.text("containerPort"), transportOf(port)]),
    ]),
    serviceAccount.name,
    pod.text("spec", "hostNetwork"),
    pod.text("spec", "terminationGracePeriodSeconds"),
  ]);
}

/** The names of the containers that are not the injector's. */
function ownContainers({ containers }: Workload): Set<string | undefined> {
  return new Set(containers.map((container) => container.text("name")).filter((name) => !INJECTED.has(name)));
}

/** The ConfigMaps and Secrets that pods mount, without the one that the injector adds, and without volumes of other kinds. */
function mounted(workload: Workload): string[] {
  return [...mountedBy([workload])].filter((key) => !/\/(?:istio-ca-root-cert)?$/.test(key));
}

/** Whether nothing that doctor reads of these pods differs from what their owner says of pods, to which others may add containers. */
function saysSame(pods: Workload, owner: Workload, keys: ReadonlySet<string>): boolean {
  const names = ownContainers(owner);
  const mounts = new Set(mounted(pods));
  const shared = new Set([...keys].filter((key) => !LABELS_OF_ONE_POD.has(key)));
  return (
    described(pods, names, shared) === described(owner, names, shared) &&
    mounted(owner).every((name) => mounts.has(name))
  );
}

/**
 * What nobody writes by hand, so that nothing is in it but what its owner says. An operator's StatefulSet has more than its pods'
 * template.
 */
const MADE_FROM_TEMPLATES: ReadonlySet<string> = new Set(["Pod", "ReplicaSet", "Job"]);

/** More than any known controller's pods have above them. Objects that own each other end here too. */
const MAX_OWNERS = 8;

/** Whether a pod runs nothing any more and never will, or a Job makes no more pods. A CronJob keeps some that are done. */
function hasEnded({ root, kind }: Resource): boolean {
  if (kind === "Pod") return ["Succeeded", "Failed"].includes(root.text("status", "phase") ?? "");
  const ends = root.items("status", "conditions").filter((one) => one.text("status") === "True");
  return kind === "Job" && ends.some((one) => ["Complete", "Failed"].includes(one.text("type") ?? ""));
}

/**
 * The workloads without those for which another one stands: the object that makes them, or pods of the same owner, where these say
 * the same. What a cluster gives back has a Deployment, its ReplicaSets and their pods, and each fault would be told of each of them.
 * A pod from before the last change of its owner is another one.
 */
export function withoutOwned(workloads: readonly Workload[], resources: readonly Resource[]): Workload[] {
  const byKey = new Map<string, Resource[]>();
  for (const resource of resources) getOrMake(byKey, keyOf(resource), () => []).push(resource);
  const ownerOf = (resource: Resource): Resource | undefined => {
    const reference = referenceOf(resource);
    return reference && byKey.get(ownerKeyOf(reference, resource))?.find((owner) => isUidOf(owner, reference));
  };
  /** The nearest first. */
  const ownersOf = (resource: Resource): Resource[] => {
    const owners: Resource[] = [];
    for (let owner = ownerOf(resource); owner && owners.length < MAX_OWNERS; owner = ownerOf(owner)) owners.push(owner);
    return owners.filter((owner) => owner !== resource);
  };
  const keys = tellingKeys(resources);
  const keysOfOwners = new Set([...keys].filter((key) => !LABELS_OF_ONE_POD.has(key)));
  const standing = new Map(workloads.map((workload) => [workload.resource, workload]));
  const siblings = new Map<string, Workload>();
  const owned = workloads.map((workload) => ({ workload, owners: ownersOf(workload.resource) }));
  // Owners first, so that nothing is left to one for which another stands.
  for (const { workload, owners } of owned.toSorted((a, b) => a.owners.length - b.owners.length)) {
    const { resource } = workload;
    const reference = referenceOf(resource);
    if (!reference || !MADE_FROM_TEMPLATES.has(resource.kind)) continue;
    // Kubernetes keeps the ReplicaSets of earlier revisions.
    const isPast = owners.length > 0 && resource.root.integer("spec", "replicas") === 0;
    if (isPast || hasEnded(resource)) {
      standing.delete(resource);
      continue;
    }
    const others = owners.flatMap((owner) => standing.get(owner) ?? []);
    const ofOwner = [ownerKeyOf(reference, resource), reference.text("uid"), mounted(workload).sort()];
    const description = described(workload, ownContainers(workload), keys);
    const alike = getOrMake(siblings, JSON.stringify([...ofOwner, description]), () => workload);
    const other =
      others.findLast((owner) => saysSame(workload, owner, keysOfOwners)) ?? (alike === workload ? undefined : alike);
    if (!other) continue;
    standing.delete(resource);
    if (resource.kind === "Pod") other.addPod(workload);
  }
  return workloads.filter(({ resource }) => standing.has(resource));
}
