import type { Field } from "../../manifests/field.ts";
import type { Resource } from "../../manifests/resource.ts";
import { clientsIn, judges } from "../../mesh/clients.ts";
import { sidecarCause } from "../../mesh/injection.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import { wayWithoutMtls } from "../../mesh/plaintext-clients.ts";
import type { Plugin } from "../../mesh/plugin.ts";
import type { Service } from "../../mesh/service.ts";
import { targetRefsOf } from "../../mesh/target-refs.ts";
import {
  EVERY_WAYPOINT,
  otherTraffic,
  refusedAttachment,
  usedWaypoint,
  waypointOf,
  waypointsIn,
} from "../../mesh/waypoint.ts";
import { family, type Report } from "../family.ts";
import { Grouped } from "../grouped.ts";

type Id =
  | "target-ref-nothing"
  | "target-ref-unknown"
  | "target-ref-namespace"
  | "selector-and-target-refs"
  | "waypoint-unused"
  | "waypoint-use-unseen"
  | "client-past-waypoint"
  | "ambient-sidecar-plugin";

/** What `targetRefs` may name, each with its group (pkg/config/validation/validation.go, `allowedTargetRefs`). */
const TARGETS: ReadonlyMap<string, readonly string[]> = new Map([
  ["Service", ["", "core"]],
  ["ServiceEntry", ["networking.istio.io"]],
  ["Gateway", ["gateway.networking.k8s.io"]],
  ["GatewayClass", ["gateway.networking.k8s.io"]],
]);

/** Classes of Istio's own whose proxies are no waypoints, so that plugins for a Service are never in them. Others may have any name. */
const ROUTERS = new Set(["istio", "istio-remote", "istio-east-west"]);

function judgeTarget(target: Field, report: Report<Id>): void {
  const namespace = target.get("namespace");
  if (namespace?.text() !== undefined && namespace.text() !== "")
    report("target-ref-namespace", namespace.keyPlace, `targetRefs names the namespace ${namespace.text() ?? ""}`);
  const [kind = "", group = ""] = [target.text("kind"), target.text("group")];
  const groups = TARGETS.get(kind);
  if (groups?.includes(group)) return;
  const [key, what] = groups ? ["group", `kind ${kind} in group "${group}"`] : ["kind", `kind ${kind}`];
  const remedy = groups && `write group: ${groups[0] === "" ? '""' : (groups[0] ?? "")}`;
  report("target-ref-unknown", target.placeOf(key), `targetRefs cannot name ${what}`, remedy);
}

/** What Istio refuses in an object, whatever else is among the files. */
function judgeTargets(resource: Resource, report: Report<Id>): void {
  const targets = targetRefsOf(resource);
  const selector = resource.root.get("spec", "selector");
  if (selector && targets.length > 0)
    report("selector-and-target-refs", selector.keyPlace, `${resource.title} has both selector and targetRefs`);
  for (const target of targets) judgeTarget(target, report);
}

/** The label by which a Service uses the only waypoint for Services of its namespace; undefined if the files have none or several. */
function labelFor({ namespace }: Service, mesh: Mesh): string | undefined {
  const [only, ...others] = waypointsIn(namespace, mesh).filter((gateway) => otherTraffic(gateway) === undefined);
  return only && others.length === 0 ? `label the Service istio.io/use-waypoint: ${only.name}` : undefined;
}

const ACCEPT_ALL = "write allowedRoutes: {namespaces: {from: All}}";

