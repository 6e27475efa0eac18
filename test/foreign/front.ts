import { ruleOfPermissions, type NatsPermissions } from "../conformance/nats-permissions.ts";
import { Envoy } from "../stand/envoy.ts";
import { peerPrincipal, tcpListener, tcpProxy } from "../stand/mesh.ts";
import { DiscoveredFilter } from "../stand/wasm-filter.ts";

/** The identity of the suite's clients for the filter: a source address by which Envoy knows the principal, and its permissions. */
export interface Client {
  name: string;
  address: string;
  permissions: NatsPermissions | null;
}

const EXTENSIONS = "type.googleapis.com/envoy.extensions";

/** The address that hook.go gives to every client that is not one of the suite's restricted users. */
const ANYONE: Client = { name: "anyone", address: "10.0.0.1", permissions: null };

/**
 * An Envoy with the filter in front of whatever nats-server a connection's PROXY line names, because a suite starts its servers
 * itself, on ports of its own.
 */
export async function startFront(folder: string, clients: readonly Client[], controlLine: number): Promise<Envoy> {
  const rules = [ANYONE, ...clients].map(({ name, address, permissions }) => ({
    name,
    from: [{ principals: [`foreign.test/ns/clients/sa/${address}`] }],
    ...ruleOfPermissions(permissions),
  }));
  const config = {
    mode: "ENFORCE",
    identity: "WAYPOINT",
    // Some of the tests are about what clients make of the addresses, and WAYPOINT alone would remove them.
    connectUrls: "KEEP",
    trustDomains: ["foreign.test"],
    rules,
    limits: { controlLine },
  };
  const filter = new DiscoveredFilter(folder, "foreign", { config });
  const principal = "spiffe://foreign.test/ns/clients/sa/%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%";
  const listener = tcpListener(
    "front",
    [{ filters: [peerPrincipal(principal), filter.reference(), tcpProxy("named-by-client")] }],
    {
      listenerFilters: [
        {
          name: "envoy.filters.listener.proxy_protocol",
          typed_config: { "@type": `${EXTENSIONS}.filters.listener.proxy_protocol.v3.ProxyProtocol` },
        },
      ],
    },
  );
  const cluster = {
    name: "named-by-client",
    type: "ORIGINAL_DST",
    lb_policy: "CLUSTER_PROVIDED",
    connect_timeout: "2s",
  };
  const bootstrap = {
    node: { id: "sidecar~127.0.0.1~foreign.test~test.svc.cluster.local", cluster: "foreign" },
    static_resources: { listeners: [listener], clusters: [cluster] },
  };
  return Envoy.start(folder, "front-envoy", bootstrap);
}
