import type { Place } from "../manifests/place.ts";
import type { Resource } from "../manifests/resource.ts";
import { isFilledIn } from "../manifests/unfilled.ts";
import type { Mesh } from "./mesh.ts";
import type { Plugin } from "./plugin.ts";
import type { AnnotatedPods } from "./proxy-config.ts";
import { HBONE_PORT } from "./network-policy.ts";
import { selectsLabels, type Labels } from "./selector.ts";
import type { Service } from "./service.ts";
import type { ServiceAccount } from "./workload.ts";

const USE = "istio.io/use-waypoint";
const FOR = "istio.io/waypoint-for";

/** What a plugin in Istio's root namespace names in order to be in every waypoint (pilot/pkg/model/policyattachment.go). */
export const EVERY_WAYPOINT = "GatewayClass/istio-waypoint";

/** The waypoint that a Service is told to use. */
export interface WaypointUse {
  namespace: string;
  name: string;
  /** The place of the label. */
  place: Place;
}

/**
 * The waypoint of a Service: its own label comes before its Namespace's (pilot/pkg/serviceregistry/ambient/waypoints.go,
 * `fetchWaypointForTarget`). "unknown" if the Namespace, which may have the label, is not among the files.
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

/** The waypoint that a Service is told to use, as far as the files show. */
export function usedWaypoint(service: Service, mesh: Mesh): WaypointUse | undefined {
  const use = waypointOf(service, mesh);
  return typeof use === "object" ? use : undefined;
}

/** The waypoints of one namespace among the files. */
export function waypointsIn(namespace: string, mesh: Mesh): Resource[] {
  return mesh
    .of("Gateway", "gateway.networking.k8s.io")
    .filter((gateway) => gateway.namespace === namespace)
    .filter(({ root }) => root.text("spec", "gatewayClassName")?.includes("waypoint"));
}

/**
 * Whether a Service's waypoint is not among the files, but another one of that namespace is, or one of that name elsewhere. Such a slip
 * has a finding of its own (`waypoint-unused`).
 */
export function isMistaken(use: WaypointUse, mesh: Mesh): boolean {
  const namesakes = mesh.of("Gateway", "gateway.networking.k8s.io").filter(({ name }) => name === use.name);
  if (namesakes.some(({ namespace }) => namespace === use.namespace)) return false;
  return namesakes.length > 0 || waypointsIn(use.namespace, mesh).length > 0;
}

/** The traffic that a waypoint is for if that excludes Services, and where it says so. Without the label it is for Services. */
export function otherTraffic({ root, labels }: Resource): { traffic: string; place: Place } | undefined {
  const traffic = labels.get(FOR) ?? "service";
  if (traffic === "service" || traffic === "all") return undefined;
  return { traffic, place: root.placeOf("metadata", "labels", FOR) };
}

/** What a Gateway has where its proxy takes connections in another way than waypoints usually do. */
const BINDING = "ambient.istio.io/waypoint-inbound-binding";

/**
 * Where a waypoint says that it is not for Services of a namespace: its HBONE listener accepts those of its own namespace unless
 * `allowedRoutes` says more (pilot/pkg/serviceregistry/ambient/waypoints.go, `makeAllowedRoutes`). Undefined where it accepts them or
 * nobody knows: for the labels of a Namespace that is not among the files, and for classes that may have a binding of their own.
 */
export function refusedAttachment(gateway: Resource, namespace: string, mesh: Mesh): Place | undefined {
  const { root, annotations } = gateway;
  if (root.text("spec", "gatewayClassName") !== "istio-waypoint" || annotations.has(BINDING)) return undefined;
  const listeners = root.items("spec", "listeners");
  const listener = listeners.find((one) => one.text("protocol") === "HBONE" && one.integer("port") === HBONE_PORT);
  const from = listener?.get("allowedRoutes", "namespaces", "from");
  const place = from?.place ?? listener?.placeOf("allowedRoutes") ?? root.placeOf("spec", "listeners");
  if (
    from?.text() === "All" ||
    isFilledIn(JSON.stringify((listener ?? root.get("spec", "listeners"))?.plain() ?? null))
  )
    return undefined;
  if (from?.text() !== "Selector") return gateway.namespace === namespace ? undefined : place;
  const known = mesh.namespace(namespace);
  if (!known) return undefined;
  const selector = listener?.get("allowedRoutes", "namespaces", "selector");
  // Kubernetes gives each Namespace this label. A selector that is missing selects nothing (LabelSelectorAsSelector).
  const labels = new Map([...known.labels, ["kubernetes.io/metadata.name", namespace]]);
  const isSelected = selector !== undefined && selector.type !== "null" && selectsLabels(selector, labels);
  return isSelected ? undefined : place;
}

/** A waypoint's service account, named like its Gateway (pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go). */
export function waypointAccount({ namespace, name }: WaypointUse, mesh: Mesh): ServiceAccount {
  const gateway = waypointsIn(namespace, mesh).find((candidate) => candidate.name === name);
  return { namespace, name: gateway?.annotations.get("gateway.istio.io/service-account") ?? name };
}

/** The waypoints among the files that run a plugin: those that it names, and those of the Services that it names. */
export function waypointsOf(plugin: Plugin, mesh: Mesh): Resource[] {
  const { namespace } = plugin.resource;
  const named = plugin.targetRefs.filter((target) => target.text("kind") === "Gateway");
  const uses = mesh.waypointServicesOf(plugin).flatMap((service) => usedWaypoint(service, mesh) ?? []);
  return [...named.map((target) => ({ namespace, name: target.text("name") })), ...uses].flatMap((use) =>
    waypointsIn(use.namespace, mesh).filter(({ name }) => name === use.name),
  );
}

const INFRASTRUCTURE = ["spec", "infrastructure"];

/**
 * A waypoint's pods. Their annotations are those in its Gateway's `infrastructure`, or the Gateway's own if there are none, and so are
 * their labels (pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go, `extractInfrastructureMetadata`).
 */
export function podsOf({ root, namespace, annotations, labels }: Resource): AnnotatedPods {
  const given = (name: "annotations" | "labels", own: Labels): Labels =>
    root.get(...INFRASTRUCTURE, name) === undefined ? own : root.texts(...INFRASTRUCTURE, name);
  return { namespace, labels: given("labels", labels), annotations: given("annotations", annotations) };
}

/** Where an annotation of theirs is, or would be. */
export function podAnnotationPlace({ root, annotations }: Resource, name: string): Place {
  const own = root.get(...INFRASTRUCTURE, "annotations") === undefined && annotations.has(name);
  return own ? root.placeOf("metadata", "annotations", name) : root.placeOf(...INFRASTRUCTURE, "annotations", name);
}
