import { isFilledIn } from "../manifests/unfilled.ts";
import type { Mesh } from "./mesh.ts";
import type { Plugin } from "./plugin.ts";
import { limitOf, LIMITS } from "./plugin-limits.ts";
import { proxyConfigOf, type ProxyConfig } from "./proxy-config.ts";
import { arePlanned, madeLimits, plannedLimits, type ProxyLimits } from "./proxy-limits.ts";
import type { Workload } from "./workload.ts";

const MIB = 1024 ** 2;

/** Resident memory of Envoy itself, with no filter and no connection: 63 MiB were measured (docs/how-to/size-the-proxy.md). */
const ENVOY = 64 * MIB;

/** What a worker takes besides one and a half times `limits.memory` (docs/reference/policy.md, `limits`), and the most that it takes of both. */
const BESIDES = 64 * MIB;
const MOST = 736 * MIB;

/** Hardly a node has as many CPUs. */
const MANY_WORKERS = 128;

/** Too little memory for what clients can make the filter hold, in one proxy. */
interface Lack {
  /** What the proxy may have, in MiB. */
  limit: number;
  /** Undefined where nothing says how many workers there are: as many as the node has CPUs. */
  workers: BoundedWorkers | undefined;
  /** For so many workers there is room. */
  room: number;
}

/** The same for all proxies of a workload's pods. */
export interface Shortage extends Lack {
  /** Pods that are there have too little, and new ones have enough. */
  isMended: boolean;
}

export interface BoundedWorkers {
  count: number;
  /** What they and Envoy may take, in MiB. */
  needed: number;
  /** What `limits.memory` may be instead, in bytes; undefined if that is less than the filter accepts. */
  fitting: number | undefined;
  /** The CPU limit that they have, or need, if it is to say how many there are. */
  cpus: number;
}

/** `limits.memory` of a policy; undefined where something has still to fill it in. */
function memoryOf(plugin: Plugin): number | undefined {
  const { config } = plugin;
  const written = [config, config?.get("limits"), config?.get("limits", "memory")];
  return written.some((field) => isFilledIn(field?.text() ?? "")) ? undefined : limitOf(plugin, "memory");
}

/** How many workers a proxy has (pilot-agent, `ConstructProxyConfig`; pkg/envoy/proxy.go tells Envoy no number that is not positive). */
function workersOf(concurrency: ProxyConfig["concurrency"], { cpus }: ProxyLimits): number | "of the node" | "unknown" {
  if (concurrency === "unfilled") return "unknown";
  if (concurrency !== undefined) return concurrency > 0 ? concurrency : "of the node";
  return typeof cpus === "number" ? Math.ceil(cpus) : cpus === "none" ? "of the node" : cpus;
}

/** Whether hostile clients can have the proxies of nats-server's pods killed, whose filter would have ended their connections. */
export function shortageOf(broker: Workload, mesh: Mesh): Shortage | undefined {
  const told = mesh.pluginsOf(broker).map(memoryOf);
  const given = told.filter((memory) => memory !== undefined);
  if (given.length < told.length) return undefined;
  // The largest of all plugins that share a VM counts (docs/reference/policy.md).
  const worker = Math.min(Math.max(...given) * 1.5 + BESIDES, MOST);
  const { concurrency } = proxyConfigOf(broker, mesh);
  const lackOf = (limits: ProxyLimits): Lack | undefined => lackUnder(limits, workersOf(concurrency, limits), worker);
  const planned = plannedLimits(broker, mesh);
  const made = madeLimits(broker);
  const lack = (made.length > 0 ? made : [planned]).map(lackOf).find((one) => one !== undefined);
  if (!lack) return undefined;
  const arePlansKnown = arePlanned(broker, mesh) && planned.memory !== "unknown";
  return { ...lack, isMended: made.length > 0 && arePlansKnown && lackOf(planned) === undefined };
}

/** What so many workers lack under these limits, each of which may take so many bytes. */
function lackUnder(
  { memory, cpus }: ProxyLimits,
  count: ReturnType<typeof workersOf>,
  worker: number,
): Lack | undefined {
  if (typeof memory !== "number" || count === "unknown") return undefined;
  const room = Math.max(Math.floor((memory - ENVOY) / worker), 0);
  if (room >= (count === "of the node" ? MANY_WORKERS : count)) return undefined;
  const limit = Math.floor(memory / MIB);
  if (count === "of the node") return { limit, room, workers: undefined };
  const needed = Math.ceil((ENVOY + count * worker) / MIB);
  const least = ((memory - ENVOY) / count - BESIDES) / 1.5;
  const fitting = least >= LIMITS.memory.minimum ? Math.floor(least / MIB) * MIB : undefined;
  return { limit, room, workers: { count, needed, fitting, cpus: typeof cpus === "number" ? cpus : count } };
}
