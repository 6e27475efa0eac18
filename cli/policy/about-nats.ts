import type { Resource } from "../manifests/resource.ts";

/** Whether an object of Flux, Argo CD or K3s is about NATS. A folder may have hundreds of them for other applications. */
export function isAboutNats({ root }: Resource): boolean {
  return /nats/i.test(JSON.stringify([root.get("metadata", "name")?.plain(), root.get("spec")?.plain()]));
}
