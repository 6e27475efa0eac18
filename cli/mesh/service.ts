import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import { standsFor } from "./host.ts";
import { mayMeet, selects, type Labels } from "./selector.ts";
import { transportOf, type Workload } from "./workload.ts";

export interface ServicePort {
  field: Field;
  number: number;
  name: string;
  /** The targetPort as written, or the port itself if there is none. */
  target: string;
  /** The same if it is a number; undefined for the name of a container's port. */
  targetNumber: number | undefined;
  protocol: string;
}

/** A Kubernetes Service. */
export class Service {
  readonly selector: Labels;
  readonly ports: ServicePort[];

  constructor(readonly resource: Resource) {
    this.selector = resource.root.texts("spec", "selector");
    this.ports = resource.root.items("spec", "ports").flatMap((field) => {
      const number = field.integer("port");
      if (number === undefined) return [];
      const target = field.text("targetPort") ?? String(number);
      const targetNumber = /^\d+$/.test(target) ? Number(target) : undefined;
      return [{ field, number, name: field.text("name") ?? "", target, targetNumber, protocol: transportOf(field) }];
    });
  }

  get namespace(): string {
    return this.resource.namespace;
  }

  /** Whether its names stand for the addresses of its pods. */
  get isHeadless(): boolean {
    return this.resource.root.text("spec", "clusterIP") === "None";
  }

  /** Whether it is for these pods, or for some of them by a label that each has for itself. */
  selectsWorkload(workload: Workload): boolean {
    if (this.namespace !== workload.namespace || this.selector.size === 0) return false;
    for (const [key, value] of this.selector)
      if (workload.labels.get(key) !== value && !workload.hasPodLabelled(key, value)) return false;
    return true;
  }

  /** Whether all pods with these labels are behind it. */
  servesAll(namespace: string, labels: Labels): boolean {
    return this.namespace === namespace && this.selector.size > 0 && selects(this.selector, labels);
  }

  /** Whether pods with these labels could be behind it. */
  mayServe(namespace: string, labels: Labels): boolean {
    return this.namespace === namespace && this.selector.size > 0 && mayMeet(this.selector, labels);
  }

  /** Whether this is a name of the Service: short, with the namespace, or fully qualified. */
  isNamed(host: string, fromNamespace: string): boolean {
    const { name, namespace } = this.resource;
    if (host === name) return fromNamespace === namespace;
    const known = `${name}.${namespace}`;
    return [known, `${known}.svc`].includes(host) || host.startsWith(`${known}.svc.`);
  }

  /** Whether a wildcard host stands for its fully qualified name, in a cluster with the usual domain. */
  isUnder(wildcard: string): boolean {
    const { name, namespace } = this.resource;
    return standsFor(wildcard, `${name}.${namespace}.svc.cluster.local`);
  }
}
