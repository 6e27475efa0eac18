import type { Field } from "../manifests/field.ts";

export type Operation = "publish" | "subscribe";

/** The entries of a rule's `allow`; the word ALL is `>`. */
export function allowedBy(rule: Field, operation: Operation): string[] {
  const allow = rule.get(operation, "allow");
  return allow?.text() === "ALL" ? [">"] : (allow?.items() ?? []).flatMap((entry) => entry.text() ?? []);
}

export function deniedBy(rule: Field, operation: Operation): string[] {
  return rule.items(operation, "deny").flatMap((entry) => entry.text() ?? []);
}
