import { Envoy } from "../stand/envoy.ts";
import { tcpCluster, tcpListener, tcpProxy } from "../stand/mesh.ts";

/** What istio-agent puts in place of a module that it cannot get (istio/pkg/wasm/convert.go). */
function standIn(statPrefix: string, rules: object): object {
  return {
    name: "extensions.istio.io/trafficextension/messaging.istio-nats",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC",
      stat_prefix: statPrefix,
      ...rules,
    },
  };
}

/** Istio's own rules for labels of RBAC stats (tools/packaging/common/envoy_bootstrap.json). */
const RBAC_TAGS = [
  { tag_name: "authz_enforce_result", regex: "rbac(\\.(allowed|denied))" },
  { tag_name: "authz_dry_run_action", regex: "(\\.istio_dry_run_(allow|deny)_)" },
  { tag_name: "authz_dry_run_result", regex: "(\\.shadow_(allowed|denied))" },
];

/** A broker's Envoy whose module could not be fetched: `deny` with FAIL_CLOSE or FAIL_RELOAD, `allow` with FAIL_OPEN. */
export function startStandIn(folder: string, natsPort: number, verdict: "deny" | "allow"): Promise<Envoy> {
  const filter = verdict === "deny" ? standIn("wasm-default-deny", { rules: {} }) : standIn("wasm-default-allow", {});
  return Envoy.start(folder, `${verdict}-all-envoy`, {
    node: { id: `sidecar~127.0.0.1~nats-${verdict}.messaging`, cluster: "nats.messaging" },
    stats_config: { use_all_default_tags: false, stats_tags: RBAC_TAGS },
    static_resources: {
      listeners: [tcpListener("mtls", [{ filters: [filter, tcpProxy("nats")] }])],
      clusters: [tcpCluster("nats", natsPort)],
    },
  });
}
