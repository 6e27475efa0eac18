import type { Field } from "./field.ts";
import type { Place } from "./place.ts";

/** A Kubernetes object as written in a file. */
export class Resource {
  readonly kind: string;
  /** `security.istio.io` of `security.istio.io/v1`; "" for the core. */
  readonly group: string;
  readonly name: string;
  readonly namespace: string;
  /** Whether the object names no namespace, so that this one is only assumed. */
  readonly isNamespaceAssumed: boolean;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  /** What its title says besides: the pods for which it stands. */
  besides = "";

  constructor(
    readonly root: Field,
    defaultNamespace: string,
  ) {
    this.kind = root.text("kind") ?? "";
    this.group = /^(.*)\//.exec(root.text("apiVersion") ?? "")?.[1] ?? "";
    this.name = root.text("metadata", "name") ?? "";
    // kubectl takes an empty namespace, as a chart's template may leave it, for none.
    const namespace = root.text("metadata", "namespace") ?? "";
    this.isNamespaceAssumed = namespace === "";
    this.namespace = this.isNamespaceAssumed ? defaultNamespace : namespace;
    this.labels = root.texts("metadata", "labels");
    this.annotations = root.texts("metadata", "annotations");
  }

  /** The place of its name. */
  get place(): Place {
    return this.root.placeOf("metadata", "name");
  }

  /** Whether an API server has given it back: no manifest of a repository has a uid. */
  get isOfCluster(): boolean {
    return this.root.text("metadata", "uid") !== undefined;
  }

  /** `Service messaging/nats`. */
  get title(): string {
    return `${this.kind} ${this.namespace}/${this.name}${this.besides}`;
  }
}
