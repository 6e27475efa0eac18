import type { Field } from "../manifests/field.ts";
import type { Place } from "../manifests/place.ts";
import type { Resource } from "../manifests/resource.ts";
import { CLIENT_PORT } from "./nats-ports.ts";
import type { Labels } from "./selector.ts";

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
  name: string | undefined;
  number: number;
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

  /** The containers that run nats-server, by image name or client port. Reloaders and exporters beside it are left out. */
  get servers(): Field[] {
    return this.containers.filter(
      (container) =>
        isServerImage(container.text("image")) || portsOf(container).some(({ number }) => number === CLIENT_PORT),
    );
  }

  port(number: number): ContainerPort | undefined {
    return this.ports.find((port) => port.number === number);
  }

  /** The container port that a Service's targetPort means: a number stands for itself, a name is looked up. */
  resolvePort(target: string): number | undefined {
    return /^\d+$/.test(target) ? Number(target) : this.ports.find(({ name }) => name === target)?.number;
  }

  /** The annotation's place, or where it would be. */
  annotationPlace(name: string): Place {
    return this.pod.placeOf("metadata", "annotations", name);
  }
}

function portsOf(container: Field): ContainerPort[] {
  return container.items("ports").flatMap((port) => {
    const number = port.integer("containerPort");
    return number === undefined ? [] : [{ name: port.text("name"), number, place: port.placeOf("containerPort") }];
  });
}

/** `nats:2.12-alpine`, `docker.io/bitnami/nats@sha256:…`; not `nats-box`. */
function isServerImage(image: string | undefined): boolean {
  const name = image?.split("/").at(-1)?.split(/[:@]/)[0];
  return name === "nats" || name === "nats-server";
}
