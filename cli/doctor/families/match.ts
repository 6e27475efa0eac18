import { placeText } from "../../manifests/place.ts";
import type { Resource } from "../../manifests/resource.ts";
import { serversBeside } from "../../mesh/gateway.ts";
import { CLIENT_PORT } from "../../mesh/nats-ports.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import type { Plugin } from "../../mesh/plugin.ts";
import type { Service } from "../../mesh/service.ts";
import { labelsText, type Pods } from "../../mesh/selector.ts";
import { ingressOf, sidecarsFor } from "../../mesh/sidecar.ts";
import { family, type Report } from "../family.ts";

type Id =
  | "match-port-nothing"
  | "service-port-unmatched"
  | "match-without-ports"
  | "selector-matches-nothing"
  | "broker-without-plugin"
  | "pod-not-in-service"
  | "sidecar-without-port"
  | "service-selects-others"
  | "target-port-nothing";

/** The Services whose chains a plugin can come to stand in; none where nothing can be said. */
function servicesOf(plugin: Plugin, mesh: Mesh): Service[] {
  const { namespace } = plugin.resource;
  if (mesh.placement(plugin) === "waypoint") return mesh.waypointServicesOf(plugin);
  if (mesh.placement(plugin) !== "server-sidecar") return [];
  const pods = mesh.brokers.filter((broker) => plugin.selectsWorkload(broker, mesh.rootNamespace));
  if (pods.length > 0) return mesh.services.filter((service) => pods.some((pod) => service.selectsWorkload(pod)));
  return mesh.services.filter((service) => service.mayServe(namespace, plugin.selector));
}

function judgePorts(plugin: Plugin, mesh: Mesh, report: Report<Id>): void {
  const services = servicesOf(plugin, mesh);
  if (services.length === 0) return;
  const numbers = plugin.matches.flatMap(({ ports }) => ports);
  for (const number of numbers) {
    const wanted = number.integer();
    const ports = services.flatMap((service) => service.ports.map((port) => ({ service, port })));
    if (wanted === undefined || ports.some(({ port }) => port.number === wanted)) continue;
    const behind = ports.find(({ service, port }) => mesh.targetOf(service, port) === wanted);
    if (behind) {
      const { service, port } = behind;
      const where = `${service.resource.title} (${placeText(port.field.placeOf("port"))})`;
      const message = `${wanted} is the targetPort of ${where}, whose port is ${port.number}: Istio compares the Service's port on TCP chains, so the filter is not there`;
      report(
        "match-port-nothing",
        number.place,
        message,
        `write number: ${port.number}, or make the Service's port ${wanted} too`,
      );
    } else {
      const known = ports.map(({ service, port }) => `${port.number} (${service.resource.title})`).join(", ");
      report("match-port-nothing", number.place, `no Service of these pods has the port ${wanted}; there are ${known}`);
    }
  }
  // A match without ports takes every port.
  if (numbers.length === 0 || plugin.matches.some(({ ports }) => ports.length === 0)) return;
  for (const service of services) {
    for (const port of mesh.clientPorts(service)) {
      if (numbers.some((number) => number.integer() === port.number)) continue;
      const message = `port ${port.number} of ${service.resource.title} leads to ${CLIENT_PORT}, and ${plugin.resource.title} does not match it: where its chain is the one that Istio makes, the filter is missing`;
      report(
        "service-port-unmatched",
        port.field.placeOf("port"),
        message,
        `add number: ${port.number} to the plugin's match`,
      );
    }
  }
}

/** On a gateway it is the server's port that Istio compares. */
function judgeServers(plugin: Plugin, mesh: Mesh, report: Report<Id>): void {
  const servers = mesh.placement(plugin) === "gateway" ? serversBeside(plugin, mesh) : [];
  if (servers.length === 0) return;
  const known = servers.map(({ port, gateway }) => `${port} (${gateway.title})`).join(", ");
  for (const number of plugin.matches.flatMap(({ ports }) => ports)) {
    const wanted = number.integer();
    if (wanted === undefined || servers.some(({ port }) => port === wanted)) continue;
    const message = `no Gateway of these proxies has a server on port ${wanted}; there are ${known}`;
    report("match-port-nothing", number.place, message, "write the port of the Gateway's server");
  }
}

