import schema from "../../docs/reference/policy.schema.json" with { type: "json" };

const { properties } = schema.definitions.policy;

/** The keys of a policy. A test compares those of the schema with those that the filter itself names. */
export const POLICY_KEYS: readonly string[] = Object.keys(properties);

export const POLICY_MODES: readonly string[] = properties.mode.enum;
