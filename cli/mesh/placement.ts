import { serversBeside } from "./gateway.ts";
import type { Mesh } from "./mesh.ts";
import type { Plugin } from "./plugin.ts";
import { selects } from "./selector.ts";
import type { Service } from "./service.ts";
import { usedWaypoint } from "./waypoint.ts";
import type { Workload } from "./workload.ts";

/** The kind of proxies that run a plugin. */
export type Placement = "server-sidecar" | "client-sidecar" | "gateway" | "waypoint" | "unknown";

const GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name";

/** Decides by what the plugin is attached to. A Gateway outside the files is a waypoint if a Service uses it, or by its name. */
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
  if (plugin.selector.get("istio")?.includes("gateway") || serversBeside(plugin, mesh).length > 0) return "gateway";
  const selected = mesh.workloads.filter((workload) => plugin.selectsWorkload(workload, mesh.rootNamespace));
  if (selected.some(({ annotations }) => annotations.get("inject.istio.io/templates") === "gateway")) return "gateway";
  if (!plugin.sides.has("SERVER")) return missedBrokers(plugin, mesh).length > 0 ? "server-sidecar" : "client-sidecar";
  if (!plugin.sides.has("CLIENT")) return "server-sidecar";
  // The pods decide about a plugin for both sides. If none are among the files, it is assumed to be for nats-server.
  if (selected.some(({ isBroker }) => isBroker)) return "server-sidecar";
  if (plugin.identity === "WORKLOAD") return "client-sidecar";
  return selected.length > 0 ? "unknown" : "server-sidecar";
}

/**
 * The brokers whose inbound connections nobody judges: the plugin selects nats-server's pods only for the connections that they
 * open, and no other plugin judges those that they accept. If the pods are not among the files, their Service stands for them.
 */
export function missedBrokers(plugin: Plugin, mesh: Mesh): (Workload | Service)[] {
  if (plugin.sides.has("SERVER") || plugin.targetRefs.length > 0) return [];
  const selected = [...mesh.brokersOf(plugin)];
  if (selected.length > 0)
    return selected.filter((broker) => !mesh.pluginsOf(broker).some(({ sides }) => sides.has("SERVER")));
  const { namespace } = plugin.resource;
  const judged = mesh.plugins.some(
    (other) =>
      other.sides.has("SERVER") && other.resource.namespace === namespace && selects(other.selector, plugin.selector),
  );
  if (judged) return [];
  return mesh.brokerServices.filter((service) => service.servesAll(namespace, plugin.selector));
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
  const isUsed = mesh.services.some((service) => {
    const use = usedWaypoint(service, mesh);
    return use?.namespace === namespace && use.name === name;
  });
  return isUsed || name.includes("waypoint") ? "waypoint" : "unknown";
}
