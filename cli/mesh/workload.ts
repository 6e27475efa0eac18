import type { Field } from "../manifests/field.ts";
import type { Place } from "../manifests/place.ts";
import type { Resource } from "../manifests/resource.ts";
import { CLIENT_PORT } from "./nats-ports.ts";
import type { Labels } from "./selector.ts";

const WITH_TEMPLATE = new Set(["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"]);

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
  ) {
    this.labels = pod.texts("metadata", "labels");
    this.annotations = pod.texts("metadata", "annotations");
    this.containers = [...pod.items("spec", "containers"), ...pod.items("spec", "initContainers")];
    this.ports = this.containers.flatMap(portsOf);
  }

  /** Undefined for a resource that makes no pods. */
  static of(resource: Resource): Workload | undefined {
    if (resource.kind === "Pod") return new Workload(resource, resource.root);
    const path = resource.kind === "CronJob" ? ["spec", "jobTemplate", "spec", "template"] : ["spec", "template"];
    if (resource.kind !== "CronJob" && !WITH_TEMPLATE.has(resource.kind)) return undefined;
    const pod = resource.root.get(...path);
    return pod && new Workload(resource, pod);
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
