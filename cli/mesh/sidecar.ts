import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import { isWildcard } from "./host.ts";
import type { Mesh } from "./mesh.ts";
import { selects, type Labels, type Pods } from "./selector.ts";
import type { Service } from "./service.ts";

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
export function ingressOf({ root }: Resource): readonly Field[] {
  return root.items("spec", "ingress");
}

/** Whether one of them is for a port, or leads there from one of `targets`, to which Services lead. */
export function leadsTo(sidecar: Resource, port: number, targets: readonly number[]): boolean {
  return ingressOf(sidecar).some((listener) => {
    const number = listener.integer("port", "number");
    const isBrought = listener.text("defaultEndpoint")?.endsWith(`:${port}`) === true;
    return number !== undefined && (number === port || (isBrought && targets.includes(number)));
  });
}

/**
 * Whether one of them leads from a port to the pod's own loopback. Else the proxy goes to the pod's address
 * (pilot/pkg/networking/core/cluster.go, `buildInboundClustersFromSidecar`).
 */
export function leadsToLoopback(sidecar: Resource, port: number): boolean {
  return ingressOf(sidecar).some(
    (listener) =>
      listener.integer("port", "number") === port &&
      /^(?:127\.0\.0\.1|\[::1\]):/.test(listener.text("defaultEndpoint") ?? ""),
  );
}

/**
 * Whether its `egress`, where it has any, leaves out a port of a Service. The proxies of these pods then do not know the Service
 * (pilot/pkg/model/sidecar.go, `convertIstioListenerToWrapper`).
 */
export function leavesOut({ root }: Resource, { namespace }: Pods, service: Service, port: number): boolean {
  const listeners = root.items("spec", "egress");
  const isNamed = (host: string): boolean => {
    const slash = host.indexOf("/");
    const [from, name] = [host.slice(0, slash), host.slice(slash + 1)];
    if (from !== "*" && service.namespace !== (from === "." ? namespace : from)) return false;
    return isWildcard(name) ? service.isUnder(name) : service.isNamed(name, namespace);
  };
  return (
    listeners.length > 0 &&
    !listeners.some(
      (listener) =>
        [undefined, port].includes(listener.integer("port", "number")) &&
        listener.items("hosts").some((host) => isNamed(host.text() ?? "")),
    )
  );
}
