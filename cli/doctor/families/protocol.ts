import type { Field } from "../../manifests/field.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import { CLIENT_PORT, SERVER_FIRST_PORTS } from "../../mesh/nats-ports.ts";
import { otherPorts } from "../../mesh/other-ports.ts";
import type { Service, ServicePort } from "../../mesh/service.ts";
import { ingressOf } from "../../mesh/sidecar.ts";
import { usedWaypoint } from "../../mesh/waypoint.ts";
import { family, type Report } from "../family.ts";

type Id = "port-not-tcp" | "transport-not-tcp" | "container-transport-not-tcp";

/** What Kubernetes knows as `protocol` of a port (k8s.io/api `core/v1/types.go`, `Protocol`). */
const TRANSPORTS = ["TCP", "UDP", "SCTP"];

const WAITS = "and the client waits for nats-server, which speaks first";

const SNIFFED = `Istio waits for the client's first bytes to guess the protocol, ${WAITS}`;

/** Istio's reading of a port (pkg/config/kube/conversion.go, `ConvertProtocol`): the first word, whatever its case. */
function protocolOf(declared: string): string {
  return declared.split("-")[0]?.toLowerCase() ?? "";
}

/**
 * What goes wrong on a port that is declared as TLS, as NATS's own chart does where nats-server uses TLS of its own. A sidecar
 * passes such a connection on as it comes (pilot/pkg/networking/networking.go, `ModelProtocolToListenerProtocol`), while a waypoint
 * inspects it first (pilot/pkg/networking/core/listener_waypoint.go, `tlsInspector`).
 */
function faultOfTls(isOfClients: boolean, service: Service, mesh: Mesh): string | undefined {
  // The names of a headless Service are addresses of pods, to which nothing goes through the Service's waypoint.
  if (!service.isHeadless && usedWaypoint(service, mesh))
    return `a waypoint waits for the client to begin TLS, ${WAITS}`;
  return isOfClients ? "the filter sees no NATS in TLS of nats-server's own" : undefined;
}

/** ServiceEntry, Gateway and Sidecar have a field for the protocol, where a Service has the port's name. */
function judgeDeclaredProtocol(port: Field, report: Report<Id>): void {
  if (port.integer("number") !== CLIENT_PORT) return;
  const protocol = port.text("protocol") ?? "";
  if (["TCP", "TLS"].includes(protocol.toUpperCase())) return;
  const is = protocol === "" ? "has no protocol" : `is declared as ${protocol}`;
  report("port-not-tcp", port.placeOf("protocol"), `port ${CLIENT_PORT} ${is}: ${SNIFFED}`, "write protocol: TCP");
}

/** What nats-server speaks first for on a Service's port, by its number or because nats-server is told to listen there for that. */
function useOf(port: ServicePort, service: Service, mesh: Mesh): string | undefined {
  const target = mesh.targetOf(service, port) ?? port.number;
  const usual = (): number | undefined =>
    mesh.brokers
      .filter((broker) => service.selectsWorkload(broker))
      .flatMap((broker) => otherPorts(broker, mesh))
      .find(({ number }) => number === target)?.usual;
  const number = mesh.clientPorts(service).includes(port) ? CLIENT_PORT : target;
  return SERVER_FIRST_PORTS.get(number) ?? SERVER_FIRST_PORTS.get(port.number) ?? SERVER_FIRST_PORTS.get(usual() ?? 0);
}

/** Whether Kubernetes knows what a port has as its `protocol`. `title` names the port. */
function judgeWord(port: Field, title: string, report: Report<Id>): boolean {
  const word = port.text("protocol") ?? "";
  if (word === "" || TRANSPORTS.includes(word)) return true;
  const meant = word.toUpperCase();
  const remedy = TRANSPORTS.includes(meant) ? `write protocol: ${meant}` : undefined;
  report(
    "transport-not-tcp",
    port.placeOf("protocol"),
    `${title} has protocol ${word}, which Kubernetes refuses`,
    remedy,
  );
  return false;
}

