import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import { principalConditions } from "./authorization-when.ts";

/** All principals that a policy's sources and conditions name, the exempted ones of each first. */
export function principalsIn(policy: Resource): Field[] {
  return policy.root
    .items("spec", "rules")
    .flatMap((rule) => [
      ...rule
        .items("from")
        .flatMap((from) => [...from.items("source", "notPrincipals"), ...from.items("source", "principals")]),
      ...principalConditions(rule).flatMap((condition) => [
        ...condition.items("notValues"),
        ...condition.items("values"),
      ]),
    ]);
}
