import type { Field } from "../../manifests/field.ts";
import { placeText } from "../../manifests/place.ts";
import { afterFilling, isFilledIn, unfilledRemedy } from "../../manifests/unfilled.ts";
import type { Resource } from "../../manifests/resource.ts";
import { clientPortOf, otherClientPort } from "../../mesh/client-port.ts";
import { gatewayServices, serversBeside } from "../../mesh/gateway.ts";
import { CLIENT_PORT } from "../../mesh/nats-ports.ts";
import { otherPorts, otherUse } from "../../mesh/other-ports.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import type { Plugin } from "../../mesh/plugin.ts";
import type { Service } from "../../mesh/service.ts";
import { labelsText, mayMeet, selects, type Pods } from "../../mesh/selector.ts";
import { ingressOf, leadsTo, sidecarsFor } from "../../mesh/sidecar.ts";
import type { ContainerPort, Workload } from "../../mesh/workload.ts";
import { family, type Report } from "../family.ts";

type Id =
  | "match-port-nothing"
  | "gateway-service-without-port"
  | "service-port-unmatched"
  | "match-other-port"
  | "match-without-ports"
  | "selector-matches-nothing"
  | "broker-without-plugin"
  | "pod-not-in-service"
  | "sidecar-without-port"
  | "service-selects-others"
  | "service-selects-nothing"
  | "target-port-nothing";

/** Whether a list says nothing. What is no list has a finding of its own, and may be meant to say something. */
function isEmptyList(list: Field | undefined): boolean {
  return list === undefined || list.type === "null" || (list.type === "array" && list.items().length === 0);
}

/** The Services whose chains a plugin can be part of; none where that cannot be told. */
function servicesOf(plugin: Plugin, mesh: Mesh): Service[] {
  const { namespace } = plugin.resource;
  if (mesh.placement(plugin) === "waypoint") return mesh.waypointServicesOf(plugin);
  if (mesh.placement(plugin) !== "server-sidecar") return [];
  const pods = [...mesh.brokersOf(plugin)];
  if (pods.length > 0) return mesh.services.filter((service) => pods.some((pod) => service.selectsWorkload(pod)));
  return mesh.services.filter((service) => service.mayServe(namespace, plugin.selector));
}

function judgePorts(plugin: Plugin, mesh: Mesh, report: Report<Id>): void {
  const services = servicesOf(plugin, mesh);
  if (services.length === 0) return;
  const matches = plugin.serverMatches;
  const numbers = matches.flatMap(({ ports }) => ports);
  for (const number of numbers) {
    const wanted = number.integer();
    const ports = services.flatMap((service) => service.ports.map((port) => ({ service, port })));
    // Services without any port have a finding of their own.
    if (wanted === undefined || ports.length === 0 || ports.some(({ port }) => port.number === wanted)) continue;
    const leading = ports.filter(({ service, port }) => mesh.targetOf(service, port) === wanted);
    // Beside the Service's port the container's does no harm. docs/how-to/install.md has both, for policies compare the container's.
    if (leading.some(({ port }) => numbers.some((other) => other.integer() === port.number))) continue;
    const [behind] = leading;
    if (behind) {
      const { service, port } = behind;
      const where = `${service.resource.title} (${placeText(port.field.placeOf("port"))})`;
      const message = `${wanted} is the targetPort of ${where}, whose port is ${port.number}: on TCP chains Istio compares the Service's port, so the filter is missing`;
      report(
        "match-port-nothing",
        number.place,
        message,
        `write number: ${port.number}, or make the Service's port ${wanted} too`,
      );
    } else {
      const known = ports.map(({ service, port }) => `${port.number} (${service.resource.title})`).join(", ");
      report("match-port-nothing", number.place, `no Service of these pods has port ${wanted}; they have ${known}`);
    }
  }
  // A match without ports takes every port, and one that is still to be filled in may be any.
  if (numbers.some((number) => isFilledIn(number.text() ?? ""))) return;
  if (numbers.length === 0 || matches.some(({ ports }) => ports.length === 0)) return;
  for (const service of services) {
    for (const port of mesh.clientPorts(service)) {
      if (numbers.some((number) => number.integer() === port.number)) continue;
      const message = `port ${port.number} of ${service.resource.title} leads to ${mesh.targetOf(service, port) ?? CLIENT_PORT}, but ${plugin.resource.title} does not match it: if Istio makes the chain for this port, the filter is missing`;
      report(
        "service-port-unmatched",
        port.field.placeOf("port"),
        message,
        `add number: ${port.number} to the plugin's match with mode: SERVER`,
      );
    }
  }
}

