import { isScalar } from "yaml";
import type { Field } from "./field.ts";
import type { Resource } from "./resource.ts";

/** Where those of Istio's objects have them that call it a workloadSelector. */
const WORKLOAD_SELECTORS: Readonly<Record<string, string>> = {
  DestinationRule: "matchLabels",
  EnvoyFilter: "labels",
  ServiceEntry: "labels",
  Sidecar: "labels",
};

/** Where an object that is no workload has labels of pods. Workloads' own are compared with those of their templates at once. */
export function selectorOf({ kind, group }: Resource): string[] | undefined {
  if (group === "") return kind === "Service" ? ["spec", "selector"] : undefined;
  if (group === "networking.k8s.io")
    return kind === "NetworkPolicy" ? ["spec", "podSelector", "matchLabels"] : undefined;
  if (group === "policy") return kind === "PodDisruptionBudget" ? ["spec", "selector", "matchLabels"] : undefined;
  if (!group.endsWith(".istio.io")) return undefined;
  if (kind === "Gateway") return ["spec", "selector"];
  const labels = WORKLOAD_SELECTORS[kind];
  return labels === undefined ? ["spec", "selector", "matchLabels"] : ["spec", "workloadSelector", labels];
}

/** What objects that select pods have, unless they are patches: Kubernetes or Istio refuses one without, or it says nothing. */
const INDISPENSABLE: Readonly<Record<string, readonly (readonly string[])[]>> = {
  DestinationRule: [["host"]],
  Gateway: [["servers"]],
  PodDisruptionBudget: [["minAvailable"], ["maxUnavailable"]],
  Service: [["ports"]],
  ServiceEntry: [["hosts"]],
  TrafficExtension: [["wasm", "url"], ["lua"]],
  // `check` judges the whole policy of a patch.
  WasmPlugin: [["url"], ["pluginConfig"]],
};

/** Whether a label's value is written as null. A template that was given none leaves nothing there. */
export function isWrittenNull({ node, type }: Field): boolean {
  return type === "null" && isScalar(node) && node.source !== "";
}

/** Whether an object only says which label is to be taken out of a selector, as a merge patch in a file by itself does. */
export function isPatchOfSelector(resource: Resource): boolean {
  const { root, kind } = resource;
  const indispensable = INDISPENSABLE[kind];
  const path = selectorOf(resource);
  if (path === undefined || indispensable === undefined) return false;
  return (
    root.members(...path).some(([, value]) => isWrittenNull(value)) &&
    indispensable.every((fields) => root.get("spec", ...fields) === undefined)
  );
}
