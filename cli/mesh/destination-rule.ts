import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import { isWildcard, standsFor } from "./host.ts";
import type { Mesh } from "./mesh.ts";

/** A host with as much of a Service's name as is known: a short one is in the namespace of who names it (`ResolveShortnameToFQDN`). */
export function resolvedHost(host: string, namespace: string): string {
  if (!host.includes(".")) return `${host}.${namespace}.svc`;
  // The cluster's domain follows, which only the mesh's own settings tell.
  return /^[^.]+\.[^.]+\.svc(?=\.|$)/.exec(host)?.[0] ?? host;
}

/** The DestinationRules among the files that are for a host, which `resolvedHost` has made. */
export function destinationRulesFor(host: string, mesh: Mesh): Resource[] {
  return mesh.of("DestinationRule", "networking.istio.io").filter(({ root, namespace }) => {
    const of = root.text("spec", "host") ?? "";
    // Whether a more specific rule comes before a wildcard's depends on who asks (`destinationRule` in push_context.go).
    if (isWildcard(of)) return [host, `${host}.cluster.local`].some((one) => standsFor(of, one));
    return resolvedHost(of, namespace) === host;
  });
}

/**
 * How proxies connect to a port, of a subset or without one: the subset's settings come before the rule's, a port's before others. Those
 * of a port take nothing from the others (pilot/pkg/networking/util/util.go, `GetPortLevelTrafficPolicy`).
 */
export function tlsFor({ root }: Resource, subset: string | undefined, port: number): Field | undefined {
  const own = root.items("spec", "subsets").find((one) => one.text("name") === subset);
  const policies = [own?.get("trafficPolicy"), root.get("spec", "trafficPolicy")];
  for (const policy of policies) {
    const ofPort = policy?.items("portLevelSettings").find((settings) => settings.integer("port", "number") === port);
    if (ofPort) return ofPort.get("tls");
    const tls = policy?.get("tls");
    if (tls) return tls;
  }
  return undefined;
}
