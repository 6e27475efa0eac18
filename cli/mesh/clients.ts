import type { Field } from "../manifests/field.ts";
import type { Mesh } from "./mesh.ts";
import type { Plugin } from "./plugin.ts";
import { mayMeet } from "./selector.ts";
import type { Service } from "./service.ts";
import type { Workload } from "./workload.ts";

/** A workload that is given the address of a nats-server in the mesh. */
export interface Client {
  workload: Workload;
  service: Service;
  /** The variable of its environment that has the address. */
  variable: Field;
}

/** Clients of nats-server, as far as their environment shows. */
export function clientsIn(mesh: Mesh): Client[] {
  return mesh.workloads.flatMap((workload) => {
    if (mesh.brokers.includes(workload)) return [];
    const variables = workload.containers.flatMap((container) => container.items("env"));
    return variables.flatMap((variable) => {
      const host = hostOf(variable);
      const service = host === undefined ? undefined : mesh.clientServiceNamed(host, workload.namespace);
      return service ? [{ workload, service, variable }] : [];
    });
  });
}

/** The host of an address as clients take it: `nats://user@host:4222,…`, or without the scheme if the port is NATS's. */
function hostOf(variable: Field): string | undefined {
  const value = variable.text("value") ?? "";
  return (/^nats:\/\/(?:[^@/]*@)?([^:/,]+)/.exec(value) ?? /^([-a-z0-9.]+):4222(?:$|,)/.exec(value))?.[1];
}

/** Whether a plugin judges who comes by a Service. */
export function judges(plugin: Plugin, service: Service, mesh: Mesh): boolean {
  const placement = mesh.placement(plugin);
  if (placement === "waypoint") return mesh.waypointServicesOf(plugin).includes(service);
  if (placement !== "server-sidecar") return false;
  const behind = mesh.brokers.filter((broker) => service.selectsWorkload(broker));
  if (behind.length > 0) return behind.some((broker) => mesh.brokersOf(plugin).has(broker));
  return plugin.resource.namespace === service.namespace && mayMeet(plugin.selector, service.selector);
}
