import { placeText, type Place } from "../../manifests/place.ts";
import type { Resource } from "../../manifests/resource.ts";
import { httpFields } from "../../mesh/authorization-http.ts";
import { principalsIn } from "../../mesh/authorization-principals.ts";
import { portConditions } from "../../mesh/authorization-when.ts";
import {
  accessTo,
  denialInWaypoint,
  denialOf,
  denialOfAll,
  denialOfOthers,
  isNot,
  namesOnly,
  trustDomainsFor,
  type Denial,
} from "../../mesh/authorization.ts";
import { excludedInbound, hostNetwork } from "../../mesh/capture.ts";
import { clientPortOf } from "../../mesh/client-port.ts";
import { CLIENT_PORT } from "../../mesh/nats-ports.ts";
import { routesToTwins } from "../../mesh/nats-routes.ts";
import { HBONE_PORT, networkDenial } from "../../mesh/network-policy.ts";
import { otherPorts, otherServicePorts, type OpenPort } from "../../mesh/other-ports.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import { podsKey, type Pods } from "../../mesh/selector.ts";
import type { Service } from "../../mesh/service.ts";
import { isMistaken, usedWaypoint, waypointAccount, waypointOf } from "../../mesh/waypoint.ts";
import { Workload, type ServiceAccount } from "../../mesh/workload.ts";
import { family } from "../family.ts";
import { Grouped } from "../grouped.ts";

type Id =
  | "client-port-denied"
  | "cluster-port-denied"
  | "broker-port-open"
  | "waypoint-denied"
  | "waypoint-bypass"
  | "network-denied";

interface BehindWaypoint {
  pods: Pods;
  resource: Resource;
  /** Where nats-server accepts clients, as far as the files tell. */
  number: number;
  /** Of the port. */
  place: Place;
  service: Service;
}

/** What is behind a waypoint: the pods of its Services, whose addresses bypass it; the Services if no pods are among the files. */
function behindWaypoint(mesh: Mesh): BehindWaypoint[] {
  const seen = new Set<Workload>();
  const seenByService = new Set<string>();
  return mesh.waypointServices().flatMap((service) => {
    const { resource, namespace, selector } = service;
    if (mesh.workloads.some((workload) => service.selectsWorkload(workload))) {
      const brokers = mesh.brokers.filter((broker) => service.selectsWorkload(broker) && !seen.has(broker));
      for (const broker of brokers) seen.add(broker);
      return brokers.map((pods) => {
        const number = clientPortOf(pods, mesh);
        const place = pods.port(number)?.place ?? pods.resource.place;
        return { pods, resource: pods.resource, number, place, service };
      });
    }
    const [port] = mesh.clientPorts(service);
    if (!port || selector.size === 0) return [];
    const pods = { namespace, labels: selector };
    // Once for a Service and its headless twin, unless the two use different waypoints.
    const use = waypointOf(service, mesh);
    const key = `${podsKey(pods)} ${typeof use === "object" ? `${use.namespace}/${use.name}` : use}`;
    if (seenByService.has(key)) return [];
    seenByService.add(key);
    return [{ pods, resource, number: CLIENT_PORT, place: port.field.placeOf("port"), service }];
  });
}

