import { isLabel } from "../manifests/names.ts";
import type { Place } from "../manifests/place.ts";
import type { Mesh } from "./mesh.ts";
import { argumentsOf } from "./nats-arguments.ts";
import { natsConfigsOf, type NatsConfig } from "./nats-config.ts";
import type { Workload } from "./workload.ts";

/** Another node that nats-server dials. */
export interface Route {
  host: string;
  port: number | undefined;
  place: Place;
}

/** What Kubernetes or a shell has still to fill in may be the port, and a query may follow; the host is known all the same. */
function routeOf(url: string, place: Place): Route[] {
  const [, host, port = ""] = /^[\w-]+:\/\/(?:[^@/]*@)?([^@/:?#[]+)(?::([^/?#]*))?/.exec(url.trim()) ?? [];
  return host === undefined ? [] : [{ host, port: /^\d{1,5}$/.test(port) ? Number(port) : undefined, place }];
}

/** The routes that a nats.conf names. */
export function routesOf(config: NatsConfig): Route[] {
  return config.entries
    .filter(({ path }) => path.join(".") === "cluster.routes")
    .flatMap((entry) => routeOf(entry.value ?? "", config.placeOf(entry)));
}

/** Those on the command line (nats-server `server/opts.go`, `--routes`). */
export function routesOfArguments(broker: Workload): Route[] {
  return argumentsOf(broker, /^--?routes(?:=(.*))?$/).flatMap(({ value, place }) =>
    value.split(",").flatMap((url) => routeOf(url, place)),
  );
}

/**
 * The namespace in the cluster's own name of a Service or of one of its pods; undefined for any other host, and where it
 * has still to be filled in: `$(POD_NAMESPACE)`.
 */
export function namespaceOfHost(host: string): string | undefined {
  return /^(?:[^.]+\.){1,2}([-\w]+)\.svc(?:\.|$)/.exec(host)?.[1];
}

/** A route to a pod of the same StatefulSet. */
export interface RouteToTwin extends Route {
  /** `nats-0`. */
  pod: string;
  /** The Service by which the pod is named: `nats-headless`. */
  service: string;
}

/** The routes by which the pods of a StatefulSet dial each other, each by a name of its own. */
export function routesToTwins(broker: Workload, mesh: Mesh): RouteToTwin[] {
  const { kind, name, namespace } = broker.resource;
  if (kind !== "StatefulSet") return [];
  const routes = [...natsConfigsOf(broker, mesh).flatMap(routesOf), ...routesOfArguments(broker)];
  return routes.flatMap((route) => {
    const [pod = "", service, within = namespace] = route.host.split(".");
    const isTwin = pod.startsWith(`${name}-`) && /^\d+$/.test(pod.slice(name.length + 1)) && within === namespace;
    // A name that has still to be filled in may be the right one.
    return isTwin && service !== undefined && isLabel(service) ? [{ ...route, pod, service }] : [];
  });
}
