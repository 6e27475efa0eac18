import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { parseAllDocuments } from "yaml";
import { ANY, EVERY_KEY, ISTIO_KINDS, type Fields } from "../../cli/mesh/istio-api.ts";
import { fileOfModule } from "../../tools/crds.ts";

interface Schema {
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

/** The fields of a schema, as deep as `known` goes. */
function fieldsOf({ properties, additionalProperties, items }: Schema, known: Fields): Fields {
  if (items) return fieldsOf(items, known);
  const all = properties ?? { [EVERY_KEY]: additionalProperties ?? {} };
  return Object.fromEntries(
    Object.entries(all).map(([key, schema]) => {
      const below = known[key] ?? ANY;
      return [key, below === ANY ? ANY : fieldsOf(schema, below)];
    }),
  );
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
    it(`is, of ${kind}, what Istio's CRD has`, () => {
      const crd = crds.get(`${kind}.${group}`);
      assert.ok(crd);
      assert.deepEqual(crd.versions.map(({ name }) => name).sort(), [...versions].sort());
      if (!spec) return;
      for (const { schema } of crd.versions)
        assert.deepEqual(fieldsOf(schema.openAPIV3Schema.properties.spec, spec), spec);
    });
  }
});
