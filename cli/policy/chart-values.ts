import type { Field } from "../manifests/field.ts";
import { isPolicy } from "../mesh/plugin.ts";
import { slipBetween } from "../nearest.ts";

/** What the values have at their top (deploy/chart/values.schema.json). A test compares the two. */
export const CHART_KEYS: readonly string[] = [
  "global",
  "enabled",
  "kind",
  "form",
  "name",
  "image",
  "failStrategy",
  "phase",
  "selector",
  "ports",
  "policy",
  "broker",
  "waypoint",
  "egress",
];

/** Whether a document is made of values of the chart (deploy/chart), where `policy` holds what is a pluginConfig elsewhere. */
export function isChartValues(document: Field): boolean {
  if (document.get("rules") ?? document.get("trustDomains")) return false;
  if ([document.get("policy"), document.get("image")].some((value) => value?.isObject === true)) return true;
  return misspeltKeys(document).some(({ meant, value }) => meant === "policy" && isPolicy(value));
}

/** A key of the values that the chart does not know. */
export interface MisspeltKey {
  key: string;
  value: Field;
  /** The key of the chart that was probably meant. */
  meant: string;
}

/** Whether one key is nearly the other: one edit in three letters, for `nats` is two from `name`. */
function isSlip(key: string, known: string): boolean {
  return 3 * (slipBetween(key, known) ?? Infinity) <= known.length;
}

/** Keys at the top of the values that are nearly one of the chart's, which stands nowhere else. Others may be another chart's. */
export function misspeltKeys(document: Field): MisspeltKey[] {
  const members = document.members();
  const missing = CHART_KEYS.filter((known) => !members.some(([key]) => key === known));
  return members.flatMap(([key, value]) => {
    const meant = CHART_KEYS.includes(key) ? undefined : missing.find((known) => isSlip(key, known));
    return meant === undefined ? [] : [{ key, value, meant }];
  });
}
