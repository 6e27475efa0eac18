import type { Field } from "../../manifests/field.ts";
import type { Resource } from "../../manifests/resource.ts";
import { placeText, type Place } from "../../manifests/place.ts";
import { CLIENT_PORT } from "../../mesh/nats-ports.ts";
import { authenticationsFor, declaredMtls, hasSelector } from "../../mesh/peer-authentication.ts";
import { excludedInbound, excludedOutbound } from "../../mesh/capture.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import { workloadSelector, type Pods } from "../../mesh/selector.ts";
import type { Service } from "../../mesh/service.ts";
import type { Workload } from "../../mesh/workload.ts";
import { family } from "../family.ts";

interface PlaintextClient {
  place: Place;
  message: string;
  remedy: string;
}

function brokerServiceNamed(mesh: Mesh, host: string, namespace: string): Service | undefined {
  return mesh.services.find((service) => service.isNamed(host, namespace) && mesh.clientPorts(service).length > 0);
}

/** What clients' proxies speak in the TLS modes other than the mesh's own. */
const ORIGINATED: Partial<Record<string, string>> = {
  DISABLE: "plaintext",
  SIMPLE: "TLS without the mesh's certificate",
  MUTUAL: "TLS without the mesh's certificate",
};

/** nats-server's Service that a DestinationRule is for. A wildcard covers what no other rule names (`MostSpecificHostMatch`). */
function brokerServiceOf(rule: Resource, mesh: Mesh): Service | undefined {
  const host = rule.root.text("spec", "host") ?? "";
  if (!host.startsWith("*")) return brokerServiceNamed(mesh, host, rule.namespace);
  const rules = mesh.of("DestinationRule", "networking.istio.io");
  return mesh.services.find(
    (service) =>
      service.isUnder(host.slice(1)) &&
      mesh.clientPorts(service).length > 0 &&
      !rules.some(({ root, namespace }) => service.isNamed(root.text("spec", "host") ?? "", namespace)),
  );
}

/** Clients that connect without mTLS, as far as the files show. */
function plaintextClients(mesh: Mesh): PlaintextClient[] {
  const rules = mesh.of("DestinationRule", "networking.istio.io").flatMap((rule) => {
    const { root, title } = rule;
    const service = brokerServiceOf(rule, mesh);
    const numbers = service ? mesh.clientPorts(service).map(({ number }) => number) : [];
    const port = root
      .items("spec", "trafficPolicy", "portLevelSettings")
      .find((settings) => numbers.includes(settings.integer("port", "number") ?? 0));
    const mode = port?.get("tls", "mode") ?? root.get("spec", "trafficPolicy", "tls", "mode");
    const how = ORIGINATED[mode?.text() ?? ""];
    if (!service || !mode || how === undefined) return [];
    const message = `${title} makes clients speak ${how} to ${service.resource.title}`;
    return [{ place: mode.place, message, remedy: "write mode: ISTIO_MUTUAL" }];
  });
  const pods = mesh.workloads.flatMap((workload) => {
    const way = wayPastSidecar(workload);
    if (!way || mesh.brokers.includes(workload)) return [];
    return workload.containers
      .flatMap((c) => c.items("env"))
      .flatMap((variable): PlaintextClient[] => {
        const host = hostOf(variable);
        const service = host === undefined ? undefined : brokerServiceNamed(mesh, host, workload.namespace);
        if (!service) return [];
        const message = `${workload.resource.title} ${way.how} and connects to ${service.resource.title} (${placeText(variable.placeOf("value"))})`;
        return [{ place: way.place, message, remedy: way.remedy }];
      });
  });
  return [...rules, ...pods, ...plaintextPeers(mesh)];
}

/** Where nats-servers dial each other. */
const PEER_PORTS = [6222, 7222];

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

interface WayPast {
  place: Place;
  how: string;
  remedy: string;
}

