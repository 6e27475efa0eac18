import { placeText, type Place } from "../manifests/place.ts";
import type { Resource } from "../manifests/resource.ts";
import { capturesNoAddress, excludedInbound, excludedOutbound, hostNetwork, refusedInjection } from "./capture.ts";
import { clientsIn, type Client } from "./clients.ts";
import { tlsFor } from "./destination-rule.ts";
import { isWildcard } from "./host.ts";
import { uninjected } from "./injection.ts";
import type { Mesh } from "./mesh.ts";
import { PEER_PORTS } from "./nats-ports.ts";
import { routesToTwins } from "./nats-routes.ts";
import { declaredMtls } from "./peer-authentication.ts";
import type { Service } from "./service.ts";
import { leavesOut, sidecarsFor } from "./sidecar.ts";
import { usedWaypoint } from "./waypoint.ts";
import type { Workload } from "./workload.ts";

/** Somebody who connects without mTLS. */
export interface PlaintextClient {
  /** Of what makes it so. */
  place: Place;
  message: string;
  remedy: string;
}

/** What clients' proxies speak in the TLS modes other than the mesh's own. */
const ORIGINATED: ReadonlyMap<string, string> = new Map([
  ["DISABLE", "plaintext"],
  ["SIMPLE", "TLS without the mesh's certificate"],
  ["MUTUAL", "TLS without the mesh's certificate"],
]);

/** nats-server's Service that a DestinationRule is for. A wildcard covers what no other rule names (`MostSpecificHostMatch`). */
function brokerServiceOf(rule: Resource, mesh: Mesh): Service | undefined {
  const host = rule.root.text("spec", "host") ?? "";
  if (!isWildcard(host)) return mesh.clientServiceNamed(host, rule.namespace);
  const rules = mesh.of("DestinationRule", "networking.istio.io");
  return mesh.services.find(
    (service) =>
      service.isUnder(host) &&
      mesh.clientPorts(service).length > 0 &&
      !rules.some(({ root, namespace }) => service.isNamed(root.text("spec", "host") ?? "", namespace)),
  );
}

/** Clients of nats-server, and nats-servers among themselves, that connect without mTLS, as far as the files show. */
export function plaintextClients(mesh: Mesh): PlaintextClient[] {
  const rules = mesh.of("DestinationRule", "networking.istio.io").flatMap((rule) => {
    const service = brokerServiceOf(rule, mesh);
    const ports = service ? mesh.clientPorts(service) : [];
    const modes = ports.flatMap(({ number }) => tlsFor(rule, undefined, number)?.get("mode") ?? []);
    const mode = modes.find((one) => ORIGINATED.has(one.text() ?? ""));
    const how = ORIGINATED.get(mode?.text() ?? "");
    if (!service || !mode || how === undefined) return [];
    const message = `${rule.title} makes clients speak ${how} to ${service.resource.title}`;
    return [{ place: mode.place, message, remedy: "write mode: ISTIO_MUTUAL" }];
  });
  const pods = clientsIn(mesh).flatMap((client): PlaintextClient[] => {
    const { workload, service, setting } = client;
    const way = wayWithoutMtls(client, mesh);
    if (!way) return [];
    const message = `${workload.resource.title} ${way.how} and connects to ${service.resource.title} (${placeText(setting.place)})`;
    return [{ place: way.place, message, remedy: way.remedy }];
  });
  return [...rules, ...pods, ...plaintextPeers(mesh), ...unknownPeers(mesh)];
}

/** nats-servers whose outbound connections bypass their sidecars while they accept only mTLS from each other. */
function plaintextPeers(mesh: Mesh): PlaintextClient[] {
  return mesh.brokers.flatMap((broker) =>
    PEER_PORTS.flatMap((port) => {
      const place = broker.port(port) && excludedOutbound(broker, port);
      if (!place || excludedInbound(broker, port) || declaredMtls(broker, port, mesh)?.mode !== "STRICT") return [];
      const message = `${broker.resource.title} keeps port ${port} from its sidecar, but its nodes accept only mTLS from each other there`;
      return [{ place, message, remedy: `remove ${port} from the annotation` }];
    }),
  );
}

/**
 * nats-servers whose proxies do not know the addresses at which they dial each other. A sidecar knows a pod's own address only by a
 * headless Service, and there the ports that it declares (pilot/pkg/networking/core/listener.go, `buildSidecarOutboundListeners`).
 */
