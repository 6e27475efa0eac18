import type { Field } from "../manifests/field.ts";
import { settingsIn } from "./container-settings.ts";
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
  /** The text that has the address. */
  setting: Field;
}

/** Clients of nats-server, as far as the environment and the arguments of their containers show. */
export function clientsIn(mesh: Mesh): Client[] {
  return addressedIn(mesh, ({ port }, service) => mesh.clientPorts(service).some(({ number }) => number === port));
}

/** Those who are told to use NATS's own TLS, at whatever port. */
export function tlsClientsIn(mesh: Mesh): Client[] {
  return addressedIn(mesh, ({ scheme }) => scheme === "tls");
}

function addressedIn(mesh: Mesh, isMeant: (address: Address, service: Service) => boolean): Client[] {
  const settingsOf = settingsIn(mesh);
  return mesh.workloads.flatMap((workload) => {
    if (mesh.brokers.includes(workload)) return [];
    const given = settingsOf(workload);
    const told = [
      ...given.variables.map((setting) => ({ setting, addresses: addressesIn(setting.text() ?? "") })),
      ...given.arguments.map((setting) => ({ setting, addresses: addressesAmong(setting.text() ?? "") })),
    ];
    return told.flatMap(({ setting, addresses }) => {
      const clients = addresses.flatMap((address): Client[] => {
        const service = mesh.clientServiceNamed(address.host, workload.namespace);
        return service && isMeant(address, service) ? [{ workload, service, port: address.port, setting }] : [];
      });
      // A finding names the text, so one of its addresses is enough.
      return clients.slice(0, 1);
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
function addressesIn(value: string): Address[] {
  return value.split(",").flatMap((text): Address[] => {
    const [, scheme, host, port = CLIENT_PORT] =
      /^(nats|tls):\/\/(?:[^@/]*@)?([^:/]+)(?::(\d+))?/.exec(text.trim()) ??
      /^()([-a-z0-9.]+):4222$/.exec(text.trim()) ??
      [];
    return host === undefined ? [] : [{ scheme: scheme === "tls" ? "tls" : "nats", host, port: Number(port) }];
  });
}

/** Those in an argument, which may be behind its flag (`--server=nats://…`) or among the words of a shell's command. */
function addressesAmong(argument: string): Address[] {
  const words = argument.split(/\s+/).map((word) => word.replace(/^--?[-\w.]+=/, "").replace(/^["']|["']$/g, ""));
  return words.flatMap(addressesIn);
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