/** Ports in the match on which nats-server speaks another protocol than with its clients. */
function judgeOtherPorts(plugin: Plugin, mesh: Mesh, report: Report<Id>): void {
  if (!["server-sidecar", "waypoint"].includes(mesh.placement(plugin))) return;
  const services = servicesOf(plugin, mesh);
  const brokers = mesh.brokers.filter((broker) => services.some((service) => service.selectsWorkload(broker)));
  const opened = new Map(brokers.flatMap((broker) => otherPorts(broker, mesh).map(({ number, use }) => [number, use])));
  for (const field of plugin.serverMatches.flatMap(({ ports }) => ports)) {
    const wanted = field.integer();
    if (wanted === undefined) continue;
    const ports = services.flatMap((service) =>
      service.ports
        .filter(({ number }) => number === wanted)
        .map((port) => ({ target: mesh.targetOf(service, port) ?? wanted, name: port.name })),
    );
    const known = ports.length > 0 ? ports : [{ target: wanted, name: undefined }];
    const use = known.map(({ target, name }) => opened.get(target) ?? otherUse(target, name)).find((one) => one);
    if (use === undefined || known.some(({ target }) => target === CLIENT_PORT)) continue;
    const message = `${plugin.resource.title} would end every connection to port ${wanted} (${use})`;
    report("match-other-port", field.place, message, `remove number: ${wanted}`);
  }
}

/** A selector that contradicts those of nats-server's Services, where the pods themselves are not among the files. */
function judgeSelectorByServices(plugin: Plugin, mesh: Mesh, report: Report<Id>): void {
  const { resource, selector } = plugin;
  const services = mesh.brokerServices.filter((service) => service.selector.size > 0);
  const isReached = (service: Service): boolean =>
    [service.namespace, mesh.rootNamespace].includes(resource.namespace) && mayMeet(service.selector, selector);
  if (services.length === 0 || services.some(isReached)) return;
  const pods = services.map((service) => `${service.resource.title} (${labelsText(service.selector)})`).join(", ");
  report(
    "selector-matches-nothing",
    resource.root.placeOf("spec", "selector", "matchLabels"),
    `${resource.title} selects none of the pods behind ${pods}`,
    { compared: [resource, ...services.map((service) => service.resource)] },
  );
}

/** For a plugin beside no Gateway: those of NATS beside which there is no plugin either, one of which it must be meant for. */
function judgeUnjudgedGateways(plugin: Plugin, mesh: Mesh, report: Report<Id>): void {
  const { resource, matchedPorts, selector, targetRefs } = plugin;
  if (targetRefs.length > 0 || selector.size === 0) return;
  const wanted = matchedPorts.map((port) => port.integer());
  const judged = new Set(mesh.plugins.flatMap((one) => serversBeside(one, mesh).map(({ gateway }) => gateway)));
  const left = mesh.of("Gateway", "networking.istio.io").filter((gateway) => {
    const ports = gateway.root.items("spec", "servers").map((server) => server.integer("port", "number"));
    return !judged.has(gateway) && ports.some((port) => port !== undefined && wanted.includes(port));
  });
  if (left.length === 0) return;
  const known = left.map(({ root, title }) => `${title} (${labelsText(root.texts("spec", "selector"))})`).join(", ");
  report(
    "selector-matches-nothing",
    resource.root.placeOf("spec", "selector", "matchLabels"),
    `${resource.title} selects none of the proxies of ${known}`,
    "write the labels of the Gateway's selector into spec.selector.matchLabels",
  );
}

