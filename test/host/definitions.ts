/** What the tests share that look at when the host defines stats. */
import type { Host } from "./host.ts";

/** What Envoy takes at most for one stat on a slow machine, where Istio's labels are found by regular expressions. */
export const FOR_EACH = 1_000_000n;
/** So many are defined in a slice then. */
export const SLICE = 3;

/** How often the host has been asked to define a stat. */
export function defined(host: Host): number {
  return host.counts["proxy_define_metric"] ?? 0;
}
