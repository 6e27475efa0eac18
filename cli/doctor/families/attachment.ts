import type { Resource } from "../../manifests/resource.ts";
import { destinationRulesFor, resolvedHost, tlsFor } from "../../mesh/destination-rule.ts";
import { hostsOf, serversBeside, waysTo, type WayOut } from "../../mesh/gateway.ts";
import { standsFor } from "../../mesh/host.ts";
import { isFilledIn } from "../../manifests/unfilled.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import { natsConfigs, type NatsConfig } from "../../mesh/nats-config.ts";
import { CLIENT_PORT } from "../../mesh/nats-ports.ts";
import { missedBrokers, type Placement } from "../../mesh/placement.ts";
import { isMode, MODES, type Plugin } from "../../mesh/plugin.ts";
import { family, type Report } from "../family.ts";

/** What `identity` must be at each placement of the filter, and why. */
const IDENTITIES: Partial<Record<Placement, { identity: string; because: string }>> = {
  "server-sidecar": {
    identity: "PEER",
    because: "beside nats-server the peer is the one whose certificate this connection shows",
  },
  "client-sidecar": {
    identity: "WORKLOAD",
    because: "a client shows no certificate on the outbound port of its own sidecar",
  },
  gateway: {
    identity: "PEER",
    because: "on a gateway the peer is the one whose certificate the downstream connection shows",
  },
  waypoint: {
    identity: "WAYPOINT",
    because: "mTLS ends before a waypoint's filters run, so the connection shows no certificate",
  },
};

/** A mode that never matches at this proxy, and the one that does. */
function wrongMode(plugin: Plugin, placement: Placement): { mode: string; right: string } | undefined {
  if (placement === "gateway") return { mode: "SERVER", right: "CLIENT" };
  return placement === "waypoint" && plugin.targetRefs.length > 0 ? { mode: "CLIENT", right: "SERVER" } : undefined;
}

/** Modes of a server's `tls` that ask the peer for its certificate. */
const MUTUAL: readonly string[] = ["ISTIO_MUTUAL", "MUTUAL", "OPTIONAL_MUTUAL"];

function judgeServers(plugin: Plugin, mesh: Mesh, report: Report<"gateway-without-mtls">): void {
  const numbers = plugin.matchedPorts.map((port) => port.integer());
  for (const { gateway, field, port } of serversBeside(plugin, mesh)) {
    if (!(numbers.length === 0 ? [CLIENT_PORT] : numbers).includes(port)) continue;
    const mode = field.text("tls", "mode");
    if (mode !== undefined && MUTUAL.includes(mode)) continue;
    const how = mode === undefined ? "has no tls.mode" : `has tls.mode ${mode}`;
    report("gateway-without-mtls", field.placeOf("tls", "mode"), `port ${port} of ${gateway.title} ${how}`);
  }
}

/** Only of servers that nobody but the mesh can connect to: behind others the VirtualService may name nats-server itself. */
function judgeWaysOut(plugin: Plugin, mesh: Mesh, report: Report<"gateway-elsewhere">): void {
  const { title, namespace } = plugin.resource;
  const reached = new Set(mesh.plugins.map(({ resource }) => resource.namespace));
  if (reached.has(mesh.rootNamespace)) return;
  const servers = serversBeside(plugin, mesh).filter(({ field }) => field.text("tls", "mode") === "ISTIO_MUTUAL");
  for (const gateway of new Set(servers.map((server) => server.gateway))) {
    for (const { virtualService, host, namespace: elsewhere } of waysTo(gateway, mesh)) {
      if (reached.has(elsewhere)) continue;
      const message = `${virtualService.title} leads workloads to a gateway in namespace ${elsewhere}, and ${title} is only for pods of ${namespace}`;
      report("gateway-elsewhere", host.place, message);
    }
  }
}

