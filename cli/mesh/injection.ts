import type { Field } from "../manifests/field.ts";
import {
  DATAPLANE_MODE,
  hostNetwork,
  INJECT,
  isRedirected,
  podsOfCluster,
  podsWithoutProxy,
  refusedInjection,
  REVISION,
  type Uncaptured,
} from "./capture.ts";
import type { Mesh } from "./mesh.ts";
import { howToRemakePods } from "./remade-pods.ts";
import { PROXY, type Workload } from "./workload.ts";

/**
 * Why no sidecar is injected into these pods, as far as the files show (istio.io, "Installing the Sidecar", "Controlling the
 * injection policy"): nothing is injected if either level disables it, and one level has to ask for it.
 */
export function uninjected(workload: Workload, mesh: Mesh): Uncaptured | undefined {
  const { pod, resource } = workload;
  const refused = refusedInjection(workload);
  if (refused) return { place: refused, why: "no sidecar is injected", remedy: `write ${INJECT}: "true"` };
  const without = podsWithoutProxy(workload);
  if (without?.length === 0) return undefined;
  const namespace = mesh.namespace(resource.namespace);
  const made = without && withoutProxy(without, workload);
  if (!namespace) return made;
  const injection = namespace.labels.get("istio-injection");
  if (injection === "disabled") {
    const place = namespace.root.placeOf("metadata", "labels", "istio-injection");
    const why = `Namespace ${namespace.name} has istio-injection: disabled`;
    return { place, why, remedy: "write istio-injection: enabled; a label of the pods does not help against this one" };
  }
  if (askedSidecar(workload, mesh)) return made;
  const why = `no sidecar is injected: neither Namespace ${namespace.name} nor the pods ask for one`;
  const remedy = `label the pods ${INJECT}: "true", or the Namespace istio-injection: enabled`;
  return { place: pod.placeOf("metadata", "labels"), why, remedy };
}

/** What asks for a sidecar in these pods: the label of their Namespace or their own, as far as the files show. */
function askedSidecar({ pod, namespace }: Workload, mesh: Mesh): Field | undefined {
  const ofNamespace = mesh.namespace(namespace)?.root.get("metadata", "labels");
  const ofPods = pod.get("metadata", "labels");
  const asking = (label: Field | undefined, value: string): Field[] => (label?.text() === value ? [label] : []);
  return [
    ...asking(ofPods?.get(INJECT), "true"),
    ...asking(ofNamespace?.get("istio-injection"), "enabled"),
    ...[ofPods, ofNamespace].flatMap((labels) => labels?.get(REVISION) ?? []),
  ][0];
}

/**
 * What gave these pods a sidecar, or will: a label, or in pods of a cluster their proxy. Undefined where they have none, and where the
 * files do not show it.
 */
export function sidecarCause(workload: Workload, mesh: Mesh): Field | undefined {
  if (mesh.isAmbient(workload) || hostNetwork(workload) || uninjected(workload, mesh)) return undefined;
  return askedSidecar(workload, mesh) ?? podsOfCluster(workload).flatMap(({ proxy }) => proxy ?? [])[0];
}

/** Pods of a cluster that have no proxy, whatever is asked for: they are older than that, or the injector was not there. */
function withoutProxy([pod, ...others]: readonly Workload[], { resource }: Workload): Uncaptured | undefined {
  if (!pod) return undefined;
  const which = `${pod.resource.namespace}/${pod.resource.name}`;
  const pods = others.length === 0 ? `Pod ${which} has` : `Pod ${which} and ${others.length} more have`;
  return {
    place: pod.pod.placeOf("spec", "containers"),
    why: `no sidecar was injected when ${others.length === 0 ? "this pod was" : "these pods were"} made: ${pods} no container ${PROXY}`,
    remedy: `label the pods ${INJECT}: "true", or the Namespace istio-injection: enabled, if neither is; then ${howToRemakePods(resource)}`,
  };
}

/**
 * Why ztunnel leaves out pods in ambient mode, or such as are meant to be: they or their Namespace have to ask for it, unless they
 * refuse it (istio-cni's values, `enablementSelectors`), and it never has those in the host's network
 * (cni/pkg/util/enablement_selector.go, `Matches`). A Namespace that is not among the files may ask for it.
 */
export function unredirected(workload: Workload, mesh: Mesh): Uncaptured | undefined {
  if (isRedirected(workload)) return undefined;
  const { pod, labels } = workload;
  const host = hostNetwork(workload);
  if (host) return { place: host, why: "ztunnel leaves out a pod in the host's network", remedy: "remove hostNetwork" };
  const namespace = mesh.namespace(workload.namespace);
  const isAsked = !namespace || namespace.labels.get(DATAPLANE_MODE) === "ambient";
  const own = labels.get(DATAPLANE_MODE);
  const label = `${DATAPLANE_MODE}: ambient`;
  if (own === "none") {
    const place = pod.placeOf("metadata", "labels", DATAPLANE_MODE);
    const why = `the label ${DATAPLANE_MODE}: none keeps the pods from ztunnel`;
    return { place, why, remedy: isAsked ? "remove the label" : `write ${label}` };
  }
  // Pods of a cluster may have a sidecar that nobody asks for any more.
  if (isAsked || own === "ambient" || !uninjected(workload, mesh)) return undefined;
  const place = namespace.root.placeOf("metadata", "labels", DATAPLANE_MODE);
  const why = `ztunnel leaves out the pods: neither they nor Namespace ${namespace.name} have the label ${label}`;
  return { place, why, remedy: `label the Namespace ${label}` };
}
