import type { Field } from "../manifests/field.ts";

export type Labels = ReadonlyMap<string, string>;

/** Pods, or the selector of a Service or plugin if the pods are not among the files. */
export interface Pods {
  readonly namespace: string;
  readonly labels: Labels;
}

/** The same text for the same labels in one namespace, in whatever order they are written. */
export function podsKey({ namespace, labels }: Pods): string {
  return JSON.stringify([namespace, ...[...labels].map((label) => JSON.stringify(label)).sort()]);
}

/** Whether every wanted label is present with its value. An empty selector wants nothing, so it selects everything. */
export function selects(wanted: Labels, labels: Labels): boolean {
  // Not by a list of them, since doctor asks this of each Service and each pod.
  for (const [key, value] of wanted) if (labels.get(key) !== value) return false;
  return true;
}

/** Whether both could select the same pod. Used where the pods themselves are not among the files. */
export function mayMeet(a: Labels, b: Labels): boolean {
  return [...a].every(([key, value]) => (b.get(key) ?? value) === value);
}

/** Istio's `spec.selector.matchLabels`; an absent selector is an empty one. */
export function workloadSelector(spec: Field): Labels {
  return spec.texts("spec", "selector", "matchLabels");
}

/** Whether a selector of Kubernetes' own form, with `matchLabels` and `matchExpressions`, selects labels. An empty one selects all. */
export function selectsLabels(selector: Field, labels: Labels): boolean {
  const expressions = selector.items("matchExpressions");
  return (
    selects(selector.texts("matchLabels"), labels) && expressions.every((expression) => matches(expression, labels))
  );
}

function matches(expression: Field, labels: Labels): boolean {
  const value = labels.get(expression.text("key") ?? "");
  const isListed = expression.items("values").some((one) => one.text() === value);
  switch (expression.text("operator")) {
    case "In":
      return isListed;
    case "NotIn":
      return !isListed;
    case "Exists":
      return value !== undefined;
    default:
      return value === undefined;
  }
}

/** The labels as messages show them. */
export function labelsText(labels: Labels): string {
  return [...labels].map(([key, value]) => `${key}=${value}`).join(",");
}
