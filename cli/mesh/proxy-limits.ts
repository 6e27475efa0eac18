import type { Field } from "../manifests/field.ts";
import { quantityOf } from "../manifests/quantity.ts";
import { podsOfCluster } from "./capture.ts";
import type { Mesh } from "./mesh.ts";
import { injectorValuesFor, operatorValues } from "./mesh-config.ts";
import type { Workload } from "./workload.ts";

/** The pod annotation with the memory of the proxy, beyond which Kubernetes kills it. */
export const MEMORY_LIMIT = "sidecar.istio.io/proxyMemoryLimit";

export const CPU_LIMIT = "sidecar.istio.io/proxyCPULimit";

/** All pod annotations that say something of the proxy's resources. */
export const RESOURCES = [MEMORY_LIMIT, CPU_LIMIT, "sidecar.istio.io/proxyCPU", "sidecar.istio.io/proxyMemory"];

/** Bytes or CPUs. "unknown" for what something has still to fill in, or Kubernetes does not read. */
export type Limit = number | "none" | "unknown";

/** What Kubernetes holds a proxy to. */
export interface ProxyLimits {
  memory: Limit;
  cpus: Limit;
}

const NONE: ProxyLimits = { memory: "none", cpus: "none" };
const UNKNOWN: ProxyLimits = { memory: "unknown", cpus: "unknown" };

/** What Istio's chart says where nobody says anything (manifests/charts/istio-control/istio-discovery/values.yaml). */
const OF_CHART: ProxyLimits = { memory: 1024 ** 3, cpus: 2 };

/** The limits of the sidecars that a cluster has made for pods, as far as it gives these. */
export function madeLimits(workload: Workload): ProxyLimits[] {
  return podsOfCluster(workload).flatMap((pod) => (pod.proxy ? overlaid(NONE, limitsOf(pod)) : []));
}

/**
 * The limits that the injector is going to write into pods (`resources` in Istio's files/injection-template.yaml). What their template
 * itself says of the proxy's container counts more.
 */
export function plannedLimits(workload: Workload, mesh: Mesh): ProxyLimits {
  return overlaid(injected(workload, mesh), ownLimits(workload));
}

/** Whether the files say anything of these, so that they are not only what Istio gives usually. */
export function arePlanned(workload: Workload, mesh: Mesh): boolean {
  return (
    areResourcesAnnotated(workload) || ownLimits(workload) !== undefined || injectorLimits(workload, mesh) !== undefined
  );
}

/** Whether the annotations say anything of the proxy's resources. One of them is enough for none of the mesh's to count. */
export function areResourcesAnnotated({ annotations }: Workload): boolean {
  return RESOURCES.some((name) => annotations.has(name));
}

/** Those of the proxy's own container in a template. Those of a pod that is there are the injector's. */
export function ownLimits(workload: Workload): Field | undefined {
  return podsOfCluster(workload).includes(workload) ? undefined : limitsOf(workload);
}

function limitsOf({ proxy }: Workload): Field | undefined {
  return proxy?.get("resources", "limits");
}

function injected(workload: Workload, mesh: Mesh): ProxyLimits {
  if (areResourcesAnnotated(workload)) {
    const { annotations } = workload;
    return { memory: limitIn(annotations.get(MEMORY_LIMIT)), cpus: limitIn(annotations.get(CPU_LIMIT)) };
  }
  return injectorLimits(workload, mesh) ?? operatorValues(mesh).reduce(withValues, OF_CHART);
}

/** Those of the injector of the pods' revision, or of all injectors where it is not known and they agree. Undefined without any. */
function injectorLimits(workload: Workload, mesh: Mesh): ProxyLimits | undefined {
  const [first, ...others] = injectorValuesFor(workload, mesh).map((values) => withValues(NONE, values));
  const agree = others.every(({ memory, cpus }) => memory === first?.memory && cpus === first.cpus);
  return agree ? first : UNKNOWN;
}

/** The limits with what values of Istio's chart say of them. Helm takes away what is null there. */
function withValues(limits: ProxyLimits, values: Field): ProxyLimits {
  const path = ["global", "proxy", "resources"];
  const isTaken = [path, [...path, "limits"]].some((each) => values.get(...each)?.type === "null");
  return isTaken ? NONE : overlaid(limits, values.get(...path, "limits"));
}

/** The limits, and in their place those that an object has. One that is null there takes the other away. */
function overlaid(limits: ProxyLimits, written: Field | undefined): ProxyLimits {
  const named = (name: string, other: Limit): Limit => (written?.get(name) ? limitIn(written.text(name)) : other);
  return { memory: named("memory", limits.memory), cpus: named("cpu", limits.cpus) };
}

/** Kubernetes takes 0 for no limit (pkg/api/v1/resource, `MergeContainerResourceLimits`). */
function limitIn(text: string | undefined): Limit {
  const quantity = text === undefined ? 0 : quantityOf(text);
  if (quantity === 0) return "none";
  return quantity !== undefined && quantity > 0 && quantity < Infinity ? quantity : "unknown";
}