/** Principals are written with a trust domain; this takes the one that the policy's other principals have if it is the mesh's. */
function principalOf({ namespace, name }: ServiceAccount, { policy }: Denial, ours?: ReadonlySet<string>): string {
  const written = principalsIn(policy).flatMap(
    (value) => /^(?:spiffe:\/\/)?([^/*:]+)\//.exec(value.text() ?? "")?.[1] ?? [],
  );
  const [first] = ours ? [...written.filter((trustDomain) => ours.has(trustDomain)), ...ours] : written;
  return `${first ?? "TRUST_DOMAIN"}/ns/${namespace}/sa/${name}`;
}

/** Where a denial stands in its policy. */
function placeOfDenial({ policy, rule }: Denial): Place {
  return rule ? rule.placeOf("from", 0, "source", "notPrincipals") : policy.root.placeOf("spec", "rules");
}

function denialText({ policy, rule }: Denial, port: string, whom?: string): string {
  const rules = rule ? [rule] : policy.root.items("spec", "rules");
  const ofHttp = [...new Set(rules.flatMap(httpFields))].join(", ");
  if (rule) {
    const why = ofHttp === "" ? "" : `: on a TCP port Istio drops the HTTP-only fields of a rule (${ofHttp})`;
    return `a rule of ${policy.title} keeps ${whom ?? "everybody"} from ${port}${why}`;
  }
  const allows = rules.length === 0 ? "has no rules, so it allows nothing" : "allows only what its rules say";
  const why = ofHttp === "" ? "" : `; on a TCP port a rule with HTTP-only fields (${ofHttp}) allows nothing`;
  return `${policy.title} ${allows}, and nothing else lets ${whom ?? "anybody"} reach ${port}${why}`;
}

/** Such a policy is often that of a whole namespace or mesh, where a rule for nats-server has no place. */
const ALLOW_CLIENTS =
  "apply an AuthorizationPolicy that allows connections to these pods, as deploy/allow-clients.yaml does; the filter then judges who may do what";

/** The same of the policies of a waypoint, which leaves those without targetRefs to ztunnel. */
const ALLOW_IN_WAYPOINT =
  "apply an AuthorizationPolicy with the same targetRefs that allows the port, rules: [{to: [{operation: {ports: […]}}]}]; the filter then judges who may do what";

/** The remedy for a denial of everybody. Where a DENY rule is the cause no other rule helps: DENY takes precedence over ALLOW. */
function remedyOfAll({ policy, rule }: Denial, port: number, allow = ALLOW_CLIENTS): string | undefined {
  if (!rule) return policy.root.items("spec", "rules").length === 0 ? allow : undefined;
  if (rule.items("to").some((to) => to.items("operation", "notPorts").length > 0))
    return `add "${port}" to the rule's notPorts`;
  if (portConditions(rule).some((condition) => condition.items("notValues").length > 0))
    return `add "${port}" to the notValues of the rule's destination.port`;
  return `list the ports that the rule is meant for, to: [{operation: {ports: […]}}] without "${port}", or remove the rule: a DENY takes precedence over every ALLOW`;
}

/**
 * The remedy for a denial of nats-server's own account. Pods that name no service account share one, so that to let it pass opens
 * the port to all of them.
 */
function remedyOfOwn(account: string, { policy }: Denial, isShared: boolean): string {
  const pass = `let ${account} pass`;
  if (principalsIn(policy).length === 0)
    return isShared ? "give the pods a serviceAccountName of their own, and let it pass" : pass;
  const give = "give the pods the serviceAccountName that the policy names";
  return isShared ? `${give}, or one of their own that you let pass` : `${pass}, or ${give}`;
}

/** What a rule has to say that opens ports to everybody. */
const NARROW = `list only "${CLIENT_PORT}" in the rule, to: [{operation: {ports: ["${CLIENT_PORT}"]}}], and name in a rule of its own, under from, who may use another port`;

/** Ports that anybody in the mesh may reach. `resource` is what makes the pods, or stands for them. */
function judgeOpenPorts(
  resource: Resource,
  pods: Pods,
  ports: readonly OpenPort[],
  mesh: Mesh,
  found: Grouped<Id>,
): void {
  for (const { number, use, place } of ports) {
    const access = accessTo(pods, number, mesh);
    const port = `port ${number} of ${resource.title} (${use})`;
    if (access.kind === "open") {
      const message = (about: string): string => `no AuthorizationPolicy restricts ${about}`;
      found.add("broker-port-open", place, port, message, { compared: [resource] });
    } else if (access.kind === "opened") {
      const { rule, policy } = access;
      const message = (about: string): string => `a rule of ${policy.title} opens to everybody ${about}`;
      found.add("broker-port-open", rule.place, `${port} (${placeText(place)})`, message, { remedy: NARROW });
    }
  }
}

/** Whether NetworkPolicies let anything come to the ports that nats-server needs: in ambient mode all comes to one of ztunnel's. */
function judgeNetwork(broker: Workload, mesh: Mesh, found: Grouped<Id>): void {
  // For pods in the host's network NetworkPolicies do not hold, or not reliably (kubernetes.io, "Network Policies").
  if (hostNetwork(broker) || !mesh.isForClients(broker)) return;
  const { title } = broker.resource;
  const isAmbient = mesh.isAmbient(broker);
  const routes = routesToTwins(broker, mesh).flatMap(({ port }) => port ?? []);
  for (const port of isAmbient ? [HBONE_PORT] : new Set([clientPortOf(broker, mesh), ...routes])) {
    const policy = networkDenial(broker, port, mesh);
    if (!policy) continue;
    const what = isAmbient ? ", to which ztunnel brings whatever the mesh sends there" : "";
    const message = (about: string): string => `${policy.title} lets nobody reach ${about}${what}`;
    const remedy = `add to the ingress of a NetworkPolicy for these pods: ports: [{protocol: TCP, port: ${port}}]`;
    found.add("network-denied", policy.root.placeOf("spec", "ingress"), `port ${port} of ${title}`, message, {
      remedy,
    });
  }
}

/** Whether anybody reaches the client port `number`. `resource` is what makes the pods, or stands for them. */
function judgeClientPort(resource: Resource, pods: Pods, number: number, mesh: Mesh, found: Grouped<Id>): void {
  const all = denialOfAll(pods, number, mesh);
  const others = pods instanceof Workload && hasClients(pods, mesh) ? denialOfOthers(pods, number, mesh) : undefined;
  const denial = all ?? others;
  if (!denial) return;
  const port = `port ${number} of ${resource.title}`;
  const whom = all ? undefined : `${denial.rule ? "every" : "any"}body but nats-server itself`;
  const message = (about: string): string => denialText(denial, about, whom);
  found.add("client-port-denied", placeOfDenial(denial), port, message, { remedy: remedyOfAll(denial, number) });
}

/** Whether anybody gets through a waypoint to the client port of a Service. */
function judgeInWaypoint(service: Service, mesh: Mesh, found: Grouped<Id>): void {
  for (const { number } of mesh.clientPorts(service)) {
    const denial = denialInWaypoint(service, number, mesh);
    if (!denial) continue;
    const port = `port ${number} of ${service.resource.title} in its waypoint`;
    const message = (about: string): string => denialText(denial, about);
    const remedy = remedyOfAll(denial, number, ALLOW_IN_WAYPOINT);
    found.add("client-port-denied", placeOfDenial(denial), port, message, { remedy, compared: [service.resource] });
  }
}

/** Whether a plugin's policy is for others than nats-server itself. */
function hasClients(broker: Workload, mesh: Mesh): boolean {
  const own = broker.serviceAccount;
  return mesh
    .pluginsOf(broker)
    .flatMap(({ config, resource }) =>
      (config?.items("rules") ?? []).flatMap((rule) =>
        rule.items("from").map((source) => ({ source, within: resource.namespace })),
      ),
    )
    .some(
      ({ source, within }) => !source.members().some((member) => !isNot(member[0]) && namesOnly(own, member, within)),
    );
}

/** The ports of nats-server's pods: which are open to everybody, and which are closed to those who need them. */
function judgeBroker(broker: Workload, mesh: Mesh, found: Grouped<Id>): void {
  const { resource, serviceAccount } = broker;
  const ports = otherPorts(broker, mesh);
  for (const { number, use } of ports) {
    const excluded = excludedInbound(broker, number);
    if (!excluded) continue;
    const port = `port ${number} of ${resource.title} (${use})`;
    const message = (about: string): string => `${excluded.why}, so no AuthorizationPolicy applies to ${about}`;
    found.add("broker-port-open", excluded.place, port, message, { remedy: "let the sidecar capture the port" });
  }
  const captured = ports.filter(({ number }) => !excludedInbound(broker, number));
  judgeOpenPorts(resource, broker, captured, mesh, found);
  for (const { number, use } of ports.filter(({ isOfPeers }) => isOfPeers)) {
    const own = denialOf(serviceAccount, broker, number, mesh);
    if (!own) continue;
    const account = principalOf(serviceAccount, own, trustDomainsFor(broker, mesh));
    const port = `port ${number} of ${resource.title} (${use})`;
    const message = (about: string): string => denialText(own, about, `nats-server's own ${account}`);
    const remedy = remedyOfOwn(account, own, serviceAccount.name === "default");
    found.add("cluster-port-denied", placeOfDenial(own), port, message, { remedy, compared: [resource] });
  }
}

/**
 * The client port behind a waypoint: closed to the waypoint, or open to those who bypass it. Returns whether it is closed to the
 * waypoint.
 */
function judgeBehindWaypoint(behind: BehindWaypoint, mesh: Mesh, found: Grouped<Id>): boolean {
  const { pods, resource, number, place, service } = behind;
  const port = `port ${number} of ${resource.title}`;
  const use = usedWaypoint(service, mesh);
  const account = use && !isMistaken(use, mesh) ? waypointAccount(use, mesh) : undefined;
  const denial = account && denialOf(account, pods, number, mesh);
  if (denial) {
    const principal = principalOf(account, denial, trustDomainsFor(pods, mesh));
    const message = (about: string): string => denialText(denial, about, `the waypoint's ${principal}`);
    const remedy = `let ${principal} pass`;
    found.add("waypoint-denied", placeOfDenial(denial), port, message, { remedy, compared: [resource] });
  }
  const bypass = (about: string): string => `${about} can be reached without passing the waypoint`;
  if (accessTo(pods, number, mesh).kind !== "restricted")
    found.add("waypoint-bypass", place, port, bypass, { compared: [resource] });
  return denial !== undefined;
}

export const brokerPorts = family<Id>(
  "Who reaches the ports of nats-server",
  {
    "client-port-denied": {
      severity: "error",
      what:
        "Istio's AuthorizationPolicies let nobody reach the client port, or nobody but nats-server itself. Once any ALLOW policy selects the pods, everything " +
        "that no rule allows is denied, and an ALLOW policy without rules (`spec: {}`) allows nothing. So do policies with `targetRefs` in " +
        "the waypoint that these name. On a TCP port Istio " +
        "drops the HTTP-only fields (`methods`, `requestPrincipals`) from a DENY rule, which therefore denies more, and ignores " +
        "an ALLOW rule that has any.",
      remedy:
        'add a rule for the client port, to: [{operation: {ports: ["4222"]}}]; the filter then judges who may do what',
    },
    "cluster-port-denied": {
      severity: "error",
      what:
        "An AuthorizationPolicy keeps nats-server's own service account from the port on which nats-servers dial each other, so " +
        "routes or gateways do not come up. A principal of a trust domain that is not in `trustDomains` names none of the mesh's " +
        "workloads; sidecars take cluster.local for the mesh's own.",
      remedy: "name nats-server's own service account in the policy",
    },
    "broker-port-open": {
      severity: "error",
      missing: "objects of Istio",
      what:
        "A port of nats-server other than the client port (routes 6222, gateways 7222, leaf nodes 7422, WebSocket, MQTT, " +
        "monitoring 8222, profiling) can be reached by anybody in the mesh, or bypasses the sidecar. These ports speak other " +
        "protocols. Most of them grant full rights, or show who uses which subject, and the filter is not on them.",
      remedy:
        "write an AuthorizationPolicy that denies the port to all but nats-server's own ServiceAccount and those that you name " +
        "(notPrincipals), as deploy/broker/authorization-policy.yaml does; one with action ALLOW shuts the other ports, 4222 too",
    },
    "waypoint-denied": {
      severity: "error",
      what:
        "An AuthorizationPolicy keeps the waypoint from the client port of the pods behind it. Either nobody reaches " +
        "nats-server, or only clients that bypass the waypoint do. A waypoint's ServiceAccount has the name of its Gateway. " +
        "ztunnel compares the trust domain as it is written.",
      remedy: "name the waypoint's own service account in the policy",
    },
    "network-denied": {
      severity: "error",
      what:
        "A NetworkPolicy selects nats-server's pods, and neither it nor another one lets anybody reach a port that they need: the client " +
        "port, that of their routes, or in ambient mode 15008, to which ztunnel brings all that the mesh sends them, whatever port " +
        "was meant. Clients hang until they time out. Who may come by a port is not judged, and nothing at all where the files have a " +
        "policy of the network's own, such as a CiliumNetworkPolicy, Calico's NetworkPolicy or an AdminNetworkPolicy.",
      remedy: "add the port to the ingress of a NetworkPolicy for these pods",
    },
    "waypoint-bypass": {
      severity: "error",
      what:
        "In ambient mode a client can connect to a pod's address and bypass the waypoint, and the pod accepts it. The policy " +
        "does not apply to such a client.",
      remedy:
        "write an AuthorizationPolicy with a selector that denies port 4222 of these pods to all but the waypoint's ServiceAccount " +
        "(notPrincipals), as deploy/waypoint/only-through-waypoint.yaml does",
    },
  },
  ({ mesh }, report) => {
    const found = new Grouped<Id>();
    // What is closed to the waypoint is closed to everybody for the same reason, and is not to be opened to everybody.
    const judged = new Set<string>();
    for (const behind of behindWaypoint(mesh))
      if (judgeBehindWaypoint(behind, mesh, found)) judged.add(podsKey(behind.pods));
    for (const service of mesh.waypointServices()) judgeInWaypoint(service, mesh, found);
    for (const broker of mesh.brokers) {
      judgeNetwork(broker, mesh, found);
      judgeBroker(broker, mesh, found);
      if (!judged.has(podsKey(broker)))
        judgeClientPort(broker.resource, broker, clientPortOf(broker, mesh), mesh, found);
    }
    /** Ports of pods that have been judged by another Service: `nats` and its headless twin name the same. */
    const seen = new Set<string>();
    for (const service of mesh.services) {
      // Where the pods are among the files, their own ports are judged above.
      if (!mesh.isBrokerService(service) || mesh.workloads.some((pods) => service.selectsWorkload(pods))) continue;
      // Nobody reaches anything by it, and that has a finding of its own.
      if (mesh.isAstray(service)) continue;
      const pods = { namespace: service.namespace, labels: service.selector };
      const unseen: OpenPort[] = [];
      for (const port of otherServicePorts(service)) {
        const key = `${podsKey(pods)} ${port.number}`;
        if (seen.has(key) && service.selector.size > 0) continue;
        seen.add(key);
        unseen.push(port);
      }
      judgeOpenPorts(service.resource, pods, unseen, mesh, found);
      // What is behind a Service without a selector has labels that nobody knows.
      if (mesh.clientPorts(service).length === 0 || service.selector.size === 0 || judged.has(podsKey(pods))) continue;
      // Once for a Service and its headless twin.
      judged.add(podsKey(pods));
      judgeClientPort(service.resource, pods, CLIENT_PORT, mesh, found);
    }
    found.reportTo(report);
  },
);