/** Ports of nats-server's Services behind which none of their pods has a port, where these are among the files. */
function judgeTargets(mesh: Mesh, report: Report<Id>): void {
  for (const service of mesh.services) {
    const brokers = mesh.brokers.filter((broker) => service.selectsWorkload(broker));
    if (brokers.length === 0) continue;
    for (const { field, number, target } of service.ports) {
      const targets = brokers.map((broker) => broker.resolvePort(target));
      const port = `port ${number} of ${service.resource.title}`;
      if (targets.every((resolved) => resolved === undefined)) {
        const names = brokers.flatMap(({ ports }) => ports.flatMap(({ name }) => name ?? []));
        const message = `${port} leads to a port "${target}", and the containers have ${names.length > 0 ? names.join(", ") : "no named port"}`;
        report("target-port-nothing", field.placeOf("targetPort"), message);
        continue;
      }
      // A port by its number need not be declared by the container; but nobody writes the client port to mean another.
      const [wrong] = targets;
      if (number !== CLIENT_PORT || wrong === undefined || wrong === CLIENT_PORT) continue;
      if (brokers.some((broker) => broker.port(wrong))) continue;
      const message = `${port} leads to ${wrong}, which no container declares`;
      report("target-port-nothing", field.placeOf("targetPort"), message, `write targetPort: ${CLIENT_PORT}`);
    }
  }
}

/** Services of nats-server that select something else too: to a port by its number Kubernetes sends to whatever is selected. */
function judgeSelectors(mesh: Mesh, report: Report<Id>): void {
  for (const service of mesh.services) {
    const pods = mesh.workloads.filter((workload) => service.selectsWorkload(workload));
    if (!pods.some(({ isBroker }) => isBroker)) continue;
    // What runs once, as tests of charts do, is not there for long.
    const others = pods.filter(
      ({ isBroker, resource }) => !isBroker && !["Pod", "Job", "CronJob"].includes(resource.kind),
    );
    const [other] = others;
    if (!other || !mesh.clientPorts(service).some(({ target }) => /^\d+$/.test(target))) continue;
    const titles = others.map(({ resource }) => `${resource.title} (${placeText(resource.place)})`).join(", ");
    const message = `${service.resource.title} selects ${titles} too, and connections that go there are refused`;
    const place = service.resource.root.placeOf("spec", "selector");
    report("service-selects-others", place, message, { compared: [service.resource, other.resource] });
  }
}

interface SidecarPods {
  pods: Pods;
  title: string;
}

/** nats-server's pods that have a sidecar; where none are among the files, those behind its Services. */
function podsWithSidecar(mesh: Mesh): SidecarPods[] {
  const brokers = mesh.brokers.filter((broker) => !mesh.isAmbient(broker));
  if (mesh.brokers.length > 0) return brokers.map((pods) => ({ pods, title: pods.resource.title }));
  return mesh.services
    .filter((service) => mesh.isBrokerService(service) && service.selector.size > 0)
    .filter((service) => !mesh.waypointServices().includes(service))
    .map(({ namespace, selector, resource }) => {
      return { pods: { namespace, labels: selector }, title: `the pods of ${resource.title}` };
    });
}

/** Each Sidecar with listeners of its own of which none takes the client port, once. */
function judgeSidecars(mesh: Mesh, report: Report<Id>): void {
  const told = new Set<Resource>();
  for (const { pods, title } of podsWithSidecar(mesh)) {
    for (const sidecar of sidecarsFor(pods, mesh)) {
      const ports = ingressOf(sidecar).map((listener) => listener.integer("port", "number"));
      if (ports.length === 0 || ports.includes(CLIENT_PORT) || told.has(sidecar)) continue;
      told.add(sidecar);
      const known = ports.map((port) => port ?? "no port").join(", ");
      const message = `${sidecar.title} lets in ${known} and not ${CLIENT_PORT} of ${title}: its traffic takes the passthrough chain, where the filter is not`;
      report("sidecar-without-port", sidecar.root.get("spec", "ingress")?.keyPlace ?? sidecar.place, message);
    }
  }
}

