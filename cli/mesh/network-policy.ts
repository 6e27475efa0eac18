import { getOrMake } from "../get-or-make.ts";
import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import { isFilledIn } from "../manifests/unfilled.ts";
import type { Mesh } from "./mesh.ts";
import { selectsLabels, type Labels } from "./selector.ts";
import { transportOf, type Workload } from "./workload.ts";

/** The port to which ztunnel brings all that comes to a pod in ambient mode (istio.io, "Ambient and Kubernetes NetworkPolicy"). */
export const HBONE_PORT = 15008;

/**
 * A NetworkPolicy because of which nobody at all reaches a port of pods, whoever may reach another. What one policy lets in no other
 * shuts out, and each that selects the pods shuts out the rest.
 */
export function networkDenial(pods: Workload, port: number, mesh: Mesh): Resource | undefined {
  const policies = getOrMake(known, mesh, () => decidingPolicies(mesh)).get(pods.namespace) ?? [];
  // What is no list or no selector has a finding of its own, and may be meant to let somebody in.
  if (policies.some(isUnreadable)) return undefined;
  const selecting = policies.filter((policy) => isFor(policy, pods.labels));
  // One whose selector has still to be filled in may be for these pods, too.
  const isLetIn = [...selecting, ...policies.filter(isOpen)].some(({ root }) =>
    root.items("spec", "ingress").some((rule) => letsIn(rule, port, pods)),
  );
  return isLetIn ? undefined : selecting[0];
}

/** The policies of each mesh: they are asked for each port of each nats-server. */
const known = new WeakMap<Mesh, ReadonlyMap<string, readonly Resource[]>>();

/** By namespace, those that are about what comes to pods; none where they alone do not decide. */
function decidingPolicies(mesh: Mesh): Map<string, Resource[]> {
  const byNamespace = new Map<string, Resource[]>();
  if (mesh.resources.some(isOfOthers)) return byNamespace;
  for (const policy of mesh.of("NetworkPolicy", "networking.k8s.io").filter(isOfIngress))
    getOrMake(byNamespace, policy.namespace, () => []).push(policy);
  return byNamespace;
}

/**
 * Whether it is a network's own kind of policy, of Cilium, Calico or the Policy API (AdminNetworkPolicy, ClusterNetworkPolicy), by
 * which such a network may let in what NetworkPolicies do not.
 */
function isOfOthers({ kind, group }: Resource): boolean {
  return group !== "networking.k8s.io" && kind.endsWith("NetworkPolicy");
}

function isOfIngress({ root }: Resource): boolean {
  const types = root.items("spec", "policyTypes");
  return types.length === 0 || types.some((type) => type.text() === "Ingress");
}

function isUnreadable({ root }: Resource): boolean {
  const isOf = (key: string, type: Field["type"]): boolean =>
    [type, "null", undefined].includes(root.get("spec", key)?.type);
  return !isOf("ingress", "array") || !isOf("podSelector", "object") || !isOf("policyTypes", "array");
}

function isOpen({ root }: Resource): boolean {
  return isFilledIn(JSON.stringify(root.get("spec", "podSelector")?.plain() ?? null));
}

/** `podSelector: {}` selects all pods of the namespace. */
function isFor({ root }: Resource, labels: Labels): boolean {
  const selector = root.get("spec", "podSelector");
  return selector === undefined || selectsLabels(selector, labels);
}

/** Whether a rule lets somebody reach the port. One without `ports` is about all. */
function letsIn(rule: Field, port: number, pods: Workload): boolean {
  const ports = rule.items("ports");
  return ports.length === 0 || ports.some((one) => isAbout(one, port, pods));
}

function isAbout(field: Field, port: number, pods: Workload): boolean {
  if (transportOf(field) !== "TCP") return false;
  const written = field.text("port");
  if (written === undefined || isFilledIn(written)) return true;
  const first = field.integer("port");
  if (first !== undefined) return first <= port && port <= (field.integer("endPort") ?? first);
  return pods.ports.some(({ name, number }) => name === written && number === port);
}
