import type { Field } from "../../manifests/field.ts";
import type { Resource } from "../../manifests/resource.ts";
import { placeText, type Place } from "../../manifests/place.ts";
import { CLIENT_PORT } from "../../mesh/nats-ports.ts";
import { authenticationsFor, declaredMtls } from "../../mesh/peer-authentication.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import { workloadSelector, type Pods } from "../../mesh/selector.ts";
import type { Service } from "../../mesh/service.ts";
import { family } from "../family.ts";

interface PlaintextClient {
  place: Place;
  message: string;
  remedy: string;
}

function brokerServiceNamed(mesh: Mesh, host: string, namespace: string): Service | undefined {
  return mesh.services.find((service) => service.isNamed(host, namespace) && mesh.clientPorts(service).length > 0);
}

/** nats-server's Service that a DestinationRule is for. One with a wildcard is for what no other names (Istio's `MostSpecificHostMatch`). */
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

/** Clients that the files show to come without mTLS. */
function plaintextClients(mesh: Mesh): PlaintextClient[] {
  const rules = mesh.of("DestinationRule", "networking.istio.io").flatMap((rule) => {
    const { root, title } = rule;
    const service = brokerServiceOf(rule, mesh);
    const numbers = service ? mesh.clientPorts(service).map(({ number }) => number) : [];
    const port = root
      .items("spec", "trafficPolicy", "portLevelSettings")
      .find((settings) => numbers.includes(settings.integer("port", "number") ?? 0));
    const mode = port?.get("tls", "mode") ?? root.get("spec", "trafficPolicy", "tls", "mode");
    if (!service || mode?.text() !== "DISABLE") return [];
    const message = `${title} makes clients speak plaintext to ${service.resource.title}`;
    return [{ place: mode.place, message, remedy: "write mode: ISTIO_MUTUAL" }];
  });
  const pods = mesh.workloads.flatMap((workload) => {
    const label = workload.pod.get("metadata", "labels", "sidecar.istio.io/inject");
    const annotation = workload.pod.get("metadata", "annotations", "sidecar.istio.io/inject");
    const inject = label ?? annotation;
    if (inject?.text() !== "false") return [];
    return workload.containers
      .flatMap((c) => c.items("env"))
      .flatMap((variable): PlaintextClient[] => {
        const host = hostOf(variable);
        const service = host === undefined ? undefined : brokerServiceNamed(mesh, host, workload.namespace);
        if (!service) return [];
        const message = `${workload.resource.title} has no sidecar and speaks to ${service.resource.title} (${placeText(variable.placeOf("value"))})`;
        return [{ place: inject.place, message, remedy: "let Istio inject a sidecar into the client" }];
      });
  });
  return [...rules, ...pods];
}

function hostOf(variable: Field): string | undefined {
  return /^nats:\/\/(?:[^@/]*@)?([^:/,]+)/.exec(variable.text("value") ?? "")?.[1];
}

interface JudgedPods {
  pods: Pods;
  title: string;
  /** What makes them; a plugin alone is no reason to ask for a PeerAuthentication. */
  own?: Resource;
}

/** The pods of nats-server; where none are among the files, those that the filter's plugins select. */
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

/** PeerAuthentications that are for none of these pods, and for no others among the files. */
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

/** Each PeerAuthentication that has another of its level before it, once. */
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

const MTLS_MODES = ["STRICT", "PERMISSIVE", "DISABLE"];

/** Every mode that a PeerAuthentication writes. */
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
        "The client port takes plaintext too (PERMISSIVE). Such a client gets no INFO until it has sent a byte, so most hang; " +
        "and to the policy it is unauthenticated.",
      remedy: "write mode: STRICT",
    },
    "mtls-disabled": {
      severity: "error",
      what: "mTLS is off on the client port (DISABLE): no client has a certificate, so every one is unauthenticated and is refused.",
      remedy: "write mode: STRICT",
    },
    "mtls-undeclared": {
      severity: "info",
      what: "No PeerAuthentication among the files says what the client port takes. Istio's default is PERMISSIVE.",
      remedy: "apply a PeerAuthentication with mode: STRICT for these pods",
    },
    "mtls-elsewhere": {
      severity: "warning",
      what:
        "A PeerAuthentication is for none of the pods among the files, and nothing says what nats-server's client port takes: Istio's " +
        "default is PERMISSIVE.",
      remedy: "write the labels of nats-server's pods into its selector, and put it into their namespace",
    },
    "mtls-twice": {
      severity: "warning",
      what: "Two PeerAuthentications of one level are for the same pods of nats-server. Istio takes only the older one, and no file tells which that is.",
      remedy: "keep one",
    },
    "mtls-mode-unknown": {
      severity: "error",
      what: "Istio does not know this mTLS mode, and Kubernetes refuses the PeerAuthentication. The words are in capitals.",
      remedy: `write one of ${MTLS_MODES.join(", ")}`,
    },
    "port-mtls-without-selector": {
      severity: "error",
      what: "`portLevelMtls` is for the pods that a selector names: without one Kubernetes refuses the PeerAuthentication.",
      remedy: "write selector: {matchLabels: …} of nats-server's pods, or mtls for all pods of the namespace",
    },
    "plaintext-client": {
      severity: "error",
      what:
        "A client comes without mTLS. On a PERMISSIVE port it hangs, since Istio waits for its first bytes and it waits for " +
        "INFO; on a STRICT one it is reset; and it has no identity.",
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
          const message = `${policy.title} is for no pods here, and nothing else says whether ${port} requires mTLS`;
          report("mtls-elsewhere", policy.place, message, { compared: [policy, ...compared] });
        }
        if (own && astray.length === 0)
          report("mtls-undeclared", own.place, `nothing says whether ${port} requires mTLS`, { compared });
      } else if (declared.mode === "PERMISSIVE")
        report("mtls-permissive", declared.field.place, `${port} takes plaintext`);
      else if (declared.mode === "DISABLE") report("mtls-disabled", declared.field.place, `${port} has no mTLS`);
    }
    for (const { first, second, title } of doubled(mesh, judged)) {
      const message = `${second.title} is for ${title}, as ${first.title} (${placeText(first.place)}) is`;
      report("mtls-twice", second.place, message);
    }
    for (const { root, title } of mesh.of("PeerAuthentication", "security.istio.io")) {
      const ports = root.get("spec", "portLevelMtls");
      if (ports?.type === "object" && workloadSelector(root).size === 0)
        report("port-mtls-without-selector", ports.keyPlace, `${title} has portLevelMtls and no selector`);
    }
    for (const mode of mtlsModes(mesh)) {
      const word = mode.text();
      if (word !== undefined && ![...MTLS_MODES, "UNSET"].includes(word))
        report("mtls-mode-unknown", mode.place, `Istio knows no mTLS mode ${word}`);
    }
    for (const { place, message, remedy } of plaintextClients(mesh)) report("plaintext-client", place, message, remedy);
  },
);
