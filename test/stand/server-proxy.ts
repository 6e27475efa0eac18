import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Identity } from "./certificates.ts";
import { Envoy, type EnvoyOptions } from "./envoy.ts";
import {
  chainMatches,
  downstreamTls,
  peerPrincipal,
  statsTag,
  tcpCluster,
  tcpListener,
  tcpProxy,
  tlsInspector,
  upstreamTls,
} from "./mesh.ts";
import { waitFor } from "./wait.ts";
import { DiscoveredFilter, type WasmFilter } from "./wasm-filter.ts";

/**
 * How a listener accepts its clients. The first three are Istio's mTLS modes for a declared TCP port:
 * - STRICT: TLS with a client certificate, and nothing else.
 * - PERMISSIVE: the same for TLS with Istio's ALPN. A client's own TLS and plain bytes pass unchanged.
 * - DISABLE: plain bytes.
 * - WAYPOINT: plain bytes of a peer whose mTLS has ended before and whose principal is in filter state.
 */
export type DownstreamMode = "STRICT" | "PERMISSIVE" | "DISABLE" | "WAYPOINT";

export interface ListenerSpec {
  /** STRICT by default. */
  mode?: DownstreamMode;
  /** The filter in every chain before tcp_proxy; none by default. */
  filter?: WasmFilter;
  /** For WAYPOINT: the principal, as an Envoy format string; `WAYPOINT_PRINCIPAL` by default. */
  principal?: string;
  /** per_connection_buffer_limit_bytes of the listener and its cluster; Envoy's 1 MiB by default. */
  bufferLimit?: number;
  /** If given, the proxy originates TLS to nats-server, whose certificate must have this URI. Plain bytes by default. */
  serverUri?: string;
  /** tcp_proxy's `access_log`; none by default. */
  accessLog?: readonly object[];
}

export interface ServerProxyOptions extends EnvoyOptions {
  /** Labels that become Prometheus labels, as extraStatTags lists them. */
  statsTags?: readonly string[];
  /** The node's metadata, in which Istio tells a proxy its own workload (NAMESPACE, SERVICE_ACCOUNT); none by default. */
  metadata?: Record<string, string>;
  /** Whether Envoy measures how long each turn of an event loop takes, for `ServerProxy.longestTurn`. */
  measuresTurns?: boolean;
  /** Clusters besides those of the listeners. */
  clusters?: readonly object[];
}

/** A principal for each client address: a client bound to 127.a.b.c is that service account. */
const WAYPOINT_PRINCIPAL = "spiffe://cluster.local/ns/clients/sa/%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%";

/** Usable addresses of a network of 256. */
const HOSTS = 254;

/** The address that the `principal`-th of thousands of clients binds, to be a principal of its own (`WAYPOINT_PRINCIPAL`). */
export function addressOf(principal: number): string {
  return `127.1.${Math.floor(principal / HOSTS)}.${1 + (principal % HOSTS)}`;
}

function chains(spec: ListenerSpec, identity: Identity, filters: object[]): object[] {
  const { tls, istioTls, plain } = chainMatches;
  const mtls = { transport_socket: downstreamTls(identity), filters };
  switch (spec.mode ?? "STRICT") {
    case "STRICT":
      return [{ filter_chain_match: tls, ...mtls }];
    case "PERMISSIVE":
      return [
        { filter_chain_match: istioTls, ...mtls },
        { filter_chain_match: tls, filters },
        { filter_chain_match: plain, filters },
      ];
    case "DISABLE":
      return [{ filters }];
    case "WAYPOINT":
      return [{ filters: [peerPrincipal(spec.principal ?? WAYPOINT_PRINCIPAL), ...filters] }];
  }
}

function listensForTls({ mode = "STRICT" }: ListenerSpec): boolean {
  return mode === "STRICT" || mode === "PERMISSIVE";
}

/** A time that Linux counts of a thread, in milliseconds (`/proc/PID/task/TID/schedstat`). */
function schedulerTime(task: string, field: number): number {
  return Number(readFileSync(`${task}/schedstat`, "utf8").split(" ")[field]) / 1e6;
}

/** Milliseconds that a thread, one of `workers`, has computed so far. */
export function computedBy(task: string): number {
  return schedulerTime(task, 0);
}

/** Milliseconds that a thread has been ready to compute so far, while something else had the core. */
export function heldUp(task: string): number {
  return schedulerTime(task, 1);
}

/** How often a thread has gone to sleep so far. */
function sleepsOf(task: string): number {
  const [, count] = /^voluntary_ctxt_switches:\s+(\d+)$/m.exec(readFileSync(`${task}/status`, "utf8")) ?? [];
  return Number(count);
}

/** The Envoy beside nats-server. */
export class ServerProxy {
  readonly envoy: Envoy;
  readonly #filters: ReadonlyMap<string, DiscoveredFilter>;

  private constructor(envoy: Envoy, filters: ReadonlyMap<string, DiscoveredFilter>) {
    this.envoy = envoy;
    this.#filters = filters;
  }

