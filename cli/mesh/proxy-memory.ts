import schema from "../../docs/policy.schema.json" with { type: "json" };
import type { Mesh } from "./mesh.ts";
import { proxyConfigOf } from "./proxy-config.ts";
import { proxyLimitsOf, type ProxyLimits } from "./proxy-limits.ts";
import type { Workload } from "./workload.ts";

const MIB = 1024 ** 2;

/** Resident memory of Envoy itself, with no filter and no connection: 63 MiB were measured (docs/performance-scale.md). */
const ENVOY = 64 * MIB;

/** What a worker takes besides one and a half times `limits.memory` (docs/policy.md, `limits`), and the most that it takes of both. */
const BESIDES = 64 * MIB;
const MOST = 736 * MIB;

const { default: USUAL_MEMORY, minimum: LEAST_MEMORY } = schema.definitions.limits.properties.memory;

/** Too little memory for what clients can make the filter hold. All in MiB. */
export interface Shortage {
  limit: number;
  /** Undefined where nothing says how many workers there are: as many as the node has CPUs. */
  workers:
    { count: number; needed: number; /** What `limits.memory` may be. */ fitting: number | undefined } | undefined;
  /** For so many workers there is room. */
  room: number;
}

/** How many workers a proxy has (pilot-agent, `ConstructProxyConfig`). */
function workersOf(broker: Workload, { cpus }: ProxyLimits, mesh: Mesh): number | "of the node" | "unknown" {
  const { concurrency } = proxyConfigOf(broker, mesh);
  if (concurrency === "unfilled") return "unknown";
  if (concurrency !== undefined) return concurrency === 0 ? "of the node" : concurrency;
  return typeof cpus === "number" ? Math.ceil(cpus) : cpus === "none" ? "of the node" : cpus;
}

/** Whether hostile clients can have the proxies of nats-server's pods killed, whose filter would have ended their connections. */
export function shortageOf(broker: Workload, mesh: Mesh): Shortage | undefined {
  // The largest of all plugins that share a VM counts (docs/policy.md).
  const given = mesh.pluginsOf(broker).map((plugin) => plugin.config?.integer("limits", "memory") ?? USUAL_MEMORY);
  const worker = Math.min(Math.max(...given) * 1.5 + BESIDES, MOST);
  for (const limits of proxyLimitsOf(broker, mesh)) {
    const count = workersOf(broker, limits, mesh);
    if (typeof limits.memory !== "number" || count === "unknown") continue;
    const limit = Math.floor(limits.memory / MIB);
    const room = Math.max(Math.floor((limits.memory - ENVOY) / worker), 0);
    if (count === "of the node") return { limit, workers: undefined, room };
    if (count <= room) continue;
    const fitting = ((limits.memory - ENVOY) / count - BESIDES) / 1.5;
    const workers = {
      count,
      needed: Math.ceil((ENVOY + count * worker) / MIB),
      fitting: fitting >= LEAST_MEMORY ? Math.floor(fitting / MIB) * MIB : undefined,
    };
    return { limit, workers, room };
  }
  return undefined;
}