/** Without `sni` a proxy asks for the name of its own cluster, which no Gateway has (`applyUpstreamTLSSettings` in cluster_tls.go). */
function judgeNames(plugin: Plugin, mesh: Mesh, report: Report<"gateway-sni-unmatched">): void {
  for (const server of serversBeside(plugin, mesh)) {
    const { gateway, field, port } = server;
    const hosts = hostsOf(server);
    if (field.text("tls", "mode") !== "ISTIO_MUTUAL" || hosts.length === 0 || hosts.includes("*")) continue;
    for (const { destination, host } of waysTo(gateway, mesh)) {
      if ((destination.integer("port", "number") ?? port) !== port) continue;
      const subset = destination.text("subset");
      const rules = destinationRulesFor(resolvedHost(host.text() ?? "", gateway.namespace), mesh);
      const asking = rules.map((rule) => ({ rule, sni: tlsFor(rule, subset, port)?.get("sni") }));
      const [first] = asking;
      if (!first || asking.some(({ sni }) => hosts.some((one) => standsFor(one, sni?.text() ?? "")))) continue;
      const { rule, sni } = asking.find((one) => one.sni) ?? first;
      const has = `${gateway.title} has ${hosts.join(", ")} on port ${port}`;
      const message = sni
        ? `${rule.title} makes workloads ask for ${sni.text() ?? ""}, but ${has}`
        : `${rule.title} sets no sni for port ${port}, but ${has}`;
      const [name = ""] = hosts;
      const write = sni ? `write sni: ${name}` : `write tls: {mode: ISTIO_MUTUAL, sni: ${name}} for port ${port}`;
      report("gateway-sni-unmatched", sni?.place ?? rule.place, message, `${write}, or correct the Gateway's hosts`);
    }
  }
}

/** NATS outside the mesh to which the VirtualServices of a judged gateway do not lead, where there are such VirtualServices at all. */
function judgeOutside(mesh: Mesh, report: Report<"egress-past-gateway">): void {
  const plugins = mesh.plugins.filter((plugin) => mesh.placement(plugin) === "gateway");
  const gateways = [...new Set(plugins.flatMap((plugin) => serversBeside(plugin, mesh).map(({ gateway }) => gateway)))];
  const ways = gateways.flatMap((gateway) => waysTo(gateway, mesh));
  const led = [...new Set(ways.map(({ virtualService }) => virtualService))].flatMap(namesOf);
  if (led.length === 0) return;
  const outside = mesh
    .of("ServiceEntry", "networking.istio.io")
    .filter(({ root }) => (root.text("spec", "location") ?? "MESH_EXTERNAL") === "MESH_EXTERNAL")
    .filter(({ root }) => root.items("spec", "ports").some((port) => port.integer("number") === CLIENT_PORT));
  for (const { root, title } of outside)
    for (const host of root.items("spec", "hosts")) {
      const name = host.text() ?? "";
      const own = ways.filter(({ virtualService }) => namesOf(virtualService).some((one) => standsFor(one, name)));
      if (own.length > 0) {
        judgeWays(own, name, report);
        continue;
      }
      const message = `${title} is for ${name}, but the VirtualServices that lead to a gateway with the filter are for ${led.join(", ")}`;
      report("egress-past-gateway", host.place, message, `write ${name} under the hosts of the VirtualService`);
    }
}

function namesOf({ root }: Resource): string[] {
  return root.items("spec", "hosts").flatMap((host) => host.text() ?? []);
}

/** Whether one of the ways to a gateway, which are for this host, is for workloads, and for NATS's port. */
function judgeWays(ways: readonly WayOut[], host: string, report: Report<"egress-past-gateway">): void {
  const past = `so workloads connect to ${host} past the gateway`;
  // `mesh` in a match counts only where it is among the VirtualService's own gateways.
  const isOfMesh = ({ virtualService: { root } }: WayOut): boolean =>
    root.items("spec", "gateways").some((name) => name.text() === "mesh");
  const ofMesh = ways.filter(isOfMesh);
  const [way] = ways;
  if (ofMesh.length === 0 && way) {
    const { title, root } = way.virtualService;
    const message = `${title} does not have mesh among its gateways, ${past}`;
    report("egress-past-gateway", root.placeOf("spec", "gateways"), message, "add mesh to its gateways");
    return;
  }
  const ports = ofMesh.flatMap(({ virtualService, matches }) => matches.map((match) => ({ virtualService, match })));
  if (ports.some(({ match }) => (match.integer("port") ?? CLIENT_PORT) === CLIENT_PORT)) return;
  const [first] = ports;
  if (!first) return;
  const { virtualService, match } = first;
  const message = `${virtualService.title} leads to the gateway what is for port ${match.text("port") ?? ""}, not ${CLIENT_PORT}, ${past}`;
  report("egress-past-gateway", match.placeOf("port"), message, `write port: ${CLIENT_PORT}`);
}

/** How nats.conf says yes (nats-server `conf/parse.go`). */
const YES = ["true", "yes", "on"];