  /** Starts it in front of the nats-server at `natsPort`, with one listener for each of `listeners`. */
  static async start(
    folder: string,
    identity: Identity,
    natsPort: number,
    listeners: Record<string, ListenerSpec>,
    {
      statsTags = [],
      metadata = {},
      measuresTurns = false,
      clusters: others = [],
      ...options
    }: ServerProxyOptions = {},
  ): Promise<ServerProxy> {
    const filters = new Map<string, DiscoveredFilter>();
    const configs: object[] = [];
    const clusters: object[] = [...others];
    for (const [name, spec] of Object.entries(listeners)) {
      const cluster = `nats-${name}`;
      const network: object[] = [];
      if (spec.filter) {
        const filter = new DiscoveredFilter(folder, name, spec.filter);
        filters.set(name, filter);
        network.push(filter.reference());
      }
      network.push(tcpProxy(cluster, spec.accessLog));
      const { bufferLimit } = spec;
      const listenerFilters = listensForTls(spec) ? [tlsInspector] : undefined;
      configs.push(tcpListener(name, chains(spec, identity, network), { bufferLimit, listenerFilters }));
      const tls = spec.serverUri === undefined ? undefined : upstreamTls(identity, spec.serverUri);
      clusters.push(tcpCluster(cluster, natsPort, { tls, bufferLimit }));
    }
    const bootstrap = {
      node: {
        id: "sidecar~127.0.0.1~nats-0.messaging~messaging.svc.cluster.local",
        cluster: "nats.messaging",
        metadata,
      },
      ...(measuresTurns ? { enable_dispatcher_stats: true } : {}),
      stats_config: { stats_tags: statsTags.map(statsTag) },
      static_resources: { listeners: configs, clusters },
    };
    return new ServerProxy(await Envoy.start(folder, "server-envoy", bootstrap, options), filters);
  }

  async stop(): Promise<void> {
    await this.envoy.stop();
  }

  /** Milliseconds that all threads of Envoy have computed so far (Linux). */
  computed(): number {
    const tasks = `/proc/${this.envoy.pid}/task`;
    return readdirSync(tasks).reduce((sum, task) => sum + computedBy(`${tasks}/${task}`), 0);
  }

  /** Milliseconds that each worker has computed so far (Linux). */
  workerTimes(): number[] {
    return this.workers().map(computedBy);
  }

  /** Each worker's thread as a folder of /proc (Linux), in the order of the threads' ids. */
  workers(): string[] {
    const tasks = `/proc/${this.envoy.pid}/task`;
    return readdirSync(tasks)
      .map((task) => `${tasks}/${task}`)
      .filter((task) => readFileSync(`${task}/comm`, "utf8").startsWith("wrk:worker"));
  }

  /** What Envoy computes in so many milliseconds from now on, as a share of one core (Linux). */
  async load(duration: number): Promise<number> {
    const [before, began] = [this.computed(), performance.now()];
    await sleep(duration);
    return (this.computed() - before) / (performance.now() - began);
  }

  /** How often the workers wake up in so many milliseconds from now on (Linux). */
  async wakeUps(duration: number): Promise<number> {
    const soFar = (): number => this.workers().reduce((sum, worker) => sum + sleepsOf(worker), 0);
    const before = soFar();
    await sleep(duration);
    return soFar() - before;
  }

  /**
   * Milliseconds of the longest turn of any worker's event loop so far, to 10 % (Envoy's histograms are log-linear). Nothing else
   * on that worker ran in that time. Needs `measuresTurns`.
   */
  async longestTurn(): Promise<number> {
    const lines = (await this.envoy.admin("/stats?filter=worker_.*loop_duration_us")).split("\n");
    const longest = lines.flatMap((line) => /P100\([^,]*,([\d.]+)\)/.exec(line)?.[1] ?? []).map(Number);
    if (longest.length === 0) throw new Error(`no worker has reported how long its turns take:\n${lines.join("\n")}`);
    return Math.max(...longest) / 1000;
  }

  /**
   * Pushes another version of a listener's filter, as istiod does when a WasmPlugin changes, and waits for Envoy's answer. Workers
   * apply an accepted version some milliseconds later.
   */
  async update(listener: string, filter: WasmFilter): Promise<"ACCEPTED" | "REJECTED"> {
    const discovered = this.#filters.get(listener);
    if (!discovered) throw new Error(`The listener ${listener} has no filter to update.`);
    const stat = `extension_config_discovery.network_filter.${discovered.resourceName}`;
    const count = (name: string): Promise<number> => this.envoy.rawStat(`${stat}.${name}`);

    const accepted = await count("update_success");
    const rejected = await count("update_rejected");
    discovered.update(filter);
    return waitFor(
      "Envoy answers the update",
      async () => {
        if ((await count("update_rejected")) > rejected) return "REJECTED";
        return (await count("update_success")) > accepted && "ACCEPTED";
      },
      { explain: () => this.envoy.explain() },
    );
  }
}
