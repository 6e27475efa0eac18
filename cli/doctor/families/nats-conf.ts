import type { Place } from "../../manifests/place.ts";
import { hostNetwork } from "../../mesh/capture.ts";
import { clientPortOf, hasRivals, otherClientPort } from "../../mesh/client-port.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import { argumentsOf, type Argument } from "../../mesh/nats-arguments.ts";
import { bytesOf, type ConfEntry } from "../../mesh/nats-conf.ts";
import { namedConfigsOf, natsConfigs, type NatsConfig } from "../../mesh/nats-config.ts";
import { unreadIncludes } from "../../mesh/nats-includes.ts";
import { LOOPBACK, rivalAddresses } from "../../mesh/nats-listen.ts";
import { namespaceOfHost, routesOf, routesOfArguments, type Route } from "../../mesh/nats-routes.ts";
import { limitOf } from "../../mesh/plugin-limits.ts";
import { leadsToLoopback, sidecarsFor } from "../../mesh/sidecar.ts";
import type { Workload } from "../../mesh/workload.ts";
import { family, type Remedied, type Report } from "../family.ts";
import { Grouped } from "../grouped.ts";

/** Keys at the top level or in an account that rewrite subjects or pass them to other accounts. */
const REWRITING = new Set(["mappings", "maps", "imports", "exports"]);

/** At the top level: a domain that is written into requests to JetStream (nats-server `server/server.go`, `registerAccountNoLock`). */
const DEFAULT_DOMAIN = "default_js_domain";

/** Keys of `authorization` that ask clients who they are; `timeout` does not. */
const ASKING = new Set(["user", "username", "pass", "password", "token", "users", "auth_callout"]);

/** Top-level keys that do the same, or name the user of clients that give no credentials. */
const ASKING_AT_TOP = new Set(["no_auth_user", "operator", "operators", "trusted_keys", "trusted"]);

/** The blocks around a key count: `imports` among a user's permissions, for example, would mean something else. */
function isRewriting({ path }: ConfEntry, systemAccount: string): boolean {
  const key = path.at(-1) ?? "";
  if (path.length === 1) return REWRITING.has(key) || key === DEFAULT_DOMAIN;
  return path.length === 3 && path[0] === "accounts" && path[1] !== systemAccount && REWRITING.has(key);
}

function isAsking({ path }: ConfEntry, systemAccount: string): boolean {
  const [first = "", second = "", third = ""] = path;
  if (path.length === 1) return ASKING_AT_TOP.has(first);
  if (path.length === 2) return first === "authorization" && ASKING.has(second);
  // The users of the system account are the people who run nats-server.
  return path.length === 3 && first === "accounts" && second !== systemAccount && third === "users";
}

/** The system account's name as it appears in paths (nats-server `server/opts.go`, `system_account` and `system`). */
function systemAccountOf({ entries }: NatsConfig): string {
  const entry = entries.find(({ path }) => path.length === 1 && ["system_account", "system"].includes(path[0] ?? ""));
  return entry?.value?.toLowerCase() ?? "$sys";
}

/** What asks clients for credentials on the command line (nats-server `main.go`, "Authorization Options"). */
function askingArgument(broker: Workload): Argument | undefined {
  return argumentsOf(broker, /^--?(?:user|pass|auth)(?:=(.*))?$/)[0];
}

/** Keys at the top level that say where nats-server listens. */
const ADDRESS = new Set(["host", "net", "listen"]);

/** Where nats-server is told to listen on such an address, which the command line says before the file. */
function loopbackOf(broker: Workload, mesh: Mesh): { place: Place; value: string } | undefined {
  const argument = argumentsOf(broker, /^--?(?:a|addr|net)(?:=(.*))?$/).at(-1);
  const entries = namedConfigsOf(broker, mesh).flatMap((config) => {
    if (hasRivals(config)) return [];
    const last = config.entries.findLast(({ path: [key = "", ...below] }) => below.length === 0 && ADDRESS.has(key));
    return last ? [{ place: config.placeOf(last), value: last.value ?? "" }] : [];
  });
  return (argument ? [argument] : entries).find(({ value }) => LOOPBACK.test(value));
}

/** Whether a Sidecar of Istio's has the proxy bring the client port's connections to such an address. */
function isBroughtToLoopback(broker: Workload, mesh: Mesh): boolean {
  const port = clientPortOf(broker, mesh);
  return sidecarsFor(broker, mesh).some((sidecar) => leadsToLoopback(sidecar, port));
}

/** The first route into another namespace than nats-server's own, and that namespace. */
function strayRoute(routes: readonly Route[], own: string): { place: Place; into: string } | undefined {
  return routes
    .map(({ host, place }) => ({ place, into: namespaceOfHost(host) ?? own }))
    .find(({ into }) => into !== own);
}

