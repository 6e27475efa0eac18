import type { Field } from "../manifests/field.ts";
import type { Place } from "../manifests/place.ts";
import type { Resource } from "../manifests/resource.ts";
import { CLIENT_PORT } from "./nats-ports.ts";
import type { Labels } from "./selector.ts";
import type { ServicePort } from "./service.ts";

/** What Istio calls the proxy's container (pkg/kube/inject, `ProxyContainerName`). The pods of a cluster have it, those of a file seldom. */
export const PROXY = "istio-proxy";

/**
 * What a StatefulSet labels each of its pods with, and what there is in front of the pod's number
 * (pkg/controller/statefulset/stateful_set_utils.go, `updateIdentity`).
 */
export const LABELS_OF_ONE_POD: ReadonlyMap<string, (name: string) => string> = new Map([
  ["statefulset.kubernetes.io/pod-name", (name: string) => `${name}-`],
  ["apps.kubernetes.io/pod-index", () => ""],
]);

const TEMPLATE = ["spec", "template"];
const TEMPLATE_OF_JOB = ["spec", "jobTemplate", ...TEMPLATE];

/** Where Kubernetes' own kinds have what their pods are made from. */
const OWN_KINDS: ReadonlyMap<string, readonly string[]> = new Map([
  ["Pod", []],
  ["CronJob", TEMPLATE_OF_JOB],
  ...["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"].map(
    (kind) => [kind, TEMPLATE] as const,
  ),
]);

/**
 * Where an object has what its pods are made from, if it makes any. Groups without a dot are Kubernetes' own, even where the
 * version is wrong. What other projects make, such as a Rollout of Argo, is known by its template alone: one of them may have
 * named something quite different a Deployment.
 */
function podPath({ root, kind, group }: Resource): readonly string[] | undefined {
  if (!group.includes(".")) return OWN_KINDS.get(kind);
  return [TEMPLATE, TEMPLATE_OF_JOB].find((path) => root.items(...path, "spec", "containers").length > 0);
}

export interface ContainerPort {
  field: Field;
  name: string | undefined;
  number: number;
  protocol: string;
  place: Place;
}

/** A service account as a principal names it, without the trust domain. */
export interface ServiceAccount {
  namespace: string;
  name: string;
}

/** A Pod, or an object that makes pods from a template. */
export class Workload {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly containers: Field[];
  readonly ports: ContainerPort[];
  /** Those among the files for which this one stands. */
  readonly pods: Workload[] = [];

  private constructor(
    readonly resource: Resource,
    /** The Pod or the template, which holds `metadata` and `spec`. */
    readonly pod: Field,
    /** Where that is in the resource: `spec.template`, or "" for a Pod. */
    readonly path: string,
  ) {
    this.labels = pod.texts("metadata", "labels");
    this.annotations = pod.texts("metadata", "annotations");
    this.containers = [...pod.items("spec", "containers"), ...pod.items("spec", "initContainers")];
    this.ports = this.containers.flatMap(portsOf);
  }

  /** Undefined for a resource that makes no pods. */
  static of(resource: Resource): Workload | undefined {
    const path = podPath(resource);
    const pod = path && resource.root.get(...path);
    return pod && new Workload(resource, pod, path.join("."));
  }

  /** Whether a StatefulSet gives this label, which is not in its template, to one of its pods. */
  hasPodLabelled(key: string, value: string): boolean {
    if (this.resource.kind !== "StatefulSet") return false;
    const before = LABELS_OF_ONE_POD.get(key)?.(this.resource.name);
    return before !== undefined && value.startsWith(before) && /^\d+$/.test(value.slice(before.length));
  }

  /** Lets it stand for a pod that says the same, which its title tells from now on. */
  addPod(pod: Workload): void {
    const count = this.pods.push(pod);
    const isPod = this.resource.kind === "Pod";
    const others = count === 1 ? "another" : `${count} others`;
    this.resource.besides = isPod ? ` and ${others} like it` : ` with ${count === 1 ? "a pod" : `${count} pods`}`;
  }

  get namespace(): string {
    return this.resource.namespace;
  }

  /** Kubernetes gives pods without a service account the one named `default`. */
  get serviceAccount(): ServiceAccount {
    const name = this.pod.text("spec", "serviceAccountName") ?? this.pod.text("spec", "serviceAccount") ?? "default";
    return { namespace: this.namespace, name };
  }

  get isBroker(): boolean {
    return this.servers.length > 0;
  }

  /**
   * The containers that run nats-server, by image name or client port. Reloaders and exporters beside it are left out, and so is the
   * proxy, which on a gateway may declare the client port.
   */
  get servers(): Field[] {
    return this.containers.filter(
      (container) =>
        isServerImage(container.text("image")) ||
        (container.text("name") !== PROXY && portsOf(container).some(({ number }) => number === CLIENT_PORT)),
    );
  }

  /** The proxy's container, where pods or their template have it. */
  get proxy(): Field | undefined {
    return this.containers.find((container) => container.text("name") === PROXY);
  }

  port(number: number): ContainerPort | undefined {
    return this.ports.find((port) => port.number === number);
  }

  /**
   * The container port that a Service's port leads to: a number stands for itself, and a name is looked up among the ports of the
   * same protocol (pilot/pkg/serviceregistry/kube/controller/util.go, `FindPort`).
   */
  resolvePort({ target, targetNumber, protocol }: ServicePort): number | undefined {
    if (targetNumber !== undefined) return targetNumber;
    return this.ports.find((port) => port.name === target && port.protocol === protocol)?.number;
  }

  /** The annotation's place, or where it would be. */
  annotationPlace(name: string): Place {
    return this.pod.placeOf("metadata", "annotations", name);
  }
}

/** The `protocol` of a Service's or a container's port. Kubernetes takes TCP where none is written, and refuses small letters. */
export function transportOf(port: Field): string {
  const written = port.text("protocol") ?? "";
  return written === "" ? "TCP" : written.toUpperCase();
}

function portsOf(container: Field): ContainerPort[] {
  return container.items("ports").flatMap((field) => {
    const number = field.integer("containerPort");
    if (number === undefined) return [];
    const place = field.placeOf("containerPort");
    return [{ field, name: field.text("name"), number, protocol: transportOf(field), place }];
  });
}

/** `nats:2.12-alpine`, `docker.io/bitnami/nats@sha256:…`; not `nats-box`. */
function isServerImage(image: string | undefined): boolean {
  const name = image?.split("/").at(-1)?.split(/[:@]/)[0];
  return name === "nats" || name === "nats-server";
}
