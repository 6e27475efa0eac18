import type { Place } from "../manifests/place.ts";
import type { Resource } from "../manifests/resource.ts";
import type { Mesh } from "./mesh.ts";
import type { Service } from "./service.ts";
import type { ServiceAccount } from "./workload.ts";

const USE = "istio.io/use-waypoint";
const FOR = "istio.io/waypoint-for";

/** The waypoint that a Service is told to use. */
export interface WaypointUse {
  namespace: string;
  name: string;
  /** The label's. */
  place: Place;
}

/**
 * The waypoint of a Service: its own label's before its Namespace's (pilot/pkg/serviceregistry/ambient/waypoints.go,
 * `fetchWaypointForTarget`). "unknown" where the Namespace, which may have the label, is not among the files.
 */
export function waypointOf({ resource }: Service, mesh: Mesh): WaypointUse | "none" | "unknown" {
  const namespace = mesh.namespace(resource.namespace);
  for (const { root, labels } of namespace ? [resource, namespace] : [resource]) {
    const name = labels.get(USE);
    if (name === "none") return "none";
    if (name === undefined || name === "") continue;
    const place = root.placeOf("metadata", "labels", USE);
    return { name, namespace: labels.get(`${USE}-namespace`) ?? resource.namespace, place };
  }
  return namespace ? "none" : "unknown";
}

/** The Gateways among the files that are waypoints, of one namespace. */
export function waypointsIn(namespace: string, mesh: Mesh): Resource[] {
  return mesh
    .of("Gateway", "gateway.networking.k8s.io")
    .filter((gateway) => gateway.namespace === namespace)
    .filter(({ root }) => root.text("spec", "gatewayClassName")?.includes("waypoint"));
}

/** Where a waypoint says that it is not for Services, and what for. Without the label it is for them. */
export function otherTraffic({ root, labels }: Resource): { traffic: string; place: Place } | undefined {
  const traffic = labels.get(FOR) ?? "service";
  if (traffic === "service" || traffic === "all") return undefined;
  return { traffic, place: root.placeOf("metadata", "labels", FOR) };
}

/** What a waypoint runs as (pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go): it is named as its Gateway. */
export function waypointAccount({ namespace, name }: WaypointUse, mesh: Mesh): ServiceAccount {
  const gateway = waypointsIn(namespace, mesh).find((candidate) => candidate.name === name);
  return { namespace, name: gateway?.annotations.get("gateway.istio.io/service-account") ?? name };
}