/** Whether the Service's traffic goes through a waypoint that runs plugins for Services. */
function judgeUse(service: Service, mesh: Mesh, report: Report<Id>): void {
  const { resource } = service;
  const use = waypointOf(service, mesh);
  const label = labelFor(service, mesh);
  if (use === "unknown") {
    const message = `no label among the files makes ${resource.title} use a waypoint`;
    const remedy = label && `${label}, or give the file of its Namespace too`;
    report("waypoint-use-unseen", resource.place, message, { remedy, compared: [resource] });
  } else if (use === "none") {
    const message = `neither ${resource.title} nor its Namespace has the label istio.io/use-waypoint, or the label is "none"`;
    report("waypoint-unused", resource.place, message, { remedy: label, compared: [resource] });
  } else {
    const known = waypointsIn(use.namespace, mesh);
    const gateway = known.find(({ name }) => name === use.name);
    const other = gateway && otherTraffic(gateway);
    const refused = gateway && refusedAttachment(gateway, service.namespace, mesh);
    const namesakes = mesh.of("Gateway", "gateway.networking.k8s.io").filter(({ name }) => name === use.name);
    const own = namesakes.find(({ namespace }) => namespace === use.namespace);
    const ownClass = own?.root.get("spec", "gatewayClassName");
    if (other) {
      const message = `${gateway.title}, the waypoint of ${resource.title}, is for "${other.traffic}" only`;
      report("waypoint-unused", other.place, message, "write istio.io/waypoint-for: service");
    } else if (refused) {
      const message = `${gateway.title}, the waypoint of ${resource.title}, does not accept Services of namespace ${service.namespace}`;
      const remedy = `${ACCEPT_ALL} into its HBONE listener, or a selector for Namespace ${service.namespace}`;
      report("waypoint-unused", refused, message, { remedy, compared: [gateway, resource] });
    } else if (own && ownClass && ROUTERS.has(ownClass.text() ?? "")) {
      const message = `${resource.title} uses ${own.title}, whose class ${ownClass.text() ?? ""} is no waypoint's`;
      report("waypoint-unused", ownClass.place, message, "write gatewayClassName: istio-waypoint");
    } else if (!own && namesakes[0]) {
      const [elsewhere] = namesakes;
      const message = `${resource.title} uses the waypoint ${use.namespace}/${use.name}, but the files have ${elsewhere.title}`;
      const accept = refusedAttachment(elsewhere, service.namespace, mesh)
        ? `, and ${ACCEPT_ALL} into its HBONE listener`
        : "";
      report("waypoint-unused", use.place, message, {
        remedy: `put the Gateway into ${use.namespace}, or also write istio.io/use-waypoint-namespace: ${elsewhere.namespace}${accept}`,
        compared: [elsewhere, resource],
      });
    } else if (!gateway && known.length > 0) {
      const message = `${resource.title} uses the waypoint ${use.namespace}/${use.name}, but the files have ${known.map(({ title }) => title).join(", ")}`;
      report("waypoint-unused", use.place, message, {
        remedy: `write istio.io/use-waypoint: ${known[0]?.name ?? ""}`,
        compared: known,
      });
    }
  }
}

/** Services of nats-server whose waypoint runs no plugin: those of this namespace, if there are any. */
function unserved(namespace: string, brokers: readonly Service[], mesh: Mesh): Service[] {
  const served = mesh.waypointServices();
  const left = brokers.filter((service) => !served.includes(service));
  const own = left.filter((service) => service.namespace === namespace);
  return own.length > 0 ? own : left;
}

/** What to write where a plugin names a Service that is not there, and clients can mean only one of nats-server's. */
function meantService(name: string, namespace: string, brokers: readonly Service[]): string | undefined {
  const [only, ...others] = brokers.filter((service) => service.namespace === namespace && !service.isHeadless);
  if (!only || others.length > 0) return undefined;
  const meant = only.resource.name;
  return `write name: ${meant} (broker.service.name: ${meant} of the chart), or give the file of Service ${namespace}/${name} too`;
}