/** On a gateway Istio compares the port of the Gateway's server. */
function judgeServers(plugin: Plugin, mesh: Mesh, report: Report<Id>): void {
  if (mesh.placement(plugin) !== "gateway") return;
  const servers = serversBeside(plugin, mesh);
  if (servers.length === 0) judgeUnjudgedGateways(plugin, mesh, report);
  if (servers.length === 0) return;
  const known = servers.map(({ port, gateway }) => `${port} (${gateway.title})`).join(", ");
  for (const number of plugin.matchedPorts) {
    const wanted = number.integer();
    if (wanted === undefined || servers.some(({ port }) => port === wanted)) continue;
    const message = `no Gateway of these proxies has a server on port ${wanted}; they have ${known}`;
    report("match-port-nothing", number.place, message, "write the port of the Gateway's server");
  }
}

/** Ports of a gateway's server that the mesh cannot reach through the gateway's Service. */
function judgeGatewayServices(plugin: Plugin, mesh: Mesh, report: Report<Id>): void {
  const services = mesh.placement(plugin) === "gateway" ? gatewayServices(plugin, mesh) : [];
  const [service] = services;
  if (!service) return;
  const ports = services.flatMap((one) => one.ports);
  // A port with another number may lead to the server's, and one that leads to a name may, too.
  const leads = (port: number): boolean =>
    ports.some(({ number, targetNumber }) => number === port || targetNumber === port || targetNumber === undefined);
  const known = ports.map(({ number }) => number).join(", ") || "none";
  const wanted = plugin.matchedPorts.map((port) => port.integer());
  for (const { gateway, port } of serversBeside(plugin, mesh)) {
    if (!wanted.includes(port) || leads(port)) continue;
    const message = `${service.resource.title} has no port ${port}, on which ${gateway.title} has the server that ${plugin.resource.title} matches; it has ${known}`;
    report("gateway-service-without-port", service.resource.root.placeOf("spec", "ports"), message, {
      remedy: `add port: ${port} to the Service`,
      compared: [service.resource, plugin.resource],
    });
  }
}

/** The name of a container's port, with its protocol if that is why a Service may not find it. */
function nameOf({ name, protocol }: ContainerPort): string[] {
  if (name === undefined) return [];
  return [protocol === "TCP" ? name : `${name} (${protocol})`];
}

/** Ports of nats-server's Services that lead to no port of their pods, where the pods are among the files. */
function judgeTargets(mesh: Mesh, report: Report<Id>): void {
  for (const service of mesh.services) {
    const brokers = mesh.brokers.filter((broker) => service.selectsWorkload(broker));
    if (brokers.length === 0) continue;
    for (const servicePort of service.ports) {
      const { field, number, target } = servicePort;
      const targets = brokers.map((broker) => broker.resolvePort(servicePort));
      const port = `port ${number} of ${service.resource.title}`;
      if (targets.every((resolved) => resolved === undefined)) {
        const names = brokers.flatMap(({ ports }) => ports.flatMap(nameOf));
        const message = `${port} leads to a port named "${target}", but the containers have ${names.length > 0 ? names.join(", ") : "no named port"}`;
        report("target-port-nothing", field.placeOf("targetPort"), message);
        continue;
      }
      // A container need not declare a port that is named by its number, but nobody writes the client port to mean another one.
      const [wrong] = targets;
      if (number !== CLIENT_PORT || wrong === undefined || wrong === CLIENT_PORT) continue;
      if (brokers.some((broker) => broker.port(wrong))) continue;
      const message = `${port} leads to ${wrong}, which no container declares`;
      report("target-port-nothing", field.placeOf("targetPort"), message, `write targetPort: ${CLIENT_PORT}`);
    }
  }
}

