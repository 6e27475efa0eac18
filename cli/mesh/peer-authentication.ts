import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import type { Mesh } from "./mesh.ts";
import { selects, workloadSelector, type Pods } from "./selector.ts";

export interface MtlsMode {
  mode: string;
  /** The word's own field. */
  field: Field;
}

/**
 * The mTLS mode that PeerAuthentications declare for a port of pods. The workload's own comes before the namespace's, and that
 * before the mesh's; within one, the port's mode comes before the general one. Undefined if none declares a mode: Istio's default
 * is PERMISSIVE.
 */
export function declaredMtls(pods: Pods, port: number, mesh: Mesh): MtlsMode | undefined {
  for (const { root } of authenticationsFor(pods, mesh).flat()) {
    const field = [root.get("spec", "portLevelMtls", String(port), "mode"), root.get("spec", "mtls", "mode")].find(
      (mode) => mode?.text() !== undefined && mode.text() !== "UNSET",
    );
    if (field) return { mode: field.text() ?? "", field };
  }
  return undefined;
}

/**
 * The PeerAuthentications for pods, by level: their own, their namespace's, the mesh's. Istio uses only the oldest of a level. In
 * the root namespace it knows only those of the mesh (pilot/pkg/security/authn/policy_applier.go, `ComposePeerAuthentication`).
 */
export function authenticationsFor(pods: Pods, mesh: Mesh): Resource[][] {
  const all = mesh.of("PeerAuthentication", "security.istio.io");
  const generalOf = (namespace: string): Resource[] =>
    all.filter((policy) => policy.namespace === namespace && !hasSelector(policy));
  const ofMesh = generalOf(mesh.rootNamespace);
  if (pods.namespace === mesh.rootNamespace) return [ofMesh];
  const own = all.filter(
    (policy) =>
      policy.namespace === pods.namespace && hasSelector(policy) && selects(workloadSelector(policy.root), pods.labels),
  );
  return [own, generalOf(pods.namespace), ofMesh];
}

/** Has it a selector that names labels? An empty one counts as none. */
export function hasSelector({ root }: Resource): boolean {
  return workloadSelector(root).size > 0;
}
