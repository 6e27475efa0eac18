import type { Field } from "../manifests/field.ts";
import { quantityOf } from "../manifests/quantity.ts";
import { podsOfCluster } from "./capture.ts";
import type { Mesh } from "./mesh.ts";
import { injectorValues, operatorValues } from "./mesh-config.ts";
import { PROXY, type Workload } from "./workload.ts";

/** The pod annotation with the memory of the proxy, beyond which Kubernetes kills it. */
export const MEMORY_LIMIT = "sidecar.istio.io/proxyMemoryLimit";

export const CPU_LIMIT = "sidecar.istio.io/proxyCPULimit";
const REQUESTS = ["sidecar.istio.io/proxyCPU", "sidecar.istio.io/proxyMemory"];

/** Bytes or CPUs. "unknown" for what something has still to fill in, or Kubernetes does not read. */
export type Limit = number | "none" | "unknown";

/** What Kubernetes holds a proxy to. */
export interface ProxyLimits {
  memory: Limit;
  cpus: Limit;
}

const NONE: ProxyLimits = { memory: "none", cpus: "none" };

/** What Istio's chart says where nobody says anything (manifests/charts/istio-control/istio-discovery/values.yaml). */
const OF_CHART = { memory: 1024 ** 3, cpus: 2 };

/**
 * The limits of the sidecars of pods: of each that a cluster has made, where it gives them, or what the injector is going to write
 * into all (`resources` in Istio's files/injection-template.yaml). What the template itself says of the proxy's container counts more.
 */
export function proxyLimitsOf(workload: Workload, mesh: Mesh): ProxyLimits[] {
  const made = podsOfCluster(workload).filter((pod) => proxyOf(pod) !== undefined);
  if (made.length > 0) return made.map((pod) => overlaid(NONE, ownLimits(pod)));
  return [overlaid(injected(workload, mesh), ownLimits(workload))];
}

/** Whether the annotations say anything of the proxy's resources. One of them is enough for none of the mesh's to count. */
export function areResourcesAnnotated({ annotations }: Workload): boolean {
  return [MEMORY_LIMIT, CPU_LIMIT, ...REQUESTS].some((name) => annotations.has(name));
}

function proxyOf({ containers }: Workload): Field | undefined {
  return containers.find((container) => container.text("name") === PROXY);
}

/** Those in the proxy's own container, where pods or their template have it. */
export function ownLimits(workload: Workload): Field | undefined {
  return proxyOf(workload)?.get("resources", "limits");
}

function injected(workload: Workload, mesh: Mesh): ProxyLimits {
  if (areResourcesAnnotated(workload)) {
    const { annotations } = workload;
    return { memory: limitOf(annotations.get(MEMORY_LIMIT)), cpus: limitOf(annotations.get(CPU_LIMIT)) };
  }
  const path = ["global", "proxy", "resources"];
  const [complete] = injectorValues(mesh);
  if (complete) return overlaid(NONE, complete.get(...path, "limits"));
  return operatorValues(mesh)
    .map((values) => values.get(...path, "limits"))
    .reduce<ProxyLimits>(overlaid, OF_CHART);
}

/** The limits, and in their place those that an object has. One that is null there takes the other away. */
function overlaid(limits: ProxyLimits, written: Field | undefined): ProxyLimits {
  const named = (name: string, other: Limit): Limit => (written?.get(name) ? limitOf(written.text(name)) : other);
  return { memory: named("memory", limits.memory), cpus: named("cpu", limits.cpus) };
}

function limitOf(text: string | undefined): Limit {
  return text === undefined ? "none" : (quantityOf(text) ?? "unknown");
}
