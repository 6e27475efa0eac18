import schema from "../../deploy/chart/values.schema.json" with { type: "json" };
import type { Field } from "../manifests/field.ts";
import { isPolicy } from "../mesh/plugin.ts";
import { slipBetween } from "../nearest.ts";

/** The top-level keys of chart values. */
const CHART_KEYS: readonly string[] = Object.keys(schema.properties);

/** Keys of the chart that few other charts have. One of them is enough where all the others are the chart's too. */
const TELLING_KEYS = ["form", "broker", "waypoint", "egress"];

/** Whether it is a policy as a text, where an object belongs. */
function isWrittenPolicy(value: Field | undefined): boolean {
  return /^(?:rules|trustDomains):/m.test(value?.text() ?? "");
}

/**
 * Whether a document holds values of the chart (deploy/chart), where `policy` is what a pluginConfig is elsewhere: all of them, or
 * those of one file beside others.
 */
export function isChartValues(document: Field): boolean {
  if (document.get("rules") ?? document.get("trustDomains")) return false;
  const keys = document.members().map(([key]) => key);
  if (keys.every((key) => CHART_KEYS.includes(key)) && keys.some((key) => TELLING_KEYS.includes(key))) return true;
  if ([document.get("policy"), document.get("image")].some((value) => value?.isObject === true)) return true;
  if (isWrittenPolicy(document.get("policy"))) return true;
  return misspeltKeys(document).some(({ meant, value }) => meant === "policy" && isPolicy(value));
}

/** Whether values have a policy of ours. Those of another chart may have a `policy` that is something else. */
export function hasPolicy(values: Field): boolean {
  const policy = values.get("policy");
  return policy !== undefined && isPolicy(policy);
}

/**
 * The values of the chart in those of a chart that depends on it, which has them below a key, as many levels deep as charts depend
 * on charts; otherwise the document itself. What else the other charts have does not concern us.
 */
export function ownValues(document: Field): Field[] {
  if (isPolicy(document) || hasPolicy(document)) return [document];
  const below = valuesBelow(document);
  return below.length === 0 ? [document] : below;
}

function valuesBelow(values: Field): Field[] {
  return values.members().flatMap(([, value]) => (hasPolicy(value) ? [value] : valuesBelow(value)));
}

/** A key of chart values that the chart does not have. */
export interface MisspeltKey {
  key: string;
  value: Field;
  /** The key of the chart that was probably meant. */
  meant: string;
}

/** Whether one key is nearly the other: one edit in three letters, for `nats` is two from `name`. */
export function isSlip(key: string, known: string): boolean {
  return 3 * (slipBetween(key, known) ?? Infinity) <= known.length;
}

/** Top-level keys of chart values that are nearly a key of the chart that is not there. Other keys may be another chart's. */
export function misspeltKeys(document: Field): MisspeltKey[] {
  const members = document.members();
  const missing = CHART_KEYS.filter((known) => !members.some(([key]) => key === known));
  return members.flatMap(([key, value]) => {
    const meant = CHART_KEYS.includes(key) ? undefined : missing.find((known) => isSlip(key, known));
    return meant === undefined ? [] : [{ key, value, meant }];
  });
}