/** Istio's names of protocols that tell nothing of what is spoken; all others are not NATS's. */
const OPAQUE = ["", "TCP", "TLS"];

/** What IANA has assigned to others: SSH, SMTP, DNS, the web, and the usual databases and brokers. */
const OF_OTHERS = [
  22, 25, 53, 80, 443, 465, 587, 1433, 1521, 3306, 5432, 5671, 5672, 6379, 9042, 9092, 9093, 9200, 27017,
] as const;

/** Whether a ServiceEntry may be for a nats-server, not for an API of the web, a database or the like. */
function mayBeNats({ root, name }: Resource, matched: ReadonlySet<number | undefined>): boolean {
  const ports = root.items("spec", "ports");
  const names = [
    name,
    ...root.items("spec", "hosts").map((host) => host.text()),
    ...ports.map((port) => port.text("name")),
  ];
  if (ports.length === 0 || names.some((one) => one?.includes("nats"))) return true;
  return ports.some((port) => {
    const number = port.integer("number");
    if (number === CLIENT_PORT || matched.has(number)) return true;
    return OPAQUE.includes((port.text("protocol") ?? "").toUpperCase()) && !OF_OTHERS.some((one) => one === number);
  });
}

/**
 * Whether nats-server may tell clients of others: those that have a cluster do, unless told not to (nats-server `server/route.go`).
 * What is outside the mesh has its nats.conf elsewhere.
 */
function mayAdvertise(mesh: Mesh): boolean {
  const matched = new Set(mesh.plugins.flatMap(({ matchedPorts }) => matchedPorts.map((port) => port.integer())));
  if (mesh.of("ServiceEntry", "networking.istio.io").some((entry) => mayBeNats(entry, matched))) return true;
  const configs = natsConfigs(mesh);
  const isTelling = ({ entries }: NatsConfig): boolean => {
    const isQuiet = entries.some(
      ({ path, value = "" }) => path.join(".") === "cluster.no_advertise" && YES.includes(value.toLowerCase()),
    );
    return entries.some(({ path }) => path[0] === "cluster" || path.at(-1) === "include") && !isQuiet;
  };
  return configs.length === 0 || configs.some(isTelling);
}

