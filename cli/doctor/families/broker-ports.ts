import { placeText, type Place } from "../../manifests/place.ts";
import { accessTo } from "../../mesh/authorization.ts";
import { isConfigOf, natsConfigs, type NatsConfig } from "../../mesh/nats-config.ts";
import type { ConfEntry } from "../../mesh/nats-conf.ts";
import { CLIENT_PORT, OTHER_PORTS } from "../../mesh/nats-ports.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import type { Pods } from "../../mesh/selector.ts";
import type { Service } from "../../mesh/service.ts";
import type { Workload } from "../../mesh/workload.ts";
import { family } from "../family.ts";

interface OpenPort {
  number: number;
  use: string;
  place: Place;
}

/** Blocks of nats.conf that open a port, each with the port of which OTHER_PORTS says what it is for. */
const BLOCKS: Record<string, number> = { cluster: 6222, gateway: 7222, leafnodes: 7422, websocket: 8080, mqtt: 1883 };

/** Ports that others than NATS servers have too count by their name only, or because nats.conf opens them. */
function isOther(number: number, name: string | undefined): boolean {
  if (number !== 8080 && number !== 443) return OTHER_PORTS.has(number);
  return /ws|websocket/i.test(name ?? "");
}

function configuredPort({ path, value }: ConfEntry): { number: number; use: string } | undefined {
  const [block = "", key = ""] = path;
  const known = BLOCKS[block];
  if (known === undefined || path.length !== 2 || !["port", "listen"].includes(key)) return undefined;
  const number = Number(/(\d+)$/.exec(value ?? "")?.[1] ?? 0);
  return number === 0 ? undefined : { number, use: OTHER_PORTS.get(known) ?? block };
}

function otherPorts(broker: Workload, configs: readonly NatsConfig[]): OpenPort[] {
  const ports = new Map<number, OpenPort>();
  for (const { number, name, place } of broker.ports)
    if (isOther(number, name)) ports.set(number, { number, use: OTHER_PORTS.get(number) ?? "", place });
  for (const config of configs.filter((candidate) => isConfigOf(candidate, broker))) {
    for (const entry of config.entries) {
      const port = configuredPort(entry);
      if (port && !ports.has(port.number)) ports.set(port.number, { ...port, place: config.placeOf(entry) });
    }
  }
  return [...ports.values()];
}

/** AuthorizationPolicies know the port of the pod: a targetPort that is a name is not known without the pods. */
function otherServicePorts(service: Service): OpenPort[] {
  return service.ports.flatMap(({ field, name, target }) => {
    const number = Number(target);
    if (!isOther(number, name)) return [];
    return [{ number, use: OTHER_PORTS.get(number) ?? "", place: field.placeOf("port") }];
  });
}

/** Pods whose clients are judged by a waypoint: their own addresses go round it. */
function behindWaypoint(mesh: Mesh): Workload[] {
  const services = mesh.waypointServices();
  return mesh.brokers.filter((broker) => services.some((service) => service.selectsWorkload(broker)));
}

export const brokerPorts = family(
  "Ways round the client port",
  {
    "broker-port-open": {
      severity: "error",
      what:
        "A port of nats-server other than the client port (routes 6222, gateways 7222, leaf nodes 7422, WebSocket, MQTT) can be " +
        "reached by anybody in the mesh. These ports take other protocols, most of them with full rights, and the filter does not " +
        "stand there.",
      remedy: "allow the port to the broker's own ServiceAccount, and to named others, by an AuthorizationPolicy",
    },
    "waypoint-bypass": {
      severity: "error",
      what: "In ambient a client can go to a pod's address past the waypoint, and the pod takes it: the policy does not hold there.",
      remedy:
        "allow port 4222 of these pods to the waypoint's ServiceAccount alone, by an AuthorizationPolicy with a selector",
    },
  },
  ({ mesh }, report) => {
    const configs = natsConfigs(mesh);
    const judge = (title: string, pods: Pods, ports: readonly OpenPort[]): void => {
      for (const { number, use, place } of ports) {
        const access = accessTo(pods, number, mesh);
        const port = `port ${number} of ${title} (${use})`;
        if (access.kind === "open") report("broker-port-open", place, `no AuthorizationPolicy restricts ${port}`);
        if (access.kind !== "opened") continue;
        const message = `a rule of ${access.policy.title} opens ${port} to everybody (${placeText(place)})`;
        report("broker-port-open", access.rule.place, message);
      }
    };
    for (const broker of mesh.brokers) judge(broker.resource.title, broker, otherPorts(broker, configs));
    for (const service of mesh.services) {
      // Where the pods are among the files, their own ports were judged.
      if (!mesh.isBrokerService(service) || mesh.workloads.some((pods) => service.selectsWorkload(pods))) continue;
      const pods = { namespace: service.namespace, labels: service.selector };
      judge(service.resource.title, pods, otherServicePorts(service));
    }
    for (const broker of behindWaypoint(mesh)) {
      if (accessTo(broker, CLIENT_PORT, mesh).kind === "restricted") continue;
      const place = broker.port(CLIENT_PORT)?.place ?? broker.resource.place;
      report(
        "waypoint-bypass",
        place,
        `port ${CLIENT_PORT} of ${broker.resource.title} can be reached past the waypoint`,
      );
    }
  },
);
