import type { Field } from "../../manifests/field.ts";
import type { Resource } from "../../manifests/resource.ts";
import { tlsClientsIn } from "../../mesh/clients.ts";
import { tlsFor } from "../../mesh/destination-rule.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import { flagOf } from "../../mesh/nats-arguments.ts";
import { natsConfigs } from "../../mesh/nats-config.ts";
import { CLIENT_PORT } from "../../mesh/nats-ports.ts";
import { family } from "../family.ts";

/** Modes in which Envoy itself starts TLS as soon as the connection is open. */
const ORIGINATING = new Set(["SIMPLE", "MUTUAL"]);

/** Where a DestinationRule makes Envoy start TLS on the client port, of any subset. */
function originations(rule: Resource): Field[] {
  const subsets = [undefined, ...rule.root.items("spec", "subsets").map((subset) => subset.text("name"))];
  const modes = subsets.flatMap((subset) => tlsFor(rule, subset, CLIENT_PORT)?.get("mode") ?? []);
  const found = modes.filter((mode) => ORIGINATING.has(mode.text() ?? ""));
  return [...new Map(found.map((mode) => [mode.node, mode])).values()];
}

/** Hosts outside the mesh whose port is NATS's. */
function externalHosts(mesh: Mesh): string[] {
  return mesh
    .of("ServiceEntry", "networking.istio.io")
    .filter(({ root }) => root.items("spec", "ports").some((port) => port.integer("number") === CLIENT_PORT))
    .flatMap(({ root }) => root.items("spec", "hosts").flatMap((host) => host.text() ?? []));
}

export const natsTls = family(
  "TLS of NATS itself",
  {
    "nats-tls": {
      severity: "error",
      what:
        "nats-server uses its own TLS on its client port. Inside the mesh's mTLS that hides the protocol from the filter, which " +
        "ends such a stream (kind `tls`).",
      remedy: "turn TLS off on the client port; the mesh already encrypts and authenticates",
    },
    "client-tls": {
      severity: "error",
      what:
        "A client is told to use NATS's own TLS (`tls://`) with a nats-server in the mesh. nats.go gives up where nats-server offers " +
        "none (`secure connection not available`), before it has sent anything that the filter could count or audit. Where " +
        "nats-server does, the filter ends the stream.",
      remedy: "write nats://",
    },
    "tls-origination-after-info": {
      severity: "warning",
      what:
        "Envoy starts TLS to a nats-server outside the mesh as soon as it is connected. nats-server starts TLS only after its " +
        "INFO unless it has `handshake_first`. Without that both sides wait, and the connection ends. The files do not show " +
        "whether it has.",
      remedy:
        "make sure that its tls block has `handshake_first`, and run the filter in ENFORCE on this proxy, where it removes " +
        "`tls_required` from INFO; otherwise connect a nats-server in the mesh to it as a leaf node",
    },
  },
  ({ mesh }, report) => {
    for (const config of natsConfigs(mesh)) {
      const tls = config.entries.find(({ path }) => path.join(".") === "tls");
      if (tls) report("nats-tls", config.placeOf(tls), `${config.resource.title} has a tls block for clients`);
    }
    for (const broker of mesh.brokers) {
      const flag = flagOf(broker, /^--?tls(?:verify)?(?:=true)?$/);
      if (flag) report("nats-tls", flag.place, `${broker.resource.title} is started with ${flag.value}`);
    }
    for (const { workload, service, setting } of tlsClientsIn(mesh)) {
      const message = `${workload.resource.title} uses NATS's own TLS with ${service.resource.title}`;
      report("client-tls", setting.place, message);
    }
    const external = externalHosts(mesh);
    for (const rule of mesh.of("DestinationRule", "networking.istio.io")) {
      const host = rule.root.text("spec", "host") ?? "";
      if (!external.includes(host)) continue;
      for (const mode of originations(rule))
        report(
          "tls-origination-after-info",
          mode.place,
          `${rule.title} makes Envoy start TLS to ${host}:${CLIENT_PORT} at once`,
        );
    }
  },
);