function unknownPeers(mesh: Mesh): PlaintextClient[] {
  return mesh.brokers.flatMap((broker) => {
    // Without sidecars they speak plaintext, and accept it.
    if (mesh.isAmbient(broker) || refusedInjection(broker) || hostNetwork(broker)) return [];
    const services = mesh.servicesOf(broker);
    const routes = routesToTwins(broker, mesh).filter(({ port }) => port !== undefined && isCaptured(broker, port));
    const dialled = new Map(routes.map(({ port, service }) => [port ?? 0, service]));
    return [...dialled].flatMap(([port, name]) => {
      const named = services.find(({ resource }) => resource.name === name);
      const knowing = services.filter(
        (service) => service.isHeadless && service.ports.some(({ number }) => number === port),
      );
      if (!named || declaredMtls(broker, port, mesh)?.mode !== "STRICT") return [];
      if (knowing.length > 0) return hiddenPeers(broker, port, knowing, mesh);
      const { title, root } = named.resource;
      const lacks = named.isHeadless ? `does not declare port ${port}` : "is not headless";
      const message = `${title}, by which the nodes of ${broker.resource.title} dial each other, ${lacks}, so they speak no mTLS there, and accept nothing else`;
      return [
        named.isHeadless
          ? { place: root.placeOf("spec", "ports"), message, remedy: `add port: ${port} with appProtocol: tcp to it` }
          : { place: root.placeOf("spec", "clusterIP"), message, remedy: "make it anew with clusterIP: None" },
      ];
    });
  });
}

/** nats-servers from whose proxies a Sidecar hides all headless Services by which these would know the others' addresses. */
function hiddenPeers(broker: Workload, port: number, knowing: readonly Service[], mesh: Mesh): PlaintextClient[] {
  const [service] = knowing;
  const sidecar = sidecarsFor(broker, mesh).find((one) =>
    knowing.every((known) => leavesOut(one, broker, known, port)),
  );
  if (!service || !sidecar) return [];
  const { title } = service.resource;
  const message = `${sidecar.title} hides ${title} from the proxies of ${broker.resource.title}, whose nodes dial each other by it on port ${port}, so they speak no mTLS there, and accept nothing else`;
  return [{ place: sidecar.root.placeOf("spec", "egress"), message, remedy: addHost(service) }];
}

/** For the `egress` of a Sidecar that leaves out a Service. */
function addHost({ resource: { namespace, name } }: Service): string {
  return `add ${namespace}/${name}.${namespace}.svc.cluster.local to the hosts`;
}

/** Whether a port passes the sidecars at both ends. */
function isCaptured(workload: Workload, port: number): boolean {
  return !excludedOutbound(workload, port) && !excludedInbound(workload, port);
}

interface WayPast {
  place: Place;
  how: string;
  remedy: string;
}

/** Why a client's connections to nats-server have no mTLS, as far as its pods and the Sidecars for them show. */
export function wayWithoutMtls(client: Client, mesh: Mesh): WayPast | undefined {
  const { workload } = client;
  const host = hostNetwork(workload);
  if (host) {
    const remedy = "remove hostNetwork, so that the client is in the mesh";
    return { place: host, how: "is in the host's network, outside the mesh,", remedy };
  }
  // ztunnel reads neither the pods' label against sidecars nor annotations for them (istio-cni's values, `enablementSelectors`).
  if (mesh.isAmbient(workload)) return undefined;
  return wayPastSidecar(client, mesh) ?? wayUnknown(client, mesh);
}

/** Why what a workload dials at a port passes no sidecar of its own. Capture sees the port of the Service, not that of the pods. */
function wayPastSidecar({ workload, service, port }: Client, mesh: Mesh): WayPast | undefined {
  const refused = refusedInjection(workload);
  if (refused) return { place: refused, how: "has no sidecar", remedy: "let Istio inject a sidecar into the client" };
  const asked = uninjected(workload, mesh);
  if (asked) {
    const toZtunnel = `label Namespace ${workload.namespace} istio.io/dataplane-mode: ambient`;
    const remedy = usedWaypoint(service, mesh) ? toZtunnel : asked.remedy;
    return { place: asked.place, how: `has no sidecar (${asked.why})`, remedy };
  }
  const without = capturesNoAddress(workload, port);
  if (without) {
    const remedy = 'remove the annotation, or write "*", so that the sidecar speaks mTLS';
    return { place: without, how: "keeps all addresses from its sidecar", remedy };
  }
  const excluded = excludedOutbound(workload, port);
  if (!excluded) return undefined;
  const remedy = `remove ${port} from the annotation, so that the sidecar speaks mTLS`;
  return { place: excluded, how: `keeps port ${port} from its sidecar`, remedy };
}

/** Why its own sidecar takes nats-server for an unknown address, to which it speaks no mTLS. */
function wayUnknown({ workload, service, port }: Client, mesh: Mesh): WayPast | undefined {
  const sidecar = sidecarsFor(workload, mesh).find((one) => leavesOut(one, workload, service, port));
  if (!sidecar) return undefined;
  return {
    place: sidecar.root.placeOf("spec", "egress"),
    how: `has a sidecar from which ${sidecar.title} hides the Service,`,
    remedy: addHost(service),
  };
}