/** Whether connections to a Service's port are forwarded, so that more can be said about it. */
function judgeTransport(port: ServicePort, service: Service, mesh: Mesh, report: Report<Id>): boolean {
  const { field, number, protocol } = port;
  const title = `port ${number} of ${service.resource.title}`;
  if (!judgeWord(field, title, report)) return false;
  if (protocol === "TCP") return true;
  const use = useOf(port, service, mesh);
  // Some charts declare each port twice.
  const isTwin = service.ports.some((other) => other.number === number && other.protocol === "TCP");
  if (use !== undefined && !isTwin)
    report("transport-not-tcp", field.placeOf("protocol"), `${title} (${use}) has protocol ${protocol}`);
  return false;
}

function judgeServicePort(port: ServicePort, service: Service, mesh: Mesh, report: Report<Id>): void {
  const use = useOf(port, service, mesh);
  if (use === undefined) return;
  const appProtocol = port.field.text("appProtocol");
  const word = protocolOf(appProtocol ?? port.name);
  const isTls = word === "tls";
  const fault = isTls ? faultOfTls(use === SERVER_FIRST_PORTS.get(CLIENT_PORT), service, mesh) : SNIFFED;
  if (word === "tcp" || fault === undefined) return;
  const key = appProtocol !== undefined ? "appProtocol" : port.name === "" ? "port" : "name";
  const declared = appProtocol === undefined ? `is named "${port.name}"` : `has appProtocol ${appProtocol}`;
  const how = port.name === "" && appProtocol === undefined ? "has neither appProtocol nor name" : declared;
  const message = `port ${port.number} of ${service.resource.title} (${use}) ${how}: ${fault}`;
  const remedy = "turn off nats-server's own TLS on this port, and write appProtocol: tcp";
  report("port-not-tcp", port.field.placeOf(key), message, isTls ? remedy : undefined);
}

export const protocol = family<Id>(
  "Protocol of the ports",
  {
    "port-not-tcp": {
      severity: "error",
      what:
        "A port on which nats-server speaks first (4222, 6222, 7222, 7422, or what nats.conf has instead) is not declared as TCP. Istio waits for the client's " +
        "first bytes to detect the protocol while the client waits for INFO, so both wait for ever. Where nats-server uses TLS of its " +
        "own, a port may be declared as TLS, unless it is that of the clients, or a waypoint serves it.",
      remedy: "write appProtocol: tcp, or a port name that is tcp or begins with tcp-",
    },
    "transport-not-tcp": {
      severity: "error",
      what:
        "A port of nats-server's Service has `protocol: UDP` or SCTP. nats-server listens on TCP only: the Service forwards no " +
        "connection, and Istio makes no chain with the filter. Kubernetes refuses any other word than TCP, UDP and SCTP, which are " +
        "written in capitals, here and for the ports of containers.",
      remedy: "write protocol: TCP, or leave it out",
    },
    "container-transport-not-tcp": {
      severity: "warning",
      what:
        "A port of nats-server's container has `protocol: UDP` or SCTP. nats-server listens on TCP only. By its number the port " +
        "is reached all the same, but a Service whose targetPort is its name does not find it.",
      remedy: "write protocol: TCP, or leave it out",
    },
  },
  ({ mesh }, report) => {
    for (const service of mesh.brokerServices)
      for (const port of service.ports)
        if (judgeTransport(port, service, mesh, report)) judgeServicePort(port, service, mesh, report);
    for (const { ports, resource } of mesh.brokers)
      for (const { field, number, protocol } of ports) {
        const port = `container port ${number} of ${resource.title}`;
        const use = SERVER_FIRST_PORTS.get(number);
        if (judgeWord(field, port, report) && use !== undefined && protocol !== "TCP")
          report("container-transport-not-tcp", field.placeOf("protocol"), `${port} (${use}) has protocol ${protocol}`);
      }
    for (const { root } of mesh.of("ServiceEntry", "networking.istio.io"))
      for (const port of root.items("spec", "ports")) judgeDeclaredProtocol(port, report);
    for (const { root } of mesh.of("Gateway", "networking.istio.io"))
      for (const server of root.items("spec", "servers")) {
        const port = server.get("port");
        if (port) judgeDeclaredProtocol(port, report);
      }
    for (const sidecar of mesh.of("Sidecar", "networking.istio.io"))
      for (const listener of ingressOf(sidecar)) {
        const port = listener.get("port");
        if (port) judgeDeclaredProtocol(port, report);
      }
  },
);