function judgePlugin(plugin: Plugin, mesh: Mesh, report: Report<Id>): void {
  const { namespace } = plugin.resource;
  const brokers = mesh.brokerServices;
  const isBrokerKnown = brokers.length + mesh.brokers.length > 0;
  const served = new Set(mesh.waypointServicesOf(plugin));
  for (const target of plugin.targetRefs) {
    const [kind, name = ""] = [target.text("kind"), target.text("name")];
    const nothing = (remedy?: string): void => {
      const message = `no ${kind ?? ""} ${namespace}/${name} is among the files, so no proxy runs ${plugin.resource.title}`;
      const compared = [plugin.resource, ...brokers.map(({ resource }) => resource)];
      report("target-ref-nothing", target.placeOf("name"), message, { remedy, compared });
    };
    if (kind === "GatewayClass") {
      if (namespace === mesh.rootNamespace && `${kind}/${name}` === EVERY_WAYPOINT) continue;
      const message = `${plugin.resource.title} names GatewayClass ${name}, but Istio attaches such a plugin only in ${mesh.rootNamespace} and only for istio-waypoint`;
      const remedy = `write kind: Service, group: "", and the name of nats-server's Service, or put the plugin into ${mesh.rootNamespace} with name: istio-waypoint`;
      report("target-ref-nothing", target.placeOf("name"), message, { remedy, compared: [plugin.resource] });
    } else if (kind === "Service") {
      const isThere = mesh.services.some((one) => one.namespace === namespace && one.resource.name === name);
      if (!isThere && isBrokerKnown) nothing(meantService(name, namespace, brokers));
    } else if (kind === "ServiceEntry") {
      const entries = mesh.of("ServiceEntry", "networking.istio.io");
      if (isBrokerKnown && !entries.some((one) => one.namespace === namespace && one.name === name)) nothing();
    } else if (kind === "Gateway") {
      const known = mesh.of("Gateway", "gateway.networking.k8s.io");
      if (known.length > 0 && !known.some((one) => one.namespace === namespace && one.name === name)) nothing();
      else if (mesh.placement(plugin) === "waypoint" && served.size === 0)
        for (const service of unserved(namespace, brokers, mesh)) {
          const use = usedWaypoint(service, mesh);
          if (!use) served.add(service);
          else {
            const message = `${service.resource.title} uses the waypoint ${use.namespace}/${use.name}, but ${plugin.resource.title} is for ${namespace}/${name}`;
            report("waypoint-unused", use.place, message, `write istio.io/use-waypoint: ${name}`);
          }
        }
    }
  }
  for (const service of served) judgeUse(service, mesh, report);
}

/** The Services of a waypoint whose clients nobody else judges, neither the pods' own sidecars nor the clients'. */
function judgedByWaypointAlone(mesh: Mesh): Service[] {
  const sidecars = mesh.plugins.filter((plugin) => mesh.placement(plugin) === "server-sidecar");
  return mesh.waypointServices().filter((service) => !sidecars.some((plugin) => judges(plugin, service, mesh)));
}

/**
 * Clients whose sidecars send to nats-server's pods what is for a Service of a waypoint: among Istio's proxies only gateways can send it
 * there (pilot/pkg/xds/endpoints/endpoint_builder.go, `findServiceWaypoint`).
 */
function judgeClients(mesh: Mesh, report: Report<Id>): void {
  const clients = clientsIn(mesh).filter((client) => !wayWithoutMtls(client, mesh));
  for (const service of judgedByWaypointAlone(mesh)) {
    const use = usedWaypoint(service, mesh);
    if (!use) continue;
    const found = new Grouped<Id>();
    for (const { workload } of clients.filter((client) => client.service === service)) {
      const sidecar = sidecarCause(workload, mesh);
      if (!sidecar || mesh.pluginsOf(workload).length > 0) continue;
      const { namespace, title } = workload.resource;
      const message = (about: string): string =>
        `the sidecars of ${about} send what is for ${service.resource.title} to its pods, not to its waypoint ${use.namespace}/${use.name}`;
      const remedy = `label Namespace ${namespace} istio.io/dataplane-mode: ambient, and ask for no sidecar; or judge clients in nats-server's own sidecars (deploy/sidecar)`;
      found.add("client-past-waypoint", sidecar.place, title, message, { remedy });
    }
    found.reportTo(report);
  }
}

