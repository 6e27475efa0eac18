/** What the tests share that look at when the host defines stats. */
import type { Host } from "./host.ts";
import { pub, type Policy } from "./wire.ts";

/** What Envoy takes at most for one stat on a slow machine, where Istio's labels are found by regular expressions. */
export const FOR_EACH = 1_000_000n;
/** So many are defined in a slice then. */
export const SLICE = 3;

/** As many classes as are shown. */
export const CLASSES = 64;
export const PUBLISH_IN_EACH_CLASS = Array.from({ length: CLASSES }, (_, i) => pub(`ok.${i}`)).join("");

/** The classes of `PUBLISH_IN_EACH_CLASS`, whose names begin with `prefix`, for so many principals. */
export function classed(principals: number, prefix = "c"): Policy {
  const subjects = Array.from({ length: CLASSES }, (_, i) => ({ name: `${prefix}${i}`, patterns: [`ok.${i}`] }));
  return { telemetry: { principals, subjects } };
}

/** The principal of that number. */
export function principal(i: number): string {
  return `spiffe://cluster.local/ns/clients/sa/c${i}`;
}

/** How often the host has been asked to define a stat. */
export function defined(host: Host): number {
  return host.counts["proxy_define_metric"] ?? 0;
}
