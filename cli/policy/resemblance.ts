import type { Field } from "../manifests/field.ts";
import { isSlip } from "./chart-values.ts";
import { POLICY_KEYS } from "./policy-keys.ts";

function hasPolicyKey(field: Field): boolean {
  return field.members().some(([key]) => POLICY_KEYS.some((known) => isSlip(key, known)));
}

/**
 * Whether a document that is not a Kubernetes object, or a plugin's configuration, may be meant as a policy: it has a policy's
 * keys, or nearly, or some value in it has. Otherwise the filter's faults would be about a policy that nobody has written. What is
 * no map may be a slip.
 */
export function mayBePolicy(document: Field | undefined): boolean {
  if (document === undefined) return false;
  if (document.members().length === 0 || hasPolicyKey(document)) return true;
  return document.members().some(([, value]) => [value, ...value.items()].some(hasPolicyKey));
}