/** Services of nats-server that select other pods too: Kubernetes sends to all selected pods if the port is a number. */
function judgeSelectors(mesh: Mesh, report: Report<Id>): void {
  for (const service of mesh.services) {
    const pods = mesh.workloads.filter((workload) => service.selectsWorkload(workload));
    if (!pods.some(({ isBroker }) => isBroker)) continue;
    // Pods that run once, such as chart tests, do not stay for long.
    const others = pods.filter(
      ({ isBroker, resource }) => !isBroker && !["Pod", "Job", "CronJob"].includes(resource.kind),
    );
    const [other] = others;
    if (!other || !mesh.clientPorts(service).some(({ targetNumber }) => targetNumber !== undefined)) continue;
    const titles = others.map(({ resource }) => `${resource.title} (${placeText(resource.place)})`).join(", ");
    const message = `${service.resource.title} also selects ${titles}, and connections to those pods are refused`;
    const place = service.resource.root.placeOf("spec", "selector");
    report("service-selects-others", place, message, { compared: [service.resource, other.resource] });
  }
}

/** Whether some Service leads to the client port of these pods. */
function isServed(broker: Workload, mesh: Mesh): boolean {
  const ports = mesh.servicesOf(broker).flatMap((service) => service.ports);
  return ports.some((port) => broker.resolvePort(port) === CLIENT_PORT);
}

/** Services with the client port that select no pods, beside others that do: where there are none, the pods have a finding. */
function judgeEmptyServices(mesh: Mesh, report: Report<Id>): void {
  for (const service of mesh.services) {
    if (!mesh.isAstray(service)) continue;
    const { resource, namespace, selector } = service;
    const brokers = mesh.brokers.filter((broker) => broker.namespace === namespace);
    if (!brokers.every((broker) => isServed(broker, mesh))) continue;
    const known = brokers.map(({ resource: { title }, labels }) => `${title} (${labelsText(labels)})`).join(", ");
    const place = resource.root.placeOf("spec", "selector");
    if (selector.size === 0) {
      const message = `${resource.title} has no selector, and nothing among the files says where it leads; nats-server's pods are ${known}`;
      const remedy = "write labels of nats-server's pods into a selector, or give the file of its EndpointSlices";
      report("service-selects-nothing", place, message, { remedy, compared: [resource] });
      continue;
    }
    const message = `${resource.title} selects ${labelsText(selector)}, which no pods among the files have; those of nats-server are ${known}`;
    report("service-selects-nothing", place, message, { compared: [resource] });
  }
}

interface SidecarPods {
  pods: Pods;
  title: string;
  /** Their client port. */
  port: number;
  /** The ports to which their Services lead. */
  targets: number[];
}

/** nats-server's pods that have a sidecar; where none are among the files, those behind its Services. */
function podsWithSidecar(mesh: Mesh): SidecarPods[] {
  const brokers = mesh.brokers.filter((broker) => !mesh.isAmbient(broker));
  if (mesh.brokers.length > 0)
    return brokers.map((pods) => {
      const ports = mesh.servicesOf(pods).flatMap((service) => service.ports);
      const targets = ports.flatMap((port) => pods.resolvePort(port) ?? []);
      return { pods, title: pods.resource.title, port: clientPortOf(pods, mesh), targets };
    });
  return mesh.brokerServices
    .filter((service) => service.selector.size > 0)
    .filter((service) => !mesh.waypointServices().includes(service))
    .map((service) => {
      const { namespace, selector, resource } = service;
      const [port] = mesh.clientPorts(service);
      const pods = { namespace, labels: selector };
      return { pods, title: `the pods of ${resource.title}`, port: port?.targetNumber ?? CLIENT_PORT, targets: [] };
    });
}

function remedyOfSidecar(port: number): string {
  return `remove ingress from the Sidecar, or add {port: {number: ${port}, protocol: TCP, name: tcp-client}, defaultEndpoint: 127.0.0.1:${port}}`;
}

