import type { Resource } from "../manifests/resource.ts";

/** What `kubectl rollout restart` knows. */
const RESTARTED: ReadonlySet<string> = new Set(["Deployment", "StatefulSet", "DaemonSet"]);

/** How to make the pods of a workload anew, so that they get what is given to new ones: the end of a remedy. */
export function howToRemakePods({ kind, namespace, name }: Resource): string {
  if (!RESTARTED.has(kind)) return "make the pods anew";
  return `kubectl -n ${namespace} rollout restart ${kind.toLowerCase()} ${name}`;
}