/** Whether a plugin for these pods matches a Service port that leads to this number. */
function isMatched(broker: Workload, number: number, mesh: Mesh): boolean {
  const ports = mesh
    .servicesOf(broker)
    .flatMap((service) => service.ports.filter((port) => broker.resolvePort(port) === number));
  const matched = mesh.pluginsOf(broker).flatMap(({ serverMatches }) => serverMatches.flatMap((one) => one.ports));
  return ports.some((port) => matched.some((field) => field.integer() === port.number));
}

type Id =
  | "nats-mappings"
  | "nats-latency"
  | "nats-credentials"
  | "nats-control-line"
  | "nats-client-port"
  | "nats-loopback"
  | "nats-listen-by-chance"
  | "nats-route-elsewhere"
  | "nats-conf-unseen";

/** What a nats.conf says by itself. */
function judgeConfig(config: NatsConfig, report: Report<Id>): void {
  const { resource, entries } = config;
  const { title, namespace } = resource;
  const systemAccount = systemAccountOf(config);
  const rewriting = entries.find((entry) => isRewriting(entry, systemAccount));
  if (rewriting) {
    const message = `${title} rewrites subjects behind the filter with ${rewriting.path.join(".")}`;
    report("nats-mappings", config.placeOf(rewriting), message);
  }
  const measured = entries.find(({ path }) => path.at(-1) === "latency" && path.at(-2) === "exports");
  if (measured && entries.some(({ path }) => path[0] === "accounts" && path.at(-1) === "imports")) {
    const message = `${title} measures the latency of a service that account ${measured.path.at(-3) ?? ""} exports, and has accounts that import`;
    report("nats-latency", config.placeOf(measured), message);
  }
  const asking = entries.find((entry) => isAsking(entry, systemAccount));
  if (asking) {
    const message = `${title} has ${asking.path.join(".")}, which is for NATS's own authentication`;
    report("nats-credentials", config.placeOf(asking), message);
  }
  for (const [one, other] of rivalAddresses(entries)) {
    if (!one || !other) continue;
    const [first, second] = [one, other].map(({ path, value }) => `${path.join(".")} ${value ?? ""}`);
    const message = `${title} has ${first ?? ""} and ${second ?? ""}, of which nats-server takes either, by chance at each start`;
    // The example is that of the clients' port, which must not be written into a block.
    const remedy = other.path.length > 1 ? "remove one of them" : undefined;
    report("nats-listen-by-chance", config.placeOf(other), message, remedy);
  }
  const stray = strayRoute(routesOf(config), namespace);
  if (stray) {
    const message = `${title} has a route into namespace ${stray.into}`;
    const remedy = `write ${namespace} there`;
    report("nats-route-elsewhere", stray.place, message, { remedy, compared: [resource] });
  }
}

const READABLE = "give them keys under data that end in .conf, with nats in the key or in the object's name";

/** Once for all that one nats.conf includes. */
function judgeIncludes(mesh: Mesh, report: Report<Id>): void {
  const found = new Grouped<"nats-conf-unseen">();
  for (const { config, missing, unmounted, passedOver, elsewhere } of unreadIncludes(mesh)) {
    const { title } = config.resource;
    const add = (entries: readonly ConfEntry[], are: string, remedied: Remedied): void => {
      const [first] = entries;
      const message = (about: string): string => `${title} includes what ${are}: ${about}`;
      if (first)
        for (const { value } of entries)
          found.add("nats-conf-unseen", config.placeOf(first), value ?? "", message, remedied);
    };
    add(missing, "is not among the files", { compared: [...elsewhere, config.resource] });
    add(unmounted, "is among the files, but not mounted by its pods", { remedy: "let the pods mount it too" });
    add(passedOver, "is among the files, but not read", { remedy: READABLE });
  }
  found.reportTo(report);
}

/** What nats-server's command line says, and what its nats.conf says beside the plugins for its pods. */
function judgeBroker(broker: Workload, mesh: Mesh, report: Report<Id>): void {
  const { resource, namespace } = broker;
  const stray = strayRoute(routesOfArguments(broker), namespace);
  if (stray) {
    const message = `nats-server of ${resource.title} is given a route into namespace ${stray.into}`;
    const remedy = `write ${namespace} there`;
    report("nats-route-elsewhere", stray.place, message, { remedy, compared: [resource] });
  }
  const isAskable = !hostNetwork(broker) && mesh.isForClients(broker);
  const loopback = isAskable ? loopbackOf(broker, mesh) : undefined;
  if (loopback && !isBroughtToLoopback(broker, mesh)) {
    const message = `nats-server of ${resource.title} listens on ${loopback.value}, where its proxy does not look for it`;
    report("nats-loopback", loopback.place, message);
  }
  const asking = askingArgument(broker);
  if (asking) {
    const message = `nats-server of ${resource.title} is given credentials on its command line, for NATS's own authentication`;
    report("nats-credentials", asking.place, message);
  }
  const own = namedConfigsOf(broker, mesh);
  const least = Math.min(...mesh.pluginsOf(broker).map((plugin) => limitOf(plugin, "controlLine")));
  for (const config of own) {
    const entry = config.entries.findLast(({ path }) => path.length === 1 && path[0] === "max_control_line");
    const allowed = bytesOf(entry?.value);
    if (!entry || allowed === undefined || allowed <= least) continue;
    const message = `${config.resource.title} has max_control_line ${allowed}, but the filter's limits.controlLine is ${least}`;
    report("nats-control-line", config.placeOf(entry), message);
  }
  const port = otherClientPort(broker, mesh);
  if (!port || isMatched(broker, port.number, mesh)) return;
  report("nats-client-port", port.place, `${resource.title} accepts clients on port ${port.number}`);
}