/** Each Sidecar whose own listeners leave out the client port, reported once. */
function judgeSidecars(mesh: Mesh, report: Report<Id>): void {
  const told = new Set<Resource>();
  for (const { pods, title, port: own, targets } of podsWithSidecar(mesh)) {
    for (const sidecar of sidecarsFor(pods, mesh)) {
      const ports = ingressOf(sidecar).map((listener) => listener.integer("port", "number"));
      if (ports.length === 0 || leadsTo(sidecar, own, targets) || told.has(sidecar)) continue;
      told.add(sidecar);
      const known = ports.map((port) => port ?? "no port").join(", ");
      const message = `${sidecar.title} has listeners for ${known} but not for ${own} of ${title}: its traffic takes the passthrough chain, where the filter is missing`;
      const place = sidecar.root.get("spec", "ingress")?.keyPlace ?? sidecar.place;
      report("sidecar-without-port", place, message, remedyOfSidecar(own));
    }
  }
}

/** Why a Service that has the client port, and no pods among the files, is not the one of these pods, which it may be meant for. */
function serviceAstray(broker: Workload, mesh: Mesh): { why: string; remedy: string } | undefined {
  const without = mesh.services.filter(
    (service) => service.resource.root.text("spec", "type") !== "ExternalName" && mesh.isEmpty(service),
  );
  const service = without.find(({ namespace }) => namespace === broker.namespace) ?? without[0];
  if (!service) return undefined;
  const { root, title } = service.resource;
  const { namespace, labels } = broker;
  const where = `${title} (${placeText(root.placeOf("spec", "selector"))})`;
  if (service.selector.size === 0)
    return { why: `${where} has no selector`, remedy: `give ${title} a selector with labels of these pods` };
  if (selects(service.selector, labels)) {
    const why = `${where} would select these pods, but is in another namespace than theirs, ${namespace}`;
    return { why, remedy: "put the Service into the namespace of the pods" };
  }
  const has = labels.size === 0 ? "no labels" : labelsText(labels);
  const why = `${where} selects ${labelsText(service.selector)}, but these pods have ${has}`;
  const fill = unfilledRemedy(labelsText(service.selector) + labelsText(labels));
  const remedy = `write labels of these pods into the selector of ${title}`;
  return { why, remedy: afterFilling(fill, remedy) };
}

