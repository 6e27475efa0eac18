import schema from "../../docs/reference/policy.schema.json" with { type: "json" };
import type { Plugin } from "./plugin.ts";

/** What may be written under `limits` of a policy. */
export const LIMITS = schema.definitions.limits.properties;

/** A limit of a plugin's policy, which is the filter's own where the policy says nothing. */
export function limitOf({ config }: Plugin, name: keyof typeof LIMITS): number {
  return config?.integer("limits", name) ?? LIMITS[name].default;
}
