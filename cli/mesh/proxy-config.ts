import { parse } from "yaml";
import { KUBERNETES_YAML } from "../manifests/kubernetes-yaml.ts";
import type { Mesh } from "./mesh.ts";
import type { Workload } from "./workload.ts";

/** What Istio's ProxyConfig says for one workload, as far as it is asked for here. */
export interface ProxyConfig {
  holdApplicationUntilProxyStarts: boolean;
  extraStatTags: string[];
}

interface WrittenProxyConfig {
  holdApplicationUntilProxyStarts?: unknown;
  extraStatTags?: unknown;
}

/**
 * `meshConfig.defaultConfig`, overlaid with the annotation `proxy.istio.io/config` and the one for tags, as Istio's
 * injection does. A text that is no YAML says nothing.
 */
export function proxyConfigOf(workload: Workload, mesh: Mesh): ProxyConfig {
  const config: ProxyConfig = { holdApplicationUntilProxyStarts: false, extraStatTags: [] };
  for (const { root } of mesh.of("ConfigMap", "").filter(({ name }) => /^istio(?:-|$)/.test(name))) {
    overlay(config, (parsed(root.text("data", "mesh")) as { defaultConfig?: unknown } | null)?.defaultConfig);
  }
  for (const meshConfig of mesh.meshConfigs()) overlay(config, meshConfig.get("defaultConfig")?.plain());
  overlay(config, parsed(workload.annotations.get("proxy.istio.io/config")));
  const tags = workload.annotations.get("sidecar.istio.io/extraStatTags");
  if (tags !== undefined) config.extraStatTags = tags.split(",").map((tag) => tag.trim());
  return config;
}

function overlay(config: ProxyConfig, written: unknown): void {
  if (typeof written !== "object" || written === null) return;
  const { holdApplicationUntilProxyStarts, extraStatTags } = written as WrittenProxyConfig;
  if (typeof holdApplicationUntilProxyStarts === "boolean")
    config.holdApplicationUntilProxyStarts = holdApplicationUntilProxyStarts;
  if (Array.isArray(extraStatTags)) config.extraStatTags = extraStatTags.map(String);
}

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? null : parse(text, KUBERNETES_YAML);
  } catch {
    return null;
  }
}
