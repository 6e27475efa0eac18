import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import type { Mesh } from "./mesh.ts";
import { selects, type Labels, type Pods } from "./selector.ts";

function selectorOf({ root }: Resource): Labels {
  return root.texts("spec", "workloadSelector", "labels");
}

/**
 * Istio's Sidecars for pods, from the level that counts: those that select the pods come before those for the whole namespace,
 * and these before that of the mesh (pilot/pkg/model/push_context.go, `doGetSidecarScope`). Of several Istio uses the oldest,
 * which the files do not show.
 */
export function sidecarsFor({ namespace, labels }: Pods, mesh: Mesh): Resource[] {
  const all = mesh.of("Sidecar", "networking.istio.io");
  const isForAll = (sidecar: Resource): boolean => sidecar.root.get("spec", "workloadSelector") === undefined;
  const local = all.filter((sidecar) => sidecar.namespace === namespace);
  const levels = [
    local.filter((sidecar) => !isForAll(sidecar) && selects(selectorOf(sidecar), labels)),
    local.filter(isForAll),
    all.filter((sidecar) => sidecar.namespace === mesh.rootNamespace && isForAll(sidecar)),
  ];
  return levels.find((level) => level.length > 0) ?? [];
}

/** Its inbound listeners. If there are any, Istio makes no chains for the pods' Services. */
export function ingressOf({ root }: Resource): Field[] {
  return root.items("spec", "ingress");
}
