import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import { selectorOf } from "../manifests/selector-path.ts";
import { getOrMake } from "../get-or-make.ts";
import { DATAPLANE_MODE, INJECT, INJECTION_STATUS } from "./capture.ts";
import type { Labels } from "./selector.ts";
import type { Workload } from "./workload.ts";

/** The reference that Kubernetes keeps in an object to the one that made it. */
function referenceOf({ root }: Resource): Field | undefined {
  return root.items("metadata", "ownerReferences").find((reference) => reference.text("controller") === "true");
}

function keyOf(group: string, kind: string, namespace: string, name: string): string {
  return JSON.stringify([group, kind, namespace, name]);
}

/** An owner is in the namespace of what it owns. */
function ownerKeyOf(reference: Field, { namespace }: Resource): string {
  const group = /^(.*)\//.exec(reference.text("apiVersion") ?? "")?.[1] ?? "";
  return keyOf(group, reference.text("kind") ?? "", namespace, reference.text("name") ?? "");
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

/** The annotations that Istio reads. */
function annotationsForIstio(annotations: Labels): [key: string, value: string][] {
  return [...annotations].filter(([key]) => key.includes("istio.io/") && key !== INJECTION_STATUS);
}

/** What else doctor reads of pods, of these of their containers. Kubernetes, and the injector, add others. */
function writtenIn({ pod, containers, serviceAccount }: Workload, names: readonly (string | undefined)[]): string {
  const own = containers.filter((container) => names.includes(container.text("name")));
  return JSON.stringify([
    own.map((container) => [
      container.text("name"),
      ...["command", "args"].map((key) => container.items(key).map((word) => word.text())),
      container.items("env").map((variable) => [variable.text("name"), variable.text("value")]),
      container.items("ports").map((port) => [port.text("name"), port.text("containerPort"), port.text("protocol")]),
    ]),
    serviceAccount.name,
    pod.text("spec", "hostNetwork"),
    pod.text("spec", "terminationGracePeriodSeconds"),
  ]);
}

/** The ConfigMaps and Secrets that pods mount, to which the injector adds Istio's own. */
function mounted({ pod }: Workload): string[] {
  const volumes = pod.items("spec", "volumes");
  return volumes.flatMap((volume) => volume.text("configMap", "name") ?? volume.text("secret", "secretName") ?? []);
}

/** Whether nothing that doctor reads of these pods differs from what another object says of pods. */
function saysSame(pods: Workload, other: Workload, keys: ReadonlySet<string>): boolean {
  for (const key of keys) if (pods.labels.get(key) !== other.labels.get(key)) return false;
  const names = other.containers.map((container) => container.text("name"));
  const annotations = annotationsForIstio(other.annotations);
  return (
    annotations.every(([key, value]) => pods.annotations.get(key) === value) &&
    writtenIn(pods, names) === writtenIn(other, names) &&
    mounted(other).every((name) => mounted(pods).includes(name))
  );
}

/**
 * The workloads without those for which another one stands: the object that makes them, or pods of the same owner, where these say
 * the same. What a cluster gives back has a Deployment, its ReplicaSets and their pods, and each fault would be told of each of them.
 * A pod from before the last change of its owner is another one.
 */
export function withoutOwned(workloads: readonly Workload[], resources: readonly Resource[]): Workload[] {
  const byKey = new Map(
    workloads.map((workload) => {
      const { group, kind, namespace, name } = workload.resource;
      return [keyOf(group, kind, namespace, name), workload];
    }),
  );
  const ownerOf = ({ resource }: Workload): Workload | undefined => {
    const reference = referenceOf(resource);
    const owner = reference && byKey.get(ownerKeyOf(reference, resource));
    return owner && isUidOf(owner.resource, reference) ? owner : undefined;
  };
  const keys = tellingKeys(resources);
  const siblings = new Map<string, Workload[]>();
  return workloads.filter((workload) => {
    const { resource } = workload;
    const reference = referenceOf(resource);
    if (!reference) return true;
    const owners: Workload[] = [];
    for (let owner = ownerOf(workload); owner && !owners.includes(owner); owner = ownerOf(owner)) owners.push(owner);
    // Kubernetes keeps the ReplicaSets of earlier revisions, which make no pods.
    if (owners.length > 0 && resource.root.integer("spec", "replicas") === 0) return false;
    const kept = getOrMake(siblings, ownerKeyOf(reference, resource), () => []);
    const standing = [...owners.reverse(), ...kept].find((other) => saysSame(workload, other, keys));
    if (!standing) {
      kept.push(workload);
      return true;
    }
    if (resource.kind === "Pod") standing.addPod(workload);
    return false;
  });
}
