import type { Field } from "../manifests/field.ts";
import type { Mesh } from "./mesh.ts";
import { CLIENT_PORT } from "./nats-ports.ts";
import type { Plugin } from "./plugin.ts";
import { selects } from "./selector.ts";
import type { Service } from "./service.ts";
import type { Workload } from "./workload.ts";

/** A workload that is given the address of a nats-server in the mesh. */
export interface Client {
  workload: Workload;
  service: Service;
  /** The Service's port that it dials. */
  port: number;
  /** The variable of its environment that has the address. */
  variable: Field;
}

/** Clients of nats-server, as far as their environment shows. */
export function clientsIn(mesh: Mesh): Client[] {
  return mesh.workloads.flatMap((workload) => {
    if (mesh.brokers.includes(workload)) return [];
    const variables = workload.containers.flatMap((container) => container.items("env"));
    return variables.flatMap((variable) => {
      // A finding names the variable, so one of its addresses is enough.
      const found = addressesIn(variable.text("value") ?? "").flatMap(({ host, port }): Client[] => {
        const service = mesh.clientServiceNamed(host, workload.namespace);
        if (!service || !mesh.clientPorts(service).some(({ number }) => number === port)) return [];
        return [{ workload, service, port, variable }];
      });
      return found.slice(0, 1);
    });
  });
}

/** An address of nats-server. */
interface Address {
  scheme: "nats" | "tls";
  host: string;
  port: number;
}

/** Addresses as clients take them: `nats://user@host:4222,…`, or without the scheme if the port is NATS's. */
export function addressesIn(value: string): Address[] {
  return value.split(",").flatMap((text): Address[] => {
    const [, scheme, host, port = CLIENT_PORT] =
      /^(nats|tls):\/\/(?:[^@/]*@)?([^:/]+)(?::(\d+))?/.exec(text.trim()) ??
      /^()([-a-z0-9.]+):4222$/.exec(text.trim()) ??
      [];
    return host === undefined ? [] : [{ scheme: scheme === "tls" ? "tls" : "nats", host, port: Number(port) }];
  });
}

/** Whether a plugin judges who comes by a Service. */
export function judges(plugin: Plugin, service: Service, mesh: Mesh): boolean {
  const placement = mesh.placement(plugin);
  if (placement === "waypoint") return mesh.waypointServicesOf(plugin).includes(service);
  if (placement !== "server-sidecar") return false;
  const behind = mesh.brokers.filter((broker) => service.selectsWorkload(broker));
  if (behind.length > 0) return behind.some((broker) => mesh.brokersOf(plugin).has(broker));
  // Whatever pods are behind it, the plugin is for. A Service without a selector may lead out of the cluster.
  const isForAll = service.selector.size > 0 && selects(plugin.selector, service.selector);
  return plugin.resource.namespace === service.namespace && isForAll;
}
