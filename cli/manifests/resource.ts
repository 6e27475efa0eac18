import type { Field } from "./field.ts";
import type { Place } from "./place.ts";

/** An object of Kubernetes as a file shows it. */
export class Resource {
  readonly kind: string;
  /** `security.istio.io` of `security.istio.io/v1`; "" for the core. */
  readonly group: string;
  readonly name: string;
  readonly namespace: string;
  /** Whether the namespace is only that of objects which name none. */
  readonly isNamespaceAssumed: boolean;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;

  constructor(
    readonly root: Field,
    defaultNamespace: string,
  ) {
    this.kind = root.text("kind") ?? "";
    this.group = /^(.*)\//.exec(root.text("apiVersion") ?? "")?.[1] ?? "";
    this.name = root.text("metadata", "name") ?? "";
    this.namespace = root.text("metadata", "namespace") ?? defaultNamespace;
    this.isNamespaceAssumed = root.text("metadata", "namespace") === undefined;
    this.labels = root.texts("metadata", "labels");
    this.annotations = root.texts("metadata", "annotations");
  }

  /** Where its name stands. */
  get place(): Place {
    return this.root.placeOf("metadata", "name");
  }

  /** `Service messaging/nats`. */
  get title(): string {
    return `${this.kind} ${this.namespace}/${this.name}`;
  }
}
