import type { Mesh } from "./mesh.ts";
import type { Plugin } from "./plugin.ts";
import type { Workload } from "./workload.ts";

/** On which proxies a plugin comes to stand. */
export type Placement = "server-sidecar" | "client-sidecar" | "gateway" | "waypoint" | "unknown";

const GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name";

/** Decided from what the plugin is attached to. A Gateway that is not among the files is taken for a waypoint by its name only. */
export function placementOf(plugin: Plugin, mesh: Mesh): Placement {
  const [target] = plugin.targetRefs;
  if (target) {
    const [kind, name] = [target.text("kind"), target.text("name") ?? ""];
    if (kind === "Service" || kind === "ServiceEntry") return "waypoint";
    if (kind === "GatewayClass") return name === "istio-waypoint" ? "waypoint" : "gateway";
    return kind === "Gateway" ? gatewayNamed(name, plugin.resource.namespace, mesh) : "unknown";
  }
  const gateway = plugin.selector.get(GATEWAY_NAME);
  if (gateway !== undefined) return gatewayNamed(gateway, plugin.resource.namespace, mesh);
  if (plugin.selector.get("istio")?.includes("gateway")) return "gateway";
  const selected = mesh.workloads.filter((workload) => plugin.selectsWorkload(workload, mesh.rootNamespace));
  if (selected.some(({ annotations }) => annotations.get("inject.istio.io/templates") === "gateway")) return "gateway";
  if (!plugin.sides.has("SERVER")) return missedBrokers(plugin, mesh).length > 0 ? "server-sidecar" : "client-sidecar";
  if (!plugin.sides.has("CLIENT")) return "server-sidecar";
  // What stands on both sides is told by its pods; where none are among the files it is taken to be for nats-server.
  if (selected.some(({ isBroker }) => isBroker)) return "server-sidecar";
  if (plugin.identity === "WORKLOAD") return "client-sidecar";
  return selected.length > 0 ? "unknown" : "server-sidecar";
}

/**
 * The nats-server pods that the plugin selects for the connections that they dial alone, where no other plugin judges
 * those that they take.
 */
export function missedBrokers(plugin: Plugin, mesh: Mesh): Workload[] {
  if (plugin.sides.has("SERVER")) return [];
  const selected = mesh.brokers.filter((broker) => plugin.selectsWorkload(broker, mesh.rootNamespace));
  return selected.filter((broker) => !mesh.pluginsOf(broker).some(({ sides }) => sides.has("SERVER")));
}

function gatewayNamed(name: string, namespace: string, mesh: Mesh): Placement {
  const gateway = mesh.resources.find(
    (resource) =>
      resource.kind === "Gateway" &&
      resource.group === "gateway.networking.k8s.io" &&
      resource.name === name &&
      resource.namespace === namespace,
  );
  const className = gateway?.root.text("spec", "gatewayClassName");
  if (className !== undefined) return className.includes("waypoint") ? "waypoint" : "gateway";
  return name.includes("waypoint") ? "waypoint" : "unknown";
}
