import { Ajv, type ValidateFunction } from "ajv";
import { readFileSync } from "node:fs";
import { inRoot } from "../../tools/paths.ts";

/** docs/reference/audit.schema.json, as far as tests use it. */
export interface AuditSchema {
  properties: Record<string, { description: string; enum?: string[] }>;
  oneOf: {
    description: string;
    properties: { event: { enum?: string[]; const?: string } };
    required?: string[];
  }[];
}

export const auditSchema = JSON.parse(
  readFileSync(inRoot("docs", "reference", "audit.schema.json"), "utf8"),
) as AuditSchema;

let validate: ValidateFunction | undefined;

/** The schema's complaint about a record, or "" if the record is valid. */
export function schemaFaults(record: unknown): string {
  validate ??= new Ajv({ allErrors: true, strict: true, strictRequired: false, strictTypes: false }).compile(
    auditSchema,
  );
  if (validate(record)) return "";
  const faults = (validate.errors ?? []).map(({ instancePath, message = "" }) => `${instancePath} ${message}`);
  return `${JSON.stringify(record)} is against docs/reference/audit.schema.json: ${faults.join("; ")}`;
}
