import type { Place } from "../manifests/place.ts";
import type { Resource } from "../manifests/resource.ts";
import type { Mesh } from "./mesh.ts";
import type { Plugin } from "./plugin.ts";
import type { Labels } from "./selector.ts";
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

/** The waypoints among the files that run a plugin: those that it names, and those of the Services that it names. */
export function waypointsOf(plugin: Plugin, mesh: Mesh): Resource[] {
  const { namespace } = plugin.resource;
  const named = plugin.targetRefs.filter((target) => target.text("kind") === "Gateway");
  const uses = mesh.waypointServicesOf(plugin).map((service) => waypointOf(service, mesh));
  return [
    ...named.map((target) => ({ namespace, name: target.text("name") })),
    ...uses.filter((use) => typeof use === "object"),
  ].flatMap((use) => waypointsIn(use.namespace, mesh).filter(({ name }) => name === use.name));
}

const INFRASTRUCTURE = ["spec", "infrastructure", "annotations"];

/**
 * The annotations of a waypoint's pods: those of its Gateway's infrastructure, or where there are none its own
 * (pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go, `extractInfrastructureMetadata`).
 */
export function podAnnotations({ root, annotations }: Resource): Labels {
  return root.get(...INFRASTRUCTURE) === undefined ? annotations : root.texts(...INFRASTRUCTURE);
}

/** Where such an annotation stands, or would stand. */
export function podAnnotationPlace({ root, annotations }: Resource, name: string): Place {
  const own = root.get(...INFRASTRUCTURE) === undefined && annotations.has(name);
  return own ? root.placeOf("metadata", "annotations", name) : root.placeOf(...INFRASTRUCTURE, name);
}
