import { Ajv, type ValidateFunction } from "ajv";
import { parseAllDocuments } from "yaml";
import { fileOfModule, type CrdModule } from "../../tools/crds.ts";

interface Schema {
  properties?: Record<string, Schema> | undefined;
  items?: Schema;
  additionalProperties?: Schema | boolean;
  "x-kubernetes-preserve-unknown-fields"?: boolean;
  "x-kubernetes-int-or-string"?: boolean;
  [keyword: string]: unknown;
}

interface CustomResourceDefinition {
  spec: { names: { kind: string }; versions: { name: string; schema: { openAPIV3Schema: Schema } }[] };
}

/**
 * The schema as `kubectl apply --validate=strict` uses it: a field that it does not name is an error. The three fields that every
 * object has are the API server's.
 */
function strict(schema: Schema, top = true): Schema {
  const { properties, items, additionalProperties } = schema;
  const closed = properties !== undefined && !additionalProperties && !schema["x-kubernetes-preserve-unknown-fields"];
  const inner = Object.entries(properties ?? {}).map(([key, value]) => [key, strict(value, false)] as const);
  const metadata: Record<string, Schema> = top ? { apiVersion: {}, kind: {}, metadata: {} } : {};
  return {
    ...schema,
    ...(properties ? { properties: { ...Object.fromEntries(inner), ...metadata } } : {}),
    ...(items ? { items: strict(items, false) } : {}),
    ...(typeof additionalProperties === "object" ? { additionalProperties: strict(additionalProperties, false) } : {}),
    ...(closed ? { additionalProperties: false } : {}),
  };
}

/** Go's `(?i)` is a flag in JavaScript. `code` would name it in a compiled module, which is not made here. */
const goRegExp = Object.assign(
  (pattern: string, flags: string) =>
    new RegExp(pattern.replace("(?i)", ""), pattern.includes("(?i)") ? `${flags}i` : flags),
  { code: "new RegExp" },
);

/** A custom resource, and where its project keeps the CRD. */
export interface ResourceKind {
  kind: string;
  version: string;
  module: CrdModule;
  path: string[];
}

/** Checks resources by that project's CRD. Its CEL rules, if it has any, are not run. */
export async function validatorOf({ kind, version, module, path }: ResourceKind): Promise<ValidateFunction> {
  const texts = parseAllDocuments(await fileOfModule(module, ...path));
  const crds = texts.map((document) => document.toJS() as CustomResourceDefinition);
  const versions = crds.find(({ spec }) => spec.names.kind === kind)?.spec.versions ?? [];
  const schema = versions.find(({ name }) => name === version)?.schema.openAPIV3Schema;
  if (!schema) throw new Error(`${path.join("/")} of ${module} has no ${kind} ${version}`);
  // ajv does not need Kubernetes' own keywords and formats.
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, code: { regExp: goRegExp } });
  return ajv.compile(strict(schema));
}

/** A validator's complaints about a resource. */
export function faultsOf(validate: ValidateFunction, resource: unknown): string[] {
  validate(resource);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ""}`);
}
