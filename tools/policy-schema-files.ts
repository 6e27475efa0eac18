import { readFileSync, writeFileSync } from "node:fs";
import { format, resolveConfig } from "prettier";
import { inRoot } from "./paths.ts";
import { policyDefinitions, type Schema } from "./policy-schema.ts";

/** The schema of a pluginConfig, for editors and pipelines. */
const POLICY_SCHEMA = inRoot("docs", "reference", "policy.schema.json");
/** Helm's schema, which contains it as the value `policy`. What it says about the other values is written by hand. */
const VALUES_SCHEMA = inRoot("deploy", "chart", "values.schema.json");

/** Control characters in patterns are legible only as escapes, and JSON.stringify does not escape those beyond ASCII. */
async function textOf(schema: Schema, file: string): Promise<string> {
  const json = JSON.stringify(schema).replace(
    /[\u007f-\u00a0]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return format(json, { ...(await resolveConfig(file)), parser: "json" });
}

/** The content that each generated file must have, by path. */
export async function policySchemaFiles(): Promise<Map<string, string>> {
  const definitions = policyDefinitions();
  const policy = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "The policy of istio-nats: the pluginConfig of a WasmPlugin or TrafficExtension",
    $ref: "#/definitions/policy",
    definitions,
  };
  const values = JSON.parse(readFileSync(VALUES_SCHEMA, "utf8")) as Schema;
  return new Map([
    [POLICY_SCHEMA, await textOf(policy, POLICY_SCHEMA)],
    [VALUES_SCHEMA, await textOf({ ...values, definitions }, VALUES_SCHEMA)],
  ]);
}

/** `npm run schema`: writes the schemas, which are made from tools/policy-schema.ts and docs/reference/policy.md. */
export async function writePolicySchema(): Promise<number> {
  for (const [file, text] of await policySchemaFiles()) writeFileSync(file, text);
  return 0;
}
