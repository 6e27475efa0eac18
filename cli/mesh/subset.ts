import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import { destinationRulesFor, resolvedHost } from "./destination-rule.ts";
import type { Mesh } from "./mesh.ts";
import { CLIENT_PORT } from "./nats-ports.ts";

/** A subset to which a VirtualService leads connections of NATS. */
export interface NamedSubset {
  virtualService: Resource;
  subset: Field;
  host: string;
}

/** Whether a route is for NATS's port, or leads to nats-server's Service. */
function isOfNats(route: Field, destination: Field, namespace: string, mesh: Mesh): boolean {
  const ports = [...route.items("match").map((match) => match.integer("port")), destination.integer("port", "number")];
  const host = destination.text("host") ?? "";
  return ports.includes(CLIENT_PORT) || mesh.clientServiceNamed(host, namespace) !== undefined;
}

/** The subsets that TCP and TLS routes name; those for HTTP are no ways to nats-server. */
export function namedSubsets(mesh: Mesh): NamedSubset[] {
  return mesh.of("VirtualService", "networking.istio.io").flatMap((virtualService) => {
    const { root, namespace } = virtualService;
    return [...root.items("spec", "tcp"), ...root.items("spec", "tls")].flatMap((route) =>
      route.items("route").flatMap((way) => {
        const destination = way.get("destination");
        const subset = destination?.get("subset");
        if (!destination || !subset || (subset.text() ?? "") === "") return [];
        if (!isOfNats(route, destination, namespace, mesh)) return [];
        return [{ virtualService, subset, host: resolvedHost(destination.text("host") ?? "", namespace) }];
      }),
    );
  });
}

/** The subsets that DestinationRules make for a host; undefined if none of those among the files is for it. */
export function subsetsOf({ host }: NamedSubset, mesh: Mesh): string[] | undefined {
  const rules = destinationRulesFor(host, mesh);
  if (rules.length === 0) return undefined;
  return rules.flatMap(({ root }) => root.items("spec", "subsets").flatMap((subset) => subset.text("name") ?? []));
}
