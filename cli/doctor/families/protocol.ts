import type { Field } from "../../manifests/field.ts";
import { CLIENT_PORT, SERVER_FIRST_PORTS } from "../../mesh/nats-ports.ts";
import { ingressOf } from "../../mesh/sidecar.ts";
import { family, type Report } from "../family.ts";

type Id = "port-not-tcp";

const SNIFFED =
  "Istio waits for the client's first bytes to guess the protocol, and the client waits for nats-server, which speaks first";

/** Istio's reading of a port (pkg/config/kube/conversion.go, `ConvertProtocol`): the first word, whatever its case. */
function isTcp(declared: string): boolean {
  return declared.split("-")[0]?.toLowerCase() === "tcp";
}

/** ServiceEntry, Gateway and Sidecar have a field for the protocol, where a Service has the port's name. */
function judgeDeclaredProtocol(port: Field, report: Report<Id>): void {
  if (port.integer("number") !== CLIENT_PORT) return;
  const protocol = port.text("protocol") ?? "";
  if (["TCP", "TLS"].includes(protocol.toUpperCase())) return;
  const is = protocol === "" ? "has no protocol" : `is declared as ${protocol}`;
  report("port-not-tcp", port.placeOf("protocol"), `port ${CLIENT_PORT} ${is}: ${SNIFFED}`, "write protocol: TCP");
}

export const protocol = family<Id>(
  "Protocol of the ports",
  {
    "port-not-tcp": {
      severity: "error",
      what:
        "A port on which nats-server speaks first (4222, 6222, 7222, 7422) is not declared as TCP. Istio waits for the client's " +
        "first bytes to detect the protocol while the client waits for INFO, so both wait for ever.",
      remedy: "write appProtocol: tcp, or a port name that is tcp or begins with tcp-",
    },
  },
  ({ mesh }, report) => {
    for (const service of mesh.services.filter((candidate) => mesh.isBrokerService(candidate))) {
      for (const port of service.ports) {
        const number = mesh.targetOf(service, port) ?? port.number;
        const use = SERVER_FIRST_PORTS.get(number) ?? SERVER_FIRST_PORTS.get(port.number);
        if (use === undefined || port.field.text("protocol") === "UDP") continue;
        const appProtocol = port.field.text("appProtocol");
        if (isTcp(appProtocol ?? port.name)) continue;
        const key = appProtocol !== undefined ? "appProtocol" : port.name === "" ? "port" : "name";
        const declared = appProtocol === undefined ? `is named "${port.name}"` : `has appProtocol ${appProtocol}`;
        const how = port.name === "" && appProtocol === undefined ? "has neither appProtocol nor name" : declared;
        const message = `port ${port.number} of ${service.resource.title} (${use}) ${how}: ${SNIFFED}`;
        // NATS's own chart writes tls if nats-server uses its own TLS, and tcp if it does not.
        const isTls = (appProtocol ?? port.name).split("-")[0]?.toLowerCase() === "tls";
        const remedy = "turn off nats-server's own TLS on this port, and write appProtocol: tcp";
        report("port-not-tcp", port.field.placeOf(key), message, isTls ? remedy : undefined);
      }
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
