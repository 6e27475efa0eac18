import type { Field } from "../manifests/field.ts";
import type { Place } from "../manifests/place.ts";
import { isFilledIn } from "../manifests/unfilled.ts";
import { portOf } from "./authorization.ts";
import type { Workload } from "./workload.ts";

/** The place that keeps a port of pods from their sidecar, why, and what to do there. */
export interface Uncaptured {
  place: Place;
  why: string;
  remedy: string;
}

/** The label of pods, or annotation, that says whether Istio injects a sidecar. */
export const INJECT = "sidecar.istio.io/inject";

/** The label of pods, or of their Namespace, that names the revision of Istio whose injector they have. */
export const REVISION = "istio.io/rev";

/** The label of pods, or of their Namespace, that says which data plane they have. */
export const DATAPLANE_MODE = "istio.io/dataplane-mode";

/** The pods of a cluster that a workload is, or stands for. */
export function podsOfCluster(workload: Workload): Workload[] {
  return [workload, ...workload.pods].filter(({ resource }) => resource.kind === "Pod" && resource.isOfCluster);
}

/** Which of the pods of a cluster have got no proxy when they were made; undefined where none are among the files. */
export function podsWithoutProxy(workload: Workload): Workload[] | undefined {
  const pods = podsOfCluster(workload);
  if (pods.length === 0) return undefined;
  return pods.filter(({ proxy }) => proxy === undefined);
}

/** Whether ztunnel has the traffic of pods of a cluster: Istio's CNI says so of each (cni/pkg/util/podutil.go). */
export function isRedirected(workload: Workload): boolean {
  return podsOfCluster(workload).some(
    ({ annotations }) => annotations.get("ambient.istio.io/redirection") === "enabled",
  );
}

/** Where pods themselves refuse a sidecar. */
export function refusedInjection({ pod }: Workload): Place | undefined {
  const inject = pod.get("metadata", "labels", INJECT) ?? pod.get("metadata", "annotations", INJECT);
  return inject?.text() === "false" ? inject.place : undefined;
}

/** Where pods are put into the host's network, in which Istio injects no sidecar. */
export function hostNetwork({ pod }: Workload): Place | undefined {
  const host = pod.get("spec", "hostNetwork");
  return host?.text() === "true" ? host.place : undefined;
}

/** What the annotations begin with that say which traffic a sidecar captures. */
export const TRAFFIC = "traffic.sidecar.istio.io/";

/** The elements of an annotation that lists ports, addresses or interfaces. */
export function listed(value: string): string[] {
  return value.split(",").map((element) => element.trim());
}

function portsOf(value: string): (number | undefined)[] {
  return listed(value).map(portOf);
}

/** Whether a list says nothing of any port, because something has still to fill it in, or Istio refuses it, which is found elsewhere. */
function isUnreadable(value: string): boolean {
  return isFilledIn(value) || (value.trim() !== "" && portsOf(value).includes(undefined));
}

function hasPort(list: Field | undefined, port: number): boolean {
  const value = list?.text() ?? "";
  return !isUnreadable(value) && portsOf(value).includes(port);
}

/** The annotation of the pods that keeps connections to one of their ports from the sidecar. */
export function excludedInbound({ pod }: Workload, port: number): Uncaptured | undefined {
  const interfaces = pod.get("metadata", "annotations", `${TRAFFIC}excludeInterfaces`);
  // A pod's own address is there; further interfaces have others.
  if (interfaces && listed(interfaces.text() ?? "").includes("eth0"))
    return {
      place: interfaces.place,
      why: "what comes by eth0 is excluded from capture",
      remedy: "remove eth0 from the annotation",
    };
  const exclude = pod.get("metadata", "annotations", `${TRAFFIC}excludeInboundPorts`);
  if (exclude && hasPort(exclude, port))
    return {
      place: exclude.place,
      why: `port ${port} is excluded from capture`,
      remedy: `remove ${port} from the annotation`,
    };
  const include = pod.get("metadata", "annotations", `${TRAFFIC}includeInboundPorts`);
  const text = include?.text() ?? "";
  if (include && text !== "*" && !isUnreadable(text) && !hasPort(include, port))
    return {
      place: include.place,
      why: `port ${port} is not among the captured ports`,
      remedy: `add ${port} to the annotation, or write "*"`,
    };
  return undefined;
}

/** Where the pods' annotations keep outbound connections to a port from the sidecar. */
export function excludedOutbound({ pod }: Workload, port: number): Place | undefined {
  const exclude = pod.get("metadata", "annotations", `${TRAFFIC}excludeOutboundPorts`);
  return exclude && hasPort(exclude, port) ? exclude.place : undefined;
}

/** Where they keep a port from it by capturing no addresses at all, nor this port wherever it leads. */
export function capturesNoAddress({ pod }: Workload, port: number): Place | undefined {
  const [addresses, ports] = ["includeOutboundIPRanges", "includeOutboundPorts"].map((name) =>
    pod.get("metadata", "annotations", `${TRAFFIC}${name}`),
  );
  if (addresses?.text()?.trim() !== "" || hasPort(ports, port)) return undefined;
  return addresses.place;
}
