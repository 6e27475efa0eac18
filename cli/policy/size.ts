import { goJson } from "../../test/host/istio-json.ts";
import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";

/** etcd's `--max-request-bytes` unless set otherwise. */
export const OBJECT_BYTES = 1.5 * 1024 * 1024;

/** The limit for all annotations of an object together (k8s.io/apimachinery `TotalAnnotationSizeLimitB`). */
export const ANNOTATIONS_BYTES = 256 * 1024;

/** Where client-side `kubectl apply` keeps a copy of the object as it was given (k8s.io/api `LastAppliedConfigAnnotation`). */
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** What the API server writes into `metadata`, so that an object which was read back has it and a manifest has not. */
const OF_THE_SERVER = ["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(goJson(value));
}

/** Bytes of the object as etcd keeps custom resources. */
export function objectBytes({ root }: Resource): number {
  return jsonBytes(root.plain());
}

function without(names: readonly string[], of: Field | undefined): Record<string, unknown> {
  const members = of?.members() ?? [];
  return Object.fromEntries(
    members.filter(([key]) => !names.includes(key)).map(([key, value]) => [key, value.plain()]),
  );
}

/** Bytes of the annotations that the object has after a client-side `kubectl apply`, its copy among them. */
export function appliedAnnotationsBytes({ root, annotations: all }: Resource): number {
  const annotations = without([LAST_APPLIED], root.get("metadata", "annotations"));
  const metadata = { ...without(OF_THE_SERVER, root.get("metadata")), annotations };
  // Behind the copy stands a line break.
  const copy = jsonBytes({ ...without(["metadata", "status"], root), metadata }) + 1;
  return [...all].reduce(
    (sum, [key, value]) => (key === LAST_APPLIED ? sum : sum + Buffer.byteLength(key) + Buffer.byteLength(value)),
    LAST_APPLIED.length + copy,
  );
}