export const attachment = family(
  "Gateways, waypoints and identity",
  {
    "gateway-mode-server": {
      severity: "error",
      what:
        "Istio treats every listener of a gateway as CLIENT. `mode: SERVER` never matches one, so the filter is silently " +
        "missing.",
      remedy: "write mode: CLIENT",
    },
    "waypoint-mode-client": {
      severity: "error",
      what: "Istio treats a waypoint's listener as SERVER. `mode: CLIENT` never matches it, so the filter is silently missing.",
      remedy: "write mode: SERVER",
    },
    "broker-mode-client": {
      severity: "error",
      what:
        "The plugin selects nats-server's pods with `mode: CLIENT`, which covers only the connections that these pods open. No " +
        "filter judges the connections that they accept, so nats-server is open to everybody.",
      remedy: "write mode: SERVER; to put the filter into the sidecars of clients, select the clients' pods instead",
    },
    "mode-unknown": {
      severity: "error",
      what:
        "Istio does not know this mode and refuses the plugin. Modes are written in capitals. A match without a mode covers " +
        "both sides.",
      remedy: `write one of ${MODES.join(", ")}`,
    },
    "waypoint-without-target-refs": {
      severity: "error",
      what: "A waypoint finds plugins by `targetRefs` only and ignores `selector`, so the filter is silently missing.",
      remedy: 'write targetRefs: [{kind: Service, group: "", name: …}] instead of a selector',
    },
    "gateway-without-mtls": {
      severity: "error",
      what:
        "The gateway's server does not terminate mTLS. Either the filter gets no certificate of the peer, so every peer is " +
        "unauthenticated, or the filter sees TLS instead of NATS.",
      remedy: "write protocol: TLS and tls: {mode: ISTIO_MUTUAL} for this server, as deploy/egress does",
    },
    "gateway-elsewhere": {
      severity: "error",
      what:
        "A VirtualService leads workloads to a gateway in another namespace than the plugin's. A plugin selects pods of its own " +
        "namespace only, while a Gateway selects those of all, so the gateway passes the connections on and no filter judges them.",
      remedy: "put the plugin, and with it the DestinationRule of the gateway's Service, into the gateway's namespace",
    },
    "gateway-sni-unmatched": {
      severity: "error",
      what:
        "Workloads ask the gateway for a name that its server does not have: the `sni` of the DestinationRule by which they reach it " +
        "is none of the Gateway's `hosts`, or is missing. No chain of the gateway matches, and every connection ends.",
      remedy: "write one of the Gateway's hosts as sni",
    },
    "egress-past-gateway": {
      severity: "warning",
      what:
        "A ServiceEntry is for NATS outside the mesh, and the VirtualServices that lead to the gateway with the filter are for other " +
        "hosts or another port, or do not have `mesh`, which stands for the workloads' proxies, among their `gateways`. Workloads connect " +
        "to this host past the gateway, and no filter judges them.",
      remedy: "write the host of the ServiceEntry under the hosts of the VirtualService",
    },
    "identity-mismatch": {
      severity: "error",
      what:
        "`identity` names a source that does not exist at this place: WORKLOAD is for the client's own sidecar, WAYPOINT for " +
        "waypoints, PEER for everything else. Every peer would be unauthenticated, or would be taken for whoever it claims to " +
        "be.",
      remedy: "write the identity that fits this place",
    },
    "connect-urls-kept": {
      severity: "warning",
      what:
        "A plugin on a gateway says nothing of `connectUrls`, and with `identity: PEER` the addresses of other servers stay in nats-server's " +
        "INFO. A client that follows one goes past the gateway and its filter, or waits for what it cannot reach. There are none where " +
        "nats.conf, if it is among the files, has no `cluster` or says `no_advertise: true` there.",
      remedy: "write connectUrls: REMOVE, or KEEP if clients are to follow the addresses",
    },
  },
  ({ mesh }, report) => {
    judgeOutside(mesh, report);
    for (const plugin of mesh.plugins) {
      const { resource, config } = plugin;
      const placement = mesh.placement(plugin);
      const selector = resource.root.get("spec", "selector");
      const wrong = wrongMode(plugin, placement);
      const [missed] = missedBrokers(plugin, mesh);
      for (const { field, mode } of plugin.matches) {
        if (mode !== undefined && !isMode(mode) && !isFilledIn(mode))
          report("mode-unknown", field.placeOf("mode"), `Istio has no mode ${mode}`);
        if (missed && placement === "server-sidecar") {
          const message = `mode CLIENT does not judge who connects to ${missed.resource.title}`;
          report("broker-mode-client", field.placeOf("mode"), message);
        }
        if (mode !== undefined && mode === wrong?.mode)
          report(
            wrong.mode === "SERVER" ? "gateway-mode-server" : "waypoint-mode-client",
            field.placeOf("mode"),
            `${resource.title} is for a ${placement}, where mode ${mode} never matches`,
          );
      }
      const place = config?.placeOf("identity") ?? resource.root.placeOf("spec", "wasm");
      if (plugin.targetRefs.length === 0 && (plugin.identity === "WAYPOINT" || placement === "waypoint")) {
        const message = `${resource.title} is for a waypoint${plugin.identity === "WAYPOINT" ? " (identity: WAYPOINT)" : ""} but has no targetRefs`;
        report("waypoint-without-target-refs", selector?.keyPlace ?? place, message);
        continue;
      }
      if (placement === "gateway" && plugin.identity === "PEER") judgeServers(plugin, mesh, report);
      if (placement === "gateway") judgeWaysOut(plugin, mesh, report);
      if (placement === "gateway") judgeNames(plugin, mesh, report);
      if (
        placement === "gateway" &&
        plugin.identity === "PEER" &&
        config &&
        !config.get("connectUrls") &&
        mayAdvertise(mesh)
      )
        report(
          "connect-urls-kept",
          place,
          `${resource.title} is for a gateway and keeps the addresses of other servers`,
        );
      const right = IDENTITIES[placement];
      if (right && config && plugin.identity !== right.identity) {
        const message = `identity is ${plugin.identity}, but ${right.because}`;
        // Only its pods could tell what a plugin with mode CLIENT is for.
        const isSure =
          placement !== "client-sidecar" ||
          mesh.workloads.some((pods) => plugin.selectsWorkload(pods, mesh.rootNamespace));
        const remedy = `write identity: ${right.identity}`;
        report(
          "identity-mismatch",
          place,
          message,
          isSure ? remedy : `${remedy} if these are pods of clients, mode: SERVER if they run nats-server`,
        );
      }
    }
  },
);
