import type { Resource } from "../manifests/resource.ts";
import type { Mesh } from "./mesh.ts";

/** Of what each cluster with nats-server and Istio has some: if none came, nobody has asked for it. */
const KINDS = {
  "objects of Istio": ({ group }: Resource) => group.endsWith(".istio.io"),
  Services: ({ kind, group }: Resource) => kind === "Service" && group === "",
  // Every namespace has one with the API server's certificate.
  ConfigMaps: ({ kind, group }: Resource) => kind === "ConfigMap" && group === "",
  Namespaces: ({ kind, group }: Resource) => kind === "Namespace" && group === "",
} as const;

/** What checks look for, and a cluster may have and was not asked for. */
export type Askable = "objects of Istio" | "Services";

/** What did not come with nats-server's objects from a cluster: `kubectl get all` gives pods, what makes them, and Services. */
export interface Unasked {
  /** One of those that came. */
  first: Resource;
  kinds: readonly (keyof typeof KINDS)[];
}

/** Undefined if the files are not from a cluster, or have of all kinds for which checks look. */
export function unaskedOf(mesh: Mesh): Unasked | undefined {
  const ofNats = [...mesh.brokers, ...mesh.brokerServices].map(({ resource }) => resource);
  const first = ofNats.find(({ isOfCluster }) => isOfCluster);
  if (!first) return undefined;
  const given = mesh.resources.filter(({ isOfCluster }) => isOfCluster);
  const kinds = (Object.keys(KINDS) as (keyof typeof KINDS)[]).filter((kind) => !given.some(KINDS[kind]));
  const isLookedFor = kinds.some((kind) => kind === "objects of Istio" || kind === "Services");
  // Who has asked for what every cluster has besides has asked for Istio's objects too, of which a new mesh may have none.
  const isAsked = !kinds.includes("ConfigMaps") && !kinds.includes("Namespaces");
  return isLookedFor && !isAsked ? { first, kinds } : undefined;
}
