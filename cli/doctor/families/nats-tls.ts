import type { Field } from "../../manifests/field.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import { natsConfigs } from "../../mesh/nats-config.ts";
import { CLIENT_PORT } from "../../mesh/nats-ports.ts";
import { family } from "../family.ts";

/** Modes in which Envoy itself starts TLS as soon as the connection is open. */
const ORIGINATING = new Set(["SIMPLE", "MUTUAL"]);

/** Where a DestinationRule makes Envoy start TLS on the client port. */
function originations(rule: Field): Field[] {
  const policies = [
    rule.get("spec", "trafficPolicy"),
    ...rule.items("spec", "subsets").map((s) => s.get("trafficPolicy")),
  ];
  return policies.flatMap((policy) => {
    const ports = policy?.items("portLevelSettings") ?? [];
    const own = ports.find((port) => port.integer("port", "number") === CLIENT_PORT);
    const mode = own?.get("tls", "mode") ?? policy?.get("tls", "mode");
    return mode && ORIGINATING.has(mode.text() ?? "") ? [mode] : [];
  });
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
      const words = broker.servers.flatMap((c) => [...c.items("command"), ...c.items("args")]);
      const flag = words.find((word) => /^--?tls(?:verify)?(?:=true)?$/.test(word.text() ?? ""));
      if (flag) report("nats-tls", flag.place, `${broker.resource.title} is started with ${flag.text() ?? ""}`);
    }
    for (const { resource, containers, namespace } of mesh.workloads) {
      for (const value of containers
        .flatMap((c) => c.items("env"))
        .flatMap((variable) => variable.get("value") ?? [])) {
        const host = /^tls:\/\/(?:[^@/]*@)?([^:/,]+)/.exec(value.text() ?? "")?.[1];
        const service = host === undefined ? undefined : mesh.clientServiceNamed(host, namespace);
        if (service)
          report("client-tls", value.place, `${resource.title} uses NATS's own TLS with ${service.resource.title}`);
      }
    }
    const external = externalHosts(mesh);
    for (const { root, title } of mesh.of("DestinationRule", "networking.istio.io")) {
      const host = root.text("spec", "host") ?? "";
      if (!external.includes(host)) continue;
      for (const mode of originations(root))
        report(
          "tls-origination-after-info",
          mode.place,
          `${title} makes Envoy start TLS to ${host}:${CLIENT_PORT} at once`,
        );
    }
  },
);
