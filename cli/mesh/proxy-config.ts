import { parseFirst } from "../manifests/kubernetes-yaml.ts";
import { isFilledIn } from "../manifests/unfilled.ts";
import type { Mesh } from "./mesh.ts";
import { heldMeshConfigs, operatorMeshConfigs } from "./mesh-config.ts";
import { selects, workloadSelector, type Labels, type Pods } from "./selector.ts";

/** The pod annotation with the stats labels that a proxy must know. */
export const EXTRA_STAT_TAGS = "sidecar.istio.io/extraStatTags";

/** The pod annotation with settings of the proxy. */
export const PROXY_CONFIG = "proxy.istio.io/config";

/** The settings of Istio's ProxyConfig for one workload that are used here. */
export interface ProxyConfig {
  holdApplicationUntilProxyStarts: boolean;
  extraStatTags: string[];
  /** How long the proxy of an ending pod goes on. */
  terminationDrainDuration: string;
  /** Whether it goes on until it has no connection instead. */
  exitsWithoutConnections: boolean;
  /** How many workers it is told to have; 0 for as many as its node has CPUs. Undefined if its CPU limit says so, or nobody knows. */
  concurrency: number | "unfilled" | undefined;
}

/** Pods, and what Istio reads from their annotations. */
export interface AnnotatedPods extends Pods {
  readonly annotations: Labels;
}

interface WrittenProxyConfig {
  holdApplicationUntilProxyStarts?: unknown;
  extraStatTags?: unknown;
  terminationDrainDuration?: unknown;
  proxyMetadata?: unknown;
  concurrency?: unknown;
}

/**
 * `meshConfig.defaultConfig`, overlaid with Istio's ProxyConfigs and the pods' annotation `proxy.istio.io/config` as Istio's injection
 * does, plus the tags of their own annotation (pkg/bootstrap/config.go, `getStatsOptions`). A text that is not YAML is ignored.
 */
export function proxyConfigOf(pods: AnnotatedPods, mesh: Mesh): ProxyConfig {
  const config: ProxyConfig = {
    holdApplicationUntilProxyStarts: false,
    extraStatTags: [],
    terminationDrainDuration: "5s",
    exitsWithoutConnections: false,
    concurrency: undefined,
  };
  const ofMesh = [...heldMeshConfigs(mesh).map(({ settings }) => settings), ...operatorMeshConfigs(mesh)];
  for (const settings of ofMesh) overlay(config, settings.get("defaultConfig")?.plain());
  for (const written of proxyConfigsFor(pods, mesh)) overlay(config, written);
  overlay(config, parsed(pods.annotations.get(PROXY_CONFIG)));
  const tags = pods.annotations.get(EXTRA_STAT_TAGS)?.split(",") ?? [];
  return { ...config, extraStatTags: [...config.extraStatTags, ...tags] };
}

/**
 * What Istio's ProxyConfigs say of pods: one for the mesh, one for the namespace, and one that selects the pods, of which a later one
 * counts more (pilot/pkg/model/proxy_config.go). Of several on one level Istio uses the oldest, which the files do not show.
 */
function proxyConfigsFor({ namespace, labels }: Pods, mesh: Mesh): WrittenProxyConfig[] {
  const all = mesh.of("ProxyConfig", "networking.istio.io").map((resource) => {
    const selector = workloadSelector(resource.root);
    return { resource, selector, isForAll: selector.size === 0 };
  });
  const local = all.filter(({ resource }) => resource.namespace === namespace);
  const levels = [
    all.find(({ resource, isForAll }) => isForAll && resource.namespace === mesh.rootNamespace),
    local.find(({ isForAll }) => isForAll),
    local.find(({ selector, isForAll }) => !isForAll && selects(selector, labels)),
  ];
  return levels.flatMap((level) => {
    const spec = level?.resource.root.get("spec");
    if (!spec) return [];
    return { concurrency: spec.get("concurrency")?.plain(), proxyMetadata: spec.get("environmentVariables")?.plain() };
  });
}

/** What something has still to fill in may be what it should be. */
function isOpen(value: unknown): boolean {
  return typeof value === "string" && isFilledIn(value);
}

function overlay(config: ProxyConfig, written: unknown): void {
  if (isOpen(written)) {
    config.holdApplicationUntilProxyStarts = true;
    config.concurrency = "unfilled";
  }
  if (typeof written !== "object" || written === null) return;
  const { holdApplicationUntilProxyStarts, extraStatTags, terminationDrainDuration, proxyMetadata, concurrency } =
    written as WrittenProxyConfig;
  if (typeof holdApplicationUntilProxyStarts === "boolean")
    config.holdApplicationUntilProxyStarts = holdApplicationUntilProxyStarts;
  else if (isOpen(holdApplicationUntilProxyStarts)) config.holdApplicationUntilProxyStarts = true;
  if (Array.isArray(extraStatTags)) config.extraStatTags = extraStatTags.map(String);
  if (typeof terminationDrainDuration === "string") config.terminationDrainDuration = terminationDrainDuration;
  const waits = (proxyMetadata as Record<string, unknown> | undefined | null)?.["EXIT_ON_ZERO_ACTIVE_CONNECTIONS"];
  if (waits !== undefined) config.exitsWithoutConnections = waits === true || waits === "true";
  if (isConcurrency(concurrency)) config.concurrency = Number(concurrency);
  else if (isOpen(concurrency)) config.concurrency = "unfilled";
}

/** Whether it is a number of workers as Istio reads it: protobuf's JSON takes numbers in quotes, too. */
export function isConcurrency(value: unknown): value is number | string {
  return typeof value === "number" ? Number.isInteger(value) && value >= 0 : /^\d{1,9}$/.test(String(value));
}

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? null : parseFirst(text);
  } catch {
    return null;
  }
}
