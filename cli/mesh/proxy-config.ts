import { parseFirst } from "../manifests/kubernetes-yaml.ts";
import { isFilledIn } from "../manifests/unfilled.ts";
import type { Mesh } from "./mesh.ts";
import { heldMeshConfigs, operatorMeshConfigs } from "./mesh-config.ts";
import type { Labels } from "./selector.ts";

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
}

interface WrittenProxyConfig {
  holdApplicationUntilProxyStarts?: unknown;
  extraStatTags?: unknown;
  terminationDrainDuration?: unknown;
  proxyMetadata?: unknown;
}

/**
 * `meshConfig.defaultConfig`, overlaid with the pods' annotation `proxy.istio.io/config` as Istio's injection does, plus the tags
 * of their own annotation (pkg/bootstrap/config.go, `getStatsOptions`). A text that is not YAML is ignored.
 */
export function proxyConfigOf(annotations: Labels, mesh: Mesh): ProxyConfig {
  const config: ProxyConfig = {
    holdApplicationUntilProxyStarts: false,
    extraStatTags: [],
    terminationDrainDuration: "5s",
    exitsWithoutConnections: false,
  };
  const ofMesh = [...heldMeshConfigs(mesh).map(({ settings }) => settings), ...operatorMeshConfigs(mesh)];
  for (const settings of ofMesh) overlay(config, settings.get("defaultConfig")?.plain());
  overlay(config, parsed(annotations.get(PROXY_CONFIG)));
  const tags = annotations.get(EXTRA_STAT_TAGS)?.split(",") ?? [];
  return { ...config, extraStatTags: [...config.extraStatTags, ...tags] };
}

/** What something has still to fill in may be what it should be. */
function isOpen(value: unknown): boolean {
  return typeof value === "string" && isFilledIn(value);
}

function overlay(config: ProxyConfig, written: unknown): void {
  if (isOpen(written)) config.holdApplicationUntilProxyStarts = true;
  if (typeof written !== "object" || written === null) return;
  const { holdApplicationUntilProxyStarts, extraStatTags, terminationDrainDuration, proxyMetadata } =
    written as WrittenProxyConfig;
  if (typeof holdApplicationUntilProxyStarts === "boolean")
    config.holdApplicationUntilProxyStarts = holdApplicationUntilProxyStarts;
  else if (isOpen(holdApplicationUntilProxyStarts)) config.holdApplicationUntilProxyStarts = true;
  if (Array.isArray(extraStatTags)) config.extraStatTags = extraStatTags.map(String);
  if (typeof terminationDrainDuration === "string") config.terminationDrainDuration = terminationDrainDuration;
  const waits = (proxyMetadata as Record<string, unknown> | undefined | null)?.["EXIT_ON_ZERO_ACTIVE_CONNECTIONS"];
  if (waits !== undefined) config.exitsWithoutConnections = waits === true || waits === "true";
}

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? null : parseFirst(text);
  } catch {
    return null;
  }
}
