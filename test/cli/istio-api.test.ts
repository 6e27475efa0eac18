import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { parseAllDocuments } from "yaml";
import { ISTIO_KINDS } from "../../cli/mesh/istio-api.ts";
import { fileOfModule } from "../../tools/crds.ts";

interface Schema {
  type: string;
  enum?: string[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  items?: Schema;
}

interface Crd {
  spec: {
    group: string;
    names: { kind: string };
    versions: { name: string; schema: { openAPIV3Schema: { properties: { spec: Schema } } } }[];
  };
}

/** A schema in the form of doctor's table. */
function shapeOf({ type, enum: words, properties, additionalProperties, items }: Schema): unknown {
  const fields = properties && Object.entries(properties).map(([key, schema]) => [key, shapeOf(schema)] as const);
  return {
    type,
    ...(words && { words }),
    ...(fields && { fields: Object.fromEntries(fields) }),
    ...(additionalProperties && { values: shapeOf(additionalProperties) }),
    ...(items && { items: shapeOf(items) }),
  };
}

describe("what doctor knows of Istio's API", () => {
  const crds = new Map<string, Crd["spec"]>();

  before(async () => {
    const text = await fileOfModule("istio.io/api", "kubernetes", "customresourcedefinitions.gen.yaml");
    for (const document of parseAllDocuments(text)) {
      const { spec } = document.toJS() as Crd;
      crds.set(`${spec.names.kind}.${spec.group}`, spec);
    }
  });

  for (const { kind, group, versions, spec } of ISTIO_KINDS) {
    it(`is the same as Istio's CRD for ${kind}`, () => {
      const crd = crds.get(`${kind}.${group}`);
      assert.ok(crd);
      assert.deepEqual(crd.versions.map(({ name }) => name).sort(), [...versions].sort());
      if (!spec) return;
      for (const { schema } of crd.versions) assert.deepEqual(shapeOf(schema.openAPIV3Schema.properties.spec), spec);
    });
  }
});
