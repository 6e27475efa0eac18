import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import type { Mesh } from "./mesh.ts";
import type { Plugin } from "./plugin.ts";
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
