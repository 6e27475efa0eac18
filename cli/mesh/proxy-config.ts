import { parseFirst } from "../manifests/kubernetes-yaml.ts";
import type { Resource } from "../manifests/resource.ts";
import { isFilledIn } from "../manifests/unfilled.ts";
import type { Mesh } from "./mesh.ts";
import { heldMeshConfigs, injectorValuesFor, operatorMeshConfigs, operatorValues } from "./mesh-config.ts";
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
  /** How many workers it is told to have; 0 or less for as many as its node has CPUs. Undefined if its CPU limit says so, or nobody knows. */
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
 * `meshConfig.defaultConfig`, overlaid with Istio's ProxyConfigs and the pods' annotation `proxy.istio.io/config`, plus the tags of their
 * own annotation (pkg/bootstrap/config.go, `getStatsOptions`). A text that is not YAML is ignored.
 *
 * Where a ProxyConfig selects the pods, its environment counts more than the annotation's (pilot/pkg/model/proxy_config.go,
 * `EffectiveProxyConfig`), but the annotation's workers count more than its (pilot-agent, `getMeshConfig`).
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
  const { wide, selecting } = proxyConfigsFor(pods, mesh);
  for (const written of [...wide, selecting]) overlay(config, written);
  overlay(config, parsed(pods.annotations.get(PROXY_CONFIG)));
  overlay(config, { proxyMetadata: selecting?.proxyMetadata });
  if (isHeldByValues(pods, mesh)) config.holdApplicationUntilProxyStarts = true;
  const tags = pods.annotations.get(EXTRA_STAT_TAGS)?.split(",") ?? [];
  return { ...config, extraStatTags: [...config.extraStatTags, ...tags] };
}

/**
 * Whether the values of Istio's chart hold applications, which no annotation can take back (files/injection-template.yaml has `or` of
 * both). Where the injectors among the files differ, those of the pods' revision may.
 */
function isHeldByValues(pods: Pods, mesh: Mesh): boolean {
  return [...injectorValuesFor(pods, mesh), ...operatorValues(mesh)].some((values) => {
    const held = values.get("global", "proxy", "holdApplicationUntilProxyStarts")?.plain();
    return held === true || isOpen(held);
  });
}

/**
 * What Istio's ProxyConfigs say of pods: of those for the mesh and for the namespace, which have no selector, and of those that select
 * pods, it uses the oldest each (pilot/pkg/model/proxy_config.go). The files of a cluster say which that is, and otherwise the first is
 * taken. An empty selector selects nothing.
 */
function proxyConfigsFor(
  { namespace, labels }: Pods,
  mesh: Mesh,
): { wide: WrittenProxyConfig[]; selecting: WrittenProxyConfig | undefined } {
  const made = ({ root }: Resource): string => root.text("metadata", "creationTimestamp") ?? "";
  const all = mesh
    .of("ProxyConfig", "networking.istio.io")
    .toSorted((a, b) => (made(a) < made(b) ? -1 : made(a) > made(b) ? 1 : 0));
  const isForAll = ({ root }: Resource): boolean => (root.get("spec", "selector")?.type ?? "null") === "null";
  const written = (resource: Resource | undefined): WrittenProxyConfig | undefined => {
    const spec = resource?.root.get("spec");
    return (
      spec && {
        concurrency: spec.get("concurrency")?.plain(),
        proxyMetadata: spec.get("environmentVariables")?.plain(),
      }
    );
  };
  const wide = [mesh.rootNamespace, namespace].flatMap(
    (level) => written(all.find((one) => one.namespace === level && isForAll(one))) ?? [],
  );
  const selecting = all.find((one) => {
    const selector = workloadSelector(one.root);
    return one.namespace === namespace && selector.size > 0 && selects(selector, labels);
  });
  return { wide, selecting: written(selecting) };
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
  if (Array.isArray(extraStatTags)) config.extraStatTags = extraStatTags.filter((tag) => typeof tag === "string");
  if (typeof terminationDrainDuration === "string") config.terminationDrainDuration = terminationDrainDuration;
  const waits = (proxyMetadata as Record<string, unknown> | undefined | null)?.["EXIT_ON_ZERO_ACTIVE_CONNECTIONS"];
  if (waits !== undefined) config.exitsWithoutConnections = waits === true || waits === "true";
  if (isConcurrency(concurrency)) config.concurrency = Number(concurrency);
  else if (isOpen(concurrency)) config.concurrency = "unfilled";
}

/** Whether it is a number of workers as Istio reads it, an int32 of protobuf's JSON, which takes numbers in quotes, too. */
export function isConcurrency(value: unknown): value is number | string {
  const number = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
  return typeof number === "number" && number === Math.trunc(number) && Math.abs(number) < 2 ** 31;
}

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? null : parseFirst(text);
  } catch {
    return null;
  }
}
