import type { Field } from "../../manifests/field.ts";
import { placeText } from "../../manifests/place.ts";
import type { Resource } from "../../manifests/resource.ts";
import { isFilledIn } from "../../manifests/unfilled.ts";
import { clientPortOf } from "../../mesh/client-port.ts";
import { CLIENT_PORT } from "../../mesh/nats-ports.ts";
import { plaintextClients } from "../../mesh/plaintext-clients.ts";
import { outwardServices } from "../../mesh/outward-services.ts";
import { authenticationsFor, declaredMtls, hasSelector } from "../../mesh/peer-authentication.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import { workloadSelector, type Pods } from "../../mesh/selector.ts";
import { writeNearest } from "../../nearest.ts";
import { family } from "../family.ts";
import { Grouped } from "../grouped.ts";

interface JudgedPods {
  pods: Pods;
  title: string;
  /** Their client port. */
  number: number;
  /** The object that makes them. A plugin alone is no reason to ask for a PeerAuthentication. */
  own?: Resource;
}

/** The pods of nats-server; if none are among the files, those that the filter's plugins select. */
function judgedPods(mesh: Mesh): JudgedPods[] {
  if (mesh.brokers.length > 0) {
    const captured = mesh.brokers.filter((broker) => !mesh.isAmbient(broker));
    return captured.map((pods) => ({
      pods,
      title: pods.resource.title,
      number: clientPortOf(pods, mesh),
      own: pods.resource,
    }));
  }
  return mesh.plugins
    .filter((plugin) => mesh.placement(plugin) === "server-sidecar")
    .map(({ resource, selector }) => {
      const pods = { namespace: resource.namespace, labels: selector };
      return { pods, title: `the pods of ${resource.title}`, number: CLIENT_PORT };
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
      missing: "objects of Istio",
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
        "A client connects without mTLS, so it has no identity. It hangs, because Istio waits for the client's first bytes and the " +
        "client waits for INFO; a STRICT port resets it when it sends some. A sidecar speaks no mTLS to a Service that the `egress` of a " +
        "Sidecar leaves out, since it does not know it; nor to a pod's own name, by which nats-servers dial each other, unless a " +
        "headless Service of the pods declares the port.",
      remedy: "give the client a sidecar and mTLS",
    },
    "clients-from-outside": {
      severity: "warning",
      what:
        "A Service with nats-server's client port is a LoadBalancer or NodePort, or has `externalIPs`. Who comes by it from outside the " +
        "mesh has no certificate of the mesh. Most such clients hang until they time out. When one sends its first bytes all the same, a " +
        "STRICT port ends the connection, and on a PERMISSIVE one it is unauthenticated to the policy. It is told only where the pods are " +
        "among the files.",
      remedy:
        "write type: ClusterIP; who is outside needs an identity: a proxy of the mesh, or a gateway with the filter that ends mTLS",
    },
  },
  ({ mesh }, report) => {
    const judged = judgedPods(mesh);
    const astray = authenticationsOfNobody(mesh, judged);
    const found = new Grouped<"mtls-elsewhere" | "mtls-permissive" | "mtls-disabled">();
    for (const { pods, title, number, own } of judged) {
      const declared = declaredMtls(pods, number, mesh);
      const port = `port ${number} of ${title}`;
      if (!declared) {
        const compared = own ? [own] : [];
        for (const policy of own ? astray : []) {
          const isIgnored = policy.namespace === mesh.rootNamespace && hasSelector(policy);
          const why = isIgnored
            ? "has a selector, and is ignored for it in Istio's root namespace"
            : "selects no pods among the files";
          const message = (about: string): string =>
            `${policy.title} ${why}; nothing else says whether ${about} requires mTLS`;
          const remedy = isIgnored ? IN_ROOT_NAMESPACE : undefined;
          found.add("mtls-elsewhere", policy.place, port, message, { remedy, compared: [policy, ...compared] });
        }
        if (own && astray.length === 0)
          report("mtls-undeclared", own.place, `nothing says whether ${port} requires mTLS`, { compared });
      } else if (declared.mode === "PERMISSIVE")
        found.add("mtls-permissive", declared.field.place, port, (about) => `${about} accepts plaintext`);
      else if (declared.mode === "DISABLE")
        found.add("mtls-disabled", declared.field.place, port, (about) => `${about} has no mTLS`);
    }
    found.reportTo(report);
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
      if (word !== undefined && ![...MTLS_MODES, "UNSET"].includes(word) && !isFilledIn(word))
        report("mtls-mode-unknown", mode.place, `Istio has no mTLS mode ${word}`, writeNearest(word, MTLS_MODES));
    }
    for (const { service, place, how, isStrict } of outwardServices(mesh)) {
      const what = isStrict ? "mTLS is STRICT, which ends their connections" : "to the policy they are unauthenticated";
      const message = `${service.resource.title} ${how}, and clients from outside the mesh have no certificate: ${what}`;
      report("clients-from-outside", place, message);
    }
    for (const { place, message, remedy } of plaintextClients(mesh)) report("plaintext-client", place, message, remedy);
  },
);