export const match = family<Id>(
  "Where the filter is put",
  {
    "match-port-nothing": {
      severity: "error",
      what:
        "A port of the plugin's match is no port of a Service of these pods, or on a gateway no port of a Gateway's servers. On TCP " +
        "chains Istio compares the port of the Service, not the container's. The filter is silently not there.",
      remedy: "write the Service's port, and keep port and targetPort equal",
    },
    "service-port-unmatched": {
      severity: "error",
      what:
        "A port of a Service leads to nats-server's client port, and the plugin's match does not list it. Of several Services " +
        "with one targetPort the oldest one's port counts, so the filter may be missing.",
      remedy: "list every Service port that leads to 4222",
    },
    "match-without-ports": {
      severity: "warning",
      what: "The plugin matches every port of the pod. It would end monitoring, routes and everything else that is no NATS client.",
      remedy: "write match: [{mode: SERVER, ports: [{number: 4222}]}]",
    },
    "selector-matches-nothing": {
      severity: "error",
      what: "The plugin selects none of the nats-server pods among the files: their traffic is not judged.",
      remedy: "write the pods' labels into spec.selector.matchLabels, and put the plugin into their namespace",
    },
    "broker-without-plugin": {
      severity: "warning",
      what: "No plugin of istio-nats among the files is for these nats-server pods. Where there is none in the cluster either, everybody may do everything.",
      remedy: "give the plugin's file too, or apply one: docs/install.md",
    },
    "target-port-nothing": {
      severity: "error",
      what: "A port of nats-server's Service leads to a port that its pods do not have: whoever connects to it is refused.",
      remedy: "write as targetPort the number or the name of a port of the container",
    },
    "pod-not-in-service": {
      severity: "error",
      what:
        "nats-server's client port is in no Service among the files. Its traffic takes Istio's passthrough chain, which a " +
        "match with ports never fits, so the filter is not there.",
      remedy: "make a Service that selects these pods, with port: 4222 and targetPort: 4222",
    },
    "service-selects-others": {
      severity: "warning",
      what:
        "A Service of nats-server selects pods of something else too, such as nats-box, and leads to a port by its number: a part of the " +
        "connections goes to those pods and is refused.",
      remedy:
        "add a label to the selector that nats-server's pods alone have, such as app.kubernetes.io/component: nats of NATS's own chart",
    },
    "sidecar-without-port": {
      severity: "error",
      what:
        "A Sidecar for nats-server's pods has `ingress`, so that Istio makes chains for the ports of this list alone, and none of it is the " +
        "client port. Its traffic takes the passthrough chain, which a match with ports never fits: the filter is silently not there.",
      remedy:
        "take ingress out of the Sidecar, or add {port: {number: 4222, protocol: TCP, name: tcp-client}, defaultEndpoint: 127.0.0.1:4222}",
    },
  },
  ({ mesh }, report) => {
    for (const plugin of mesh.plugins) {
      const placement = mesh.placement(plugin);
      judgePorts(plugin, mesh, report);
      judgeServers(plugin, mesh, report);
      const open = plugin.matches.find(({ ports }) => ports.length === 0);
      if (open ?? plugin.matches.length === 0) {
        const place = open?.field.place ?? plugin.resource.root.placeOf("spec", "match");
        report("match-without-ports", place, `${plugin.resource.title} matches every port`);
      }
      if (placement !== "server-sidecar" || mesh.brokers.length === 0) continue;
      if (mesh.brokers.some((broker) => plugin.selectsWorkload(broker, mesh.rootNamespace))) continue;
      const { title, root } = plugin.resource;
      const pods = mesh.brokers.map(({ resource, labels }) => `${resource.title} (${labelsText(labels)})`).join(", ");
      report(
        "selector-matches-nothing",
        root.placeOf("spec", "selector", "matchLabels"),
        `${title} selects none of ${pods}`,
        { compared: [plugin.resource, ...mesh.brokers.map(({ resource }) => resource)] },
      );
    }
    judgeTargets(mesh, report);
    judgeSelectors(mesh, report);
    judgeSidecars(mesh, report);
    for (const broker of mesh.brokers) {
      if (!mesh.plugins.some((plugin) => mesh.isMeantFor(plugin, broker))) {
        const message = `no plugin of istio-nats is for ${broker.resource.title} (${labelsText(broker.labels)})`;
        report("broker-without-plugin", broker.resource.place, message, { compared: [broker.resource] });
      }
      const ports = mesh.servicesOf(broker).flatMap((service) => service.ports);
      if (ports.some(({ target }) => broker.resolvePort(target) === CLIENT_PORT)) continue;
      const place = broker.port(CLIENT_PORT)?.place ?? broker.resource.place;
      const message = `port ${CLIENT_PORT} of ${broker.resource.title} is in no Service`;
      const services = mesh.services.map(({ resource }) => resource);
      report("pod-not-in-service", place, message, { compared: [broker.resource, ...services] });
    }
  },
);