/** Why a workload's connections to nats-server's client port pass no sidecar of its own. */
function wayPastSidecar(workload: Workload): WayPast | undefined {
  const { pod } = workload;
  const label = pod.get("metadata", "labels", "sidecar.istio.io/inject");
  const inject = label ?? pod.get("metadata", "annotations", "sidecar.istio.io/inject");
  if (inject?.text() === "false")
    return { place: inject.place, how: "has no sidecar", remedy: "let Istio inject a sidecar into the client" };
  const host = pod.get("spec", "hostNetwork");
  if (host?.text() === "true") {
    const remedy = "remove hostNetwork, so that Istio injects a sidecar into the client";
    return { place: host.place, how: "is in the host's network, has no sidecar,", remedy };
  }
  const excluded = excludedOutbound(workload, CLIENT_PORT);
  if (!excluded) return undefined;
  const remedy = `remove ${CLIENT_PORT} from the annotation, so that the sidecar speaks mTLS`;
  return { place: excluded, how: `keeps port ${CLIENT_PORT} from its sidecar`, remedy };
}

/** The host of an address as clients take it: `nats://user@host:4222,…`, or without the scheme if the port is NATS's. */
function hostOf(variable: Field): string | undefined {
  const value = variable.text("value") ?? "";
  return (/^nats:\/\/(?:[^@/]*@)?([^:/,]+)/.exec(value) ?? /^([-a-z0-9.]+):4222(?:$|,)/.exec(value))?.[1];
}

interface JudgedPods {
  pods: Pods;
  title: string;
  /** The object that makes them. A plugin alone is no reason to ask for a PeerAuthentication. */
  own?: Resource;
}

/** The pods of nats-server; if none are among the files, those that the filter's plugins select. */
function judgedPods(mesh: Mesh): JudgedPods[] {
  if (mesh.brokers.length > 0) {
    const captured = mesh.brokers.filter((broker) => !mesh.isAmbient(broker));
    return captured.map((pods) => ({ pods, title: pods.resource.title, own: pods.resource }));
  }
  return mesh.plugins
    .filter((plugin) => mesh.placement(plugin) === "server-sidecar")
    .map(({ resource, selector }) => {
      const pods = { namespace: resource.namespace, labels: selector };
      return { pods, title: `the pods of ${resource.title}` };
    });
}

/** PeerAuthentications that apply neither to these pods nor to any others among the files. */
function authenticationsOfNobody(mesh: Mesh, judged: readonly JudgedPods[]): Resource[] {
  const pods = [...judged.map((one) => one.pods), ...mesh.workloads];
  const used = new Set(pods.flatMap((one) => authenticationsFor(one, mesh).flat()));
  return mesh.of("PeerAuthentication", "security.istio.io").filter((policy) => !used.has(policy));
}

interface Doubled {
  first: Resource;
  second: Resource;
  title: string;
}

/** Each PeerAuthentication that follows another at its level, reported once. */
function doubled(mesh: Mesh, judged: readonly JudgedPods[]): Doubled[] {
  const found = new Map<Resource, Doubled>();
  for (const { pods, title } of judged) {
    for (const [first, ...others] of authenticationsFor(pods, mesh)) {
      const doubles = others.filter((second) => second.title !== first?.title);
      if (first) for (const second of doubles) found.set(second, found.get(second) ?? { first, second, title });
    }
  }
  return [...found.values()];
}

const IN_ROOT_NAMESPACE =
  "put it into the namespace of nats-server's pods; if that is the root namespace, leave out the selector, so that it is for the " +
  "whole mesh";

const MTLS_MODES = ["STRICT", "PERMISSIVE", "DISABLE"];

/** Every mode written in a PeerAuthentication. */
function mtlsModes(mesh: Mesh): Field[] {
  return mesh.of("PeerAuthentication", "security.istio.io").flatMap(({ root }) => {
    const ports = root.members("spec", "portLevelMtls").map(([, port]) => port.get("mode"));
    return [root.get("spec", "mtls", "mode"), ...ports].filter((mode) => mode !== undefined);
  });
}

