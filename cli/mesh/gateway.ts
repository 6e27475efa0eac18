import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import type { Mesh } from "./mesh.ts";
import type { Plugin } from "./plugin.ts";
import type { Service } from "./service.ts";
import { selects } from "./selector.ts";

/** A server of a Gateway in Istio's own API. */
export interface GatewayServer {
  gateway: Resource;
  field: Field;
  port: number;
}

/**
 * The servers of the Gateways for the proxies that a plugin selects. A Gateway selects pods of every namespace
 * (pilot's PILOT_SCOPE_GATEWAY_TO_NAMESPACE is off); the pods themselves are seldom among the files, so the selectors are compared.
 */
export function serversBeside(plugin: Plugin, mesh: Mesh): GatewayServer[] {
  if (plugin.targetRefs.length > 0 || plugin.selector.size === 0) return [];
  return mesh.of("Gateway", "networking.istio.io").flatMap((gateway) => {
    const selector = gateway.root.texts("spec", "selector");
    if (selector.size === 0 || !(selects(selector, plugin.selector) || selects(plugin.selector, selector))) return [];
    return gateway.root.items("spec", "servers").flatMap((field) => {
      const port = field.integer("port", "number");
      return port === undefined ? [] : [{ gateway, field, port }];
    });
  });
}

/** The Services of the proxies that a plugin selects. The pods are seldom among the files, so the selectors are compared. */
export function gatewayServices(plugin: Plugin, mesh: Mesh): Service[] {
  return mesh.services.filter(
    ({ namespace, selector }) =>
      namespace === plugin.resource.namespace &&
      selector.size > 0 &&
      (selects(selector, plugin.selector) || selects(plugin.selector, selector)),
  );
}

/** The names by which peers reach a server that has TLS (`GetSNIHostsForServer`). */
export function hostsOf({ field }: GatewayServer): string[] {
  return field.items("hosts").flatMap((host) => host.text()?.split("/").at(-1) ?? []);
}

/** Where a VirtualService leads workloads to a gateway: the host of the gateway's Service, and its namespace. */
export interface WayOut {
  virtualService: Resource;
  destination: Field;
  host: Field;
  namespace: string;
  /** For what the route is, where workloads themselves are meant. */
  matches: Field[];
}

/** The ways by which the mesh reaches the servers of a Gateway, as far as its VirtualServices name a Service with its namespace. */
export function waysTo(gateway: Resource, mesh: Mesh): WayOut[] {
  return mesh.of("VirtualService", "networking.istio.io").flatMap((virtualService) => {
    const { root, namespace } = virtualService;
    const names = root.items("spec", "gateways").map((name) => name.text() ?? "");
    const bound = names.map((name) => (name.includes("/") ? name : `${namespace}/${name}`));
    if (!bound.includes(`${gateway.namespace}/${gateway.name}`)) return [];
    return root.items("spec", "tcp").flatMap((tcp) => {
      const matches = tcp
        .items("match")
        .filter((match) => match.items("gateways").some((name) => name.text() === "mesh"));
      if (matches.length === 0) return [];
      return tcp.items("route").flatMap((route) => {
        const destination = route.get("destination");
        const host = destination?.get("host");
        const [, namespace] = /^[^.]+\.([^.]+)\.svc\./.exec(host?.text() ?? "") ?? [];
        if (!destination || !host || namespace === undefined) return [];
        return [{ virtualService, destination, host, namespace, matches }];
      });
    });
  });
}
