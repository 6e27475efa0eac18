import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import type { Mesh } from "./mesh.ts";
import type { Service } from "./service.ts";
import { EVERY_WAYPOINT, usedWaypoint } from "./waypoint.ts";

/** What an object is attached to. An empty list is as good as none (pilot/pkg/model/policyattachment.go, `GetTargetRefs`). */
export function targetRefsOf({ root }: Resource): readonly Field[] {
  const one = root.get("spec", "targetRef");
  return one ? [one, ...root.items("spec", "targetRefs")] : root.items("spec", "targetRefs");
}

/** `Service/nats`, for each of its `targetRefs`. */
export function targetNamesOf(resource: Resource): string[] {
  return targetRefsOf(resource).map((target) => `${target.text("kind") ?? ""}/${target.text("name") ?? ""}`);
}

/**
 * Whether an object is for a Service's traffic in its waypoint: because it names the Service, the Gateway that this uses, or, of
 * nats-server's Services, every waypoint (pilot/pkg/model/policyattachment.go, `ShouldAttachPolicy`).
 */
export function attachment(resource: Resource, mesh: Mesh): (service: Service) => boolean {
  const targets = targetNamesOf(resource);
  if (targets.length === 0) return () => false;
  const isForAll = targets.includes(EVERY_WAYPOINT) && resource.namespace === mesh.rootNamespace;
  return (service) => {
    const { namespace, name } = service.resource;
    if (namespace === resource.namespace && targets.includes(`Service/${name}`)) return true;
    const use = usedWaypoint(service, mesh);
    if (!use) return false;
    if (isForAll && mesh.isBrokerService(service)) return true;
    return use.namespace === resource.namespace && targets.includes(`Gateway/${use.name}`);
  };
}
