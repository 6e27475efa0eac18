import type { Field } from "../manifests/field.ts";

export const OPERATIONS = ["publish", "subscribe"] as const;
export type Operation = (typeof OPERATIONS)[number];

/** An entry of a rule's `allow` or `deny`. */
export interface Entry {
  field: Field;
  /** As written: `SUBJECT` or `SUBJECT QUEUE`. The word ALL is `>`. */
  text: string;
}

/** What a rule allows, as a list or by the word ALL. */
export function allowedBy(rule: Field, operation: Operation): Entry[] {
  const allow = rule.get(operation, "allow");
  return allow?.text() === "ALL" ? [{ field: allow, text: ">" }] : entriesOf(allow);
}

/** What a rule denies, which is always a list. */
export function deniedBy(rule: Field, operation: Operation): Entry[] {
  return entriesOf(rule.get(operation, "deny"));
}

/** Values that are no texts are left out: the filter itself reports them. */
function entriesOf(list: Field | undefined): Entry[] {
  return (list?.items() ?? []).flatMap((field) => {
    const text = field.text();
    return text === undefined ? [] : [{ field, text }];
  });
}
