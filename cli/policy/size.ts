import type { Resource } from "../manifests/resource.ts";

/** etcd's `--max-request-bytes` unless set otherwise. */
export const OBJECT_BYTES = 1.5 * 1024 * 1024;

/** The limit for all annotations of an object together (k8s.io/apimachinery `TotalAnnotationSizeLimitB`). */
export const CLIENT_SIDE_APPLY_BYTES = 256 * 1024;

/** Bytes of the object as compact JSON, as etcd keeps custom resources. */
export function objectBytes({ root }: Resource): number {
  return Buffer.byteLength(JSON.stringify(root.plain()));
}