export const match = family<Id>(
  "Where the filter is put",
  {
    "match-port-nothing": {
      severity: "error",
      what:
        "A port in the plugin's match belongs to no Service of these pods, or on a gateway to no server of a Gateway. On TCP " +
        "chains Istio compares the Service's port, not the container's, so the filter is silently missing.",
      remedy: "write the Service's port, and keep port and targetPort equal",
    },
    "gateway-service-without-port": {
      severity: "error",
      what:
        "The gateway's Service lacks the port of the server that the plugin matches. Workloads reach a gateway through its " +
        "Service, so their connections to NATS end nowhere.",
      remedy: "add the port of the Gateway's server to the gateway's Service",
    },
    "service-port-unmatched": {
      severity: "error",
      what:
        "A port of a Service leads to nats-server's client port, but the plugin's match does not list it. If several Services " +
        "share a targetPort, Istio uses the port of the oldest one, so the filter may be missing.",
      remedy: "list every Service port that leads to 4222",
    },
    "match-other-port": {
      severity: "error",
      what:
        "The plugin's match names a port on which nats-server does not speak with clients (routes 6222, gateways 7222, leaf nodes " +
        "7422, WebSocket, MQTT, monitoring 8222, profiling). The filter reads nothing but the protocol of clients, so it ends " +
        "every connection there.",
      remedy: "name only ports that lead to 4222, and restrict the others by an AuthorizationPolicy",
    },
    "match-without-ports": {
      severity: "warning",
      what:
        "The plugin matches every port of the pod. It would break monitoring, routes and everything else that is not a NATS " +
        "client.",
      remedy: "write match: [{mode: SERVER, ports: [{number: 4222}]}]",
    },
    "selector-matches-nothing": {
      severity: "error",
      what:
        "The plugin selects none of the nats-server pods among the files, so their traffic is not judged. Where there are no " +
        "pods among the files, its labels or its namespace contradict those of nats-server's Services. On a gateway its labels " +
        "contradict the selector of each Gateway that has its port.",
      remedy: "write the pods' labels into spec.selector.matchLabels, and put the plugin into the pods' namespace",
    },
    "broker-without-plugin": {
      severity: "warning",
      missing: "objects of Istio",
      what:
        "No istio-nats plugin among the files is for these nats-server pods. If there is none in the cluster either, everybody " +
        "may do everything.",
      remedy: "give the plugin's file too, or apply a plugin: docs/how-to/install.md",
    },
    "target-port-nothing": {
      severity: "error",
      what: "A port of nats-server's Service leads to a port that its pods do not have, so every connection to it is refused.",
      remedy: "write the number or the name of a container port as targetPort",
    },
    "pod-not-in-service": {
      severity: "error",
      missing: "Services",
      what:
        "No Service among the files has nats-server's client port and selects these pods. Its traffic takes Istio's passthrough chain, which a match " +
        "with ports never matches, so the filter is missing.",
      remedy: "make a Service that selects these pods, with port: 4222 and targetPort: 4222",
    },
    "service-selects-others": {
      severity: "warning",
      what:
        "A Service of nats-server also selects other pods, such as nats-box, and leads to a port by its number. Some " +
        "connections go to those pods and are refused.",
      remedy:
        "add a label to the selector that only nats-server's pods have, such as app.kubernetes.io/component: nats in NATS's own " +
        "chart",
    },
    "service-selects-nothing": {
      severity: "warning",
      what:
        "A Service with nats-server's client port has no selector, or selects none of the pods among the files, although " +
        "nats-server's pods of its namespace are among them. Unless it is for pods in another file, or something else makes its " +
        "EndpointSlices, connections to it end nowhere.",
      remedy: "write labels of nats-server's pods into the selector, or give the file of the pods that it is for",
    },
    "sidecar-without-port": {
      severity: "error",
      what:
        "A Sidecar for nats-server's pods has `ingress`, so Istio makes chains only for the ports in that list, and the client " +
        "port is not among them. Its traffic takes the passthrough chain, which a match with ports never matches, so the filter " +
        "is silently missing.",
      remedy: remedyOfSidecar(CLIENT_PORT),
    },
  },
  ({ mesh }, report) => {
    for (const plugin of mesh.plugins) {
      const placement = mesh.placement(plugin);
      judgePorts(plugin, mesh, report);
      judgeServers(plugin, mesh, report);
      judgeGatewayServices(plugin, mesh, report);
      judgeOtherPorts(plugin, mesh, report);
      const open = plugin.matches.find(({ field }) => isEmptyList(field.get("ports")));
      if (open ?? isEmptyList(plugin.resource.root.get("spec", "match"))) {
        const place = open?.field.place ?? plugin.resource.root.placeOf("spec", "match");
        report("match-without-ports", place, `${plugin.resource.title} matches every port`);
      }
      if (placement !== "server-sidecar") continue;
      if (mesh.brokers.length === 0) {
        judgeSelectorByServices(plugin, mesh, report);
        continue;
      }
      if (mesh.brokersOf(plugin).size > 0) continue;
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
    judgeEmptyServices(mesh, report);
    judgeSidecars(mesh, report);
    for (const broker of mesh.brokers) {
      if (!mesh.plugins.some((plugin) => mesh.isMeantFor(plugin, broker))) {
        const message = `no plugin of istio-nats is for ${broker.resource.title} (${labelsText(broker.labels)})`;
        report("broker-without-plugin", broker.resource.place, message, { compared: [broker.resource] });
      }
      // What is to be said of another port, nats-client-port says.
      if (isServed(broker, mesh) || otherClientPort(broker, mesh)) continue;
      const place = broker.port(CLIENT_PORT)?.place ?? broker.resource.place;
      const message = `port ${CLIENT_PORT} of ${broker.resource.title} is in no Service`;
      const services = mesh.services.map(({ resource }) => resource);
      const astray = serviceAstray(broker, mesh);
      report("pod-not-in-service", place, astray ? `${message}: ${astray.why}` : message, {
        remedy: astray?.remedy,
        compared: [broker.resource, ...services],
      });
    }
  },
);