export const natsConf = family<Id>(
  "nats-server's own configuration",
  {
    "nats-mappings": {
      severity: "warning",
      what:
        "nats.conf rewrites subjects behind the filter, by mappings, by imports and exports of accounts, or by `default_js_domain`. " +
        "The filter judges the subject that a client writes, but the message goes to another one: a deny of that one alone does not hold.",
      remedy:
        "remove them, or write the policy for what clients write: deny whatever leads to a denied subject, too (docs/reference/nats-server-hazards.md)",
    },
    "nats-latency": {
      severity: "warning",
      what:
        "nats.conf has the latency of an exported service measured (`latency`), and accounts that import services. nats-server ends by a " +
        "panic, for everybody, when it answers on the subject of such an import itself: one request with that for its reply subject does " +
        "it (docs/reference/nats-server-hazards.md). In operator mode this stands in the JWTs of the accounts, which doctor does not see.",
      remedy:
        "remove latency; otherwise deny the imports' subjects in subscribe to all peers, and allow nobody replies: ANY",
    },
    "nats-credentials": {
      severity: "warning",
      what:
        "nats.conf, or nats-server's command line (`--user`, `--auth`), asks clients for credentials of its own. The filter supplies none, so nats-server refuses a client that the " +
        "policy lets in, or judges it a second time under another name.",
      remedy: "remove them, and grant permissions in the policy; keep accounts for the system account only",
    },
    "nats-conf-unseen": {
      severity: "info",
      missing: "a file",
      what:
        "nats.conf includes a file that was not read, so what it says of TLS, credentials, accounts or ports is not judged. It has to " +
        "be in the ConfigMaps and Secrets that the same pods mount. doctor reads what these have under a key that ends in `.conf`, where the " +
        "key or the object's name has `nats` in it.",
      remedy: "give the ConfigMap or Secret that holds it too",
    },
    "nats-control-line": {
      severity: "warning",
      what:
        "nats.conf allows longer control lines than the filter does. A client that sends one is told `maximum control line " +
        "exceeded` and is closed. nats-server's INFO does not show its limit, so the filter has a limit of its own.",
      remedy: "write the same number as limits.controlLine and as max_control_line; the filter accepts 65536 at most",
    },
    "nats-client-port": {
      severity: "warning",
      what:
        "nats-server accepts clients on a port other than 4222, and no plugin for these pods matches a port that leads there. " +
        "No filter judges these clients.",
      remedy: "let nats-server listen on 4222, and match that port",
    },
    "nats-loopback": {
      severity: "error",
      what:
        "nats-server listens on an address of the pod's own loopback. Since Istio 1.10 the proxy brings connections to the pod's address, " +
        "unless a Sidecar has an `ingress` for the port with a `defaultEndpoint` of `127.0.0.1:` or `[::1]:`, and so do ztunnel and the probes of Kubernetes: every connection is refused. " +
        "What keeps others from the port is STRICT mTLS.",
      remedy: "remove the address, so that nats-server listens on all",
    },
    "nats-listen-by-chance": {
      severity: "error",
      what:
        "nats.conf says twice, and differently, where nats-server listens: in `listen`, and in `host`, `net` or `port`. nats-server reads " +
        "the keys of a block in no order, so that chance decides at each start, and for each node.",
      remedy: "remove one of them; listen: 0.0.0.0:4222 says both",
    },
    "nats-route-elsewhere": {
      severity: "warning",
      what:
        "nats.conf, or nats-server's command line (`--routes`), has a route to a Service of another namespace than its own. kustomize's " +
        "`namespace` does not reach there. " +
        "The nodes wait for others that are not there, and JetStream gets no quorum; or they join the cluster of that namespace, whose " +
        "clients another policy judges.",
      remedy: "write the namespace of these pods",
    },
  },
  ({ mesh }, report) => {
    for (const config of natsConfigs(mesh)) judgeConfig(config, report);
    judgeIncludes(mesh, report);
    for (const broker of mesh.brokers) judgeBroker(broker, mesh, report);
  },
);