export const waypoint = family<Id>(
  "Waypoints",
  {
    "target-ref-nothing": {
      severity: "error",
      what:
        "`targetRefs` names no Service or Gateway among the files, although nats-server's own objects are there. A waypoint " +
        "finds a plugin only by its `targetRefs`, in the plugin's own namespace, so the filter is silently missing. A GatewayClass " +
        "counts only in Istio's root namespace, and only istio-waypoint.",
      remedy:
        "write the name of nats-server's Service, put the plugin into the Service's namespace, or give the Service's file too",
    },
    "target-ref-unknown": {
      severity: "error",
      what:
        "Istio does not accept this kind, or not with this group, in `targetRefs`, and refuses the plugin or the " +
        "AuthorizationPolicy. Both are " +
        "case-sensitive.",
      remedy: `write one of ${[...TARGETS.keys()].join(", ")} as kind; pods are named by selector instead`,
    },
    "target-ref-namespace": {
      severity: "error",
      what:
        "`targetRefs` has a namespace. Istio refuses the plugin or the AuthorizationPolicy even if it is its own, since it " +
        "attaches only to what is in its namespace.",
      remedy: "remove namespace, and put the object into the namespace of what it names",
    },
    "selector-and-target-refs": {
      severity: "error",
      what: "The plugin or the AuthorizationPolicy has both `selector` and `targetRefs`, and Istio refuses it.",
      remedy: "keep targetRefs for gateways and waypoints, or selector for sidecars",
    },
    "waypoint-unused": {
      severity: "error",
      what:
        "Traffic to nats-server's Service does not go through the waypoint. ztunnel, which runs no Wasm, takes it to the pods, " +
        "and no filter judges it.",
      remedy:
        "label the Service or its Namespace istio.io/use-waypoint: NAME, with the name of a Gateway whose istio.io/waypoint-for " +
        "is service or all, and whose allowedRoutes accept the Service's namespace",
    },
    "waypoint-use-unseen": {
      severity: "warning",
      what:
        "A plugin is for a Service's waypoint, but the Service has no label `istio.io/use-waypoint`. Its Namespace may have the " +
        "label, but is not among the files.",
      remedy: "label the Service istio.io/use-waypoint: NAME, or give the file of its Namespace too",
    },
    "client-past-waypoint": {
      severity: "warning",
      what:
        "nats-server's Service uses a waypoint, and a client has a sidecar. Istio's sidecars send to the Service's pods, not to " +
        "its waypoint. The pods refuse the client if they accept only the waypoint (deploy/waypoint/only-through-waypoint.yaml), and " +
        "otherwise no filter judges it.",
      remedy:
        "have the client in ambient mode, or inject sidecars into nats-server's pods, with a plugin for them (deploy/sidecar)",
    },
    "ambient-sidecar-plugin": {
      severity: "error",
      what:
        "These nats-server pods are in ambient mode, so they have no sidecar, and the only plugin for them is one for sidecars. " +
        "ztunnel runs no Wasm, so no filter judges their traffic.",
      remedy: "use a waypoint with a plugin that names the Service in targetRefs (deploy/waypoint), or inject sidecars",
    },
  },
  ({ mesh }, report) => {
    const policies = mesh.of("AuthorizationPolicy", "security.istio.io");
    for (const resource of [...mesh.plugins.map((plugin) => plugin.resource), ...policies])
      judgeTargets(resource, report);
    for (const plugin of mesh.plugins) judgePlugin(plugin, mesh, report);
    judgeClients(mesh, report);
    for (const broker of mesh.brokers.filter((one) => mesh.isAmbient(one))) {
      const plugins = mesh.plugins.filter((plugin) => mesh.isMeantFor(plugin, broker));
      if (plugins.some((plugin) => mesh.placement(plugin) === "waypoint")) continue;
      for (const { resource } of plugins) {
        const message = `${broker.resource.title} is ambient, but ${resource.title} is for sidecars`;
        report("ambient-sidecar-plugin", resource.root.placeOf("spec", "selector"), message);
      }
    }
  },
);
