import { connect } from "@nats-io/transport-node";
import { inRoot } from "../../tools/paths.ts";
import { RULES_FILE } from "../../tools/dashboards/generate.ts";
import type { Envoy } from "../stand/envoy.ts";
import { Stand } from "../stand/stand.ts";
import type { WasmFilter } from "../stand/wasm-filter.ts";
import { PrometheusServer, scraping } from "./prometheus-server.ts";
import { startStandIn } from "./stand-in.ts";
import { LEAVER, MAX_PAYLOAD, narrowerPolicy, policy, Traffic, TRIAL } from "./traffic.ts";

/** The broker's workload as Istio's node metadata names it. */
const METADATA = { NAMESPACE: "messaging", WORKLOAD_NAME: "nats" };

/** FAIL_RELOAD has stats of its own, which a dashboard shows. */
function filter(config: object): WasmFilter {
  return { config, failurePolicy: "FAIL_RELOAD" };
}

function pod(name: string): Record<string, string> {
  return { namespace: "messaging", pod: name, app_kubernetes_io_name: "nats", service_istio_io_canonical_name: "nats" };
}

/** The labels of other pods that the filter runs in: Istio's labels of a waypoint and of an egress gateway. */
const GATEWAYS: readonly Record<string, string>[] = [
  { namespace: "messaging", pod: "nats-waypoint-0", gateway_networking_k8s_io_gateway_name: "nats-waypoint" },
  { namespace: "istio-egress", pod: "istio-egressgateway-0", istio: "egressgateway" },
];

/** A pod of a client that has the filter in its own sidecar. */
function clientPod(name: string): Record<string, string> {
  return { namespace: "shop", pod: name, service_istio_io_canonical_name: "orders-api" };
}

/**
 * Three brokers: nats-0 with the filter and clients at work, nats-1 and nats-2 with Istio's stand-ins for a module that it cannot
 * fetch. A real Prometheus scrapes all of them. It scrapes the first once more as a waypoint, as an egress gateway and as a client's
 * sidecar, and the second as a sidecar beside the same client, because only the pod's labels say where a proxy is.
 */
export class World {
  readonly prometheus: PrometheusServer;
  readonly #stand: Stand;
  readonly #standIns: readonly Envoy[];
  readonly #traffic: Traffic;
  readonly #knocking: NodeJS.Timeout;

  private constructor(stand: Stand, standIns: readonly Envoy[], prometheus: PrometheusServer, traffic: Traffic) {
    this.#stand = stand;
    this.#standIns = standIns;
    this.prometheus = prometheus;
    this.#traffic = traffic;
    this.#knocking = setInterval(() => void this.#knock(), 300);
  }

  static async start(): Promise<World> {
    const stand = await Stand.start({
      listeners: {
        mtls: { filter: filter(policy) },
        [TRIAL]: { filter: { ...filter({ ...policy, mode: "DRY_RUN" }), environment: { PROXY: "trial" } } },
        // With VMs of its own, as in a proxy of its own: of the plugins in a VM only one tells of its memory.
        outbound: {
          mode: "DISABLE",
          filter: { ...filter({ ...policy, identity: "WORKLOAD" }), environment: { PROXY: "client" } },
        },
      },
      nats: { config: `max_payload: ${MAX_PAYLOAD}` },
      serverProxy: { metadata: METADATA },
    });
    const started: { stop: () => Promise<void> }[] = [stand];
    try {
      const standIns: Envoy[] = [];
      for (const verdict of ["deny", "allow"] as const) {
        const envoy = await startStandIn(stand.folder, stand.nats.port, verdict);
        started.unshift(envoy);
        standIns.push(envoy);
      }
      const targets = [stand.envoy, ...standIns].map(({ adminAddress }, i) => ({
        address: adminAddress,
        labels: pod(`nats-${i}`),
      }));
      targets.push(...GATEWAYS.map((labels) => ({ address: stand.envoy.adminAddress, labels })));
      targets.push(
        { address: stand.envoy.adminAddress, labels: clientPod("orders-api-0") },
        { address: standIns[0]!.adminAddress, labels: clientPod("orders-api-1") },
      );
      const prometheus = await PrometheusServer.start(stand.folder, [scraping(targets)], [inRoot(RULES_FILE)]);
      started.unshift(prometheus);
      return new World(stand, standIns, prometheus, await Traffic.start(stand));
    } catch (error) {
      for (const one of started) await one.stop();
      throw error;
    }
  }

  /** Changes the policy under an open subscription that loses its right, and then sends a faulty one. */
  async changePolicy(): Promise<void> {
    const { url } = await this.#stand.sidecar(LEAVER);
    const leaver = await connect({ servers: url, reconnect: false });
    leaver.subscribe("orders.>", { callback: () => undefined });
    await leaver.flush();
    await this.#stand.update(filter(narrowerPolicy));
    await this.#stand.update(filter({ ...narrowerPolicy, mode: "SOMETIMES" }));
  }

  /** Ends the proxy of nats-2, whose target stays, as on a node that is gone. */
  async loseProxy(): Promise<void> {
    await this.#standIns[1]!.stop();
  }

  async stop(): Promise<void> {
    clearInterval(this.#knocking);
    await this.#traffic.stop();
    await this.prometheus.stop();
    await Promise.all(this.#standIns.map((envoy) => envoy.stop()));
    await this.#stand.stop();
  }

  /** A client at each stand-in. */
  async #knock(): Promise<void> {
    const knocks = this.#standIns.map(async (envoy) => {
      const client = await connect({ servers: `127.0.0.1:${envoy.port("mtls")}`, reconnect: false, timeout: 1_000 });
      await client.close();
    });
    await Promise.allSettled(knocks);
  }
}
