import crds from "./istio-crds.gen.json" with { type: "json" };

/**
 * What a value of an object may be. An object with neither `fields` nor `values` is not judged further. A port may be a number or
 * a name (k8s.io/apimachinery, `IntOrString`), and "any" is whatever doctor does not read.
 */
export type Shape =
  | { readonly type: "string"; readonly words?: readonly string[] }
  | { readonly type: "integer" | "number" | "boolean" | "port" | "any" }
  | { readonly type: "array"; readonly items: Shape }
  | { readonly type: "object"; readonly fields?: Readonly<Record<string, Shape>>; readonly values?: Shape };

export interface ApiKind {
  /** "" for Kubernetes' core. */
  group: string;
  /** The first is the one that a manifest should use. */
  versions: readonly string[];
  kind: string;
}

export interface IstioKind extends ApiKind {
  /** The shape of `spec`. */
  spec: Shape;
}

const TEXT: Shape = { type: "string" };

const TEXTS: Shape = { type: "array", items: TEXT };

function object(fields: Readonly<Record<string, Shape>>): Shape {
  return { type: "object", fields };
}

/** What every object of Kubernetes has beside `spec` (k8s.io/apimachinery, `ObjectMeta`). */
export const OBJECT: Readonly<Record<string, Shape>> = {
  apiVersion: TEXT,
  kind: TEXT,
  metadata: object({
    ...Object.fromEntries(
      [
        "name",
        "generateName",
        "namespace",
        "selfLink",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
      ].map((name) => [name, TEXT]),
    ),
    generation: { type: "integer" },
    deletionGracePeriodSeconds: { type: "integer" },
    labels: { type: "object", values: TEXT },
    annotations: { type: "object", values: TEXT },
    ownerReferences: { type: "array", items: { type: "object" } },
    finalizers: TEXTS,
    managedFields: { type: "array", items: { type: "object" } },
  }),
  status: { type: "object" },
};

/** The Istio kinds that doctor reads. `npm run generate:istio` makes them from Istio's CRDs. */
export const ISTIO_KINDS: readonly IstioKind[] = crds as unknown as readonly IstioKind[];