export const mtls = family(
  "Mutual TLS of the mesh",
  {
    "mtls-permissive": {
      severity: "warning",
      what:
        "The client port also accepts plaintext (PERMISSIVE). A plaintext client gets no INFO until it has sent a byte, so most " +
        "of them hang, and to the policy it is unauthenticated.",
      remedy: "write mode: STRICT",
    },
    "mtls-disabled": {
      severity: "error",
      what:
        "mTLS is off on the client port (DISABLE). No client has a certificate, so every client is unauthenticated and is " +
        "refused.",
      remedy: "write mode: STRICT",
    },
    "mtls-undeclared": {
      severity: "info",
      what: "No PeerAuthentication among the files sets the mTLS mode of the client port. Istio's default is PERMISSIVE.",
      remedy: "apply a PeerAuthentication with mode: STRICT for these pods",
    },
    "mtls-elsewhere": {
      severity: "warning",
      what:
        "A PeerAuthentication applies to none of the pods among the files, and nothing else sets the mTLS mode of nats-server's " +
        "client port. Istio's default is PERMISSIVE. In its root namespace Istio ignores one with a selector.",
      remedy: "write the labels of nats-server's pods into its selector, and put it into the pods' namespace",
    },
    "mtls-twice": {
      severity: "warning",
      what:
        "Two PeerAuthentications at the same level apply to the same nats-server pods. Istio uses only the older one, and the " +
        "files do not show which that is.",
      remedy: "keep one of them",
    },
    "mtls-mode-unknown": {
      severity: "error",
      what: "Istio does not know this mTLS mode, and Kubernetes refuses the PeerAuthentication. Modes are written in capitals.",
      remedy: `write one of ${MTLS_MODES.join(", ")}`,
    },
    "port-mtls-without-selector": {
      severity: "error",
      what:
        "`portLevelMtls` applies to the pods that a selector names. Kubernetes refuses a PeerAuthentication that has it without " +
        "a selector.",
      remedy:
        "write selector: {matchLabels: …} with the labels of nats-server's pods, or use mtls for all pods of the namespace",
    },
    "plaintext-client": {
      severity: "error",
      what:
        "A client connects without mTLS, so it has no identity. On a PERMISSIVE port it hangs, because Istio waits for the " +
        "client's first bytes and the client waits for INFO. On a STRICT port it is reset.",
      remedy: "give the client a sidecar and mTLS",
    },
  },
  ({ mesh }, report) => {
    const judged = judgedPods(mesh);
    const astray = authenticationsOfNobody(mesh, judged);
    for (const { pods, title, own } of judged) {
      const declared = declaredMtls(pods, CLIENT_PORT, mesh);
      const port = `port ${CLIENT_PORT} of ${title}`;
      if (!declared) {
        const compared = own ? [own] : [];
        for (const policy of own ? astray : []) {
          const isIgnored = policy.namespace === mesh.rootNamespace && hasSelector(policy);
          const why = isIgnored
            ? "has a selector, and is ignored for it in Istio's root namespace"
            : "selects no pods among the files";
          const message = `${policy.title} ${why}; nothing else says whether ${port} requires mTLS`;
          const remedy = isIgnored ? IN_ROOT_NAMESPACE : undefined;
          report("mtls-elsewhere", policy.place, message, { remedy, compared: [policy, ...compared] });
        }
        if (own && astray.length === 0)
          report("mtls-undeclared", own.place, `nothing says whether ${port} requires mTLS`, { compared });
      } else if (declared.mode === "PERMISSIVE")
        report("mtls-permissive", declared.field.place, `${port} accepts plaintext`);
      else if (declared.mode === "DISABLE") report("mtls-disabled", declared.field.place, `${port} has no mTLS`);
    }
    for (const { first, second, title } of doubled(mesh, judged)) {
      const message = `${second.title} applies to ${title}, and so does ${first.title} (${placeText(first.place)})`;
      report("mtls-twice", second.place, message);
    }
    for (const { root, title } of mesh.of("PeerAuthentication", "security.istio.io")) {
      const ports = root.get("spec", "portLevelMtls");
      if (ports?.type === "object" && workloadSelector(root).size === 0)
        report("port-mtls-without-selector", ports.keyPlace, `${title} has portLevelMtls but no selector`);
    }
    for (const mode of mtlsModes(mesh)) {
      const word = mode.text();
      if (word !== undefined && ![...MTLS_MODES, "UNSET"].includes(word))
        report("mtls-mode-unknown", mode.place, `Istio has no mTLS mode ${word}`);
    }
    for (const { place, message, remedy } of plaintextClients(mesh)) report("plaintext-client", place, message, remedy);
  },
);
