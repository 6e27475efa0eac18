import type { Field } from "../manifests/field.ts";

/** Whether a document is made of values of the chart (deploy/chart), where `policy` holds what is a pluginConfig elsewhere. */
export function isChartValues(document: Field): boolean {
  if (document.get("rules") ?? document.get("trustDomains")) return false;
  return [document.get("policy"), document.get("image")].some((value) => value?.isObject === true);
}
