import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { parse } from "yaml";
import type { Shape } from "../../cli/mesh/istio-api.ts";
import { KUBERNETES_KINDS, type Fields } from "../../cli/mesh/kubernetes-api.ts";
import { fileOfModule } from "../../tools/crds.ts";
import { ids } from "./sound-mesh.ts";

/** The types of a struct's fields, as Go writes them, by their names in JSON. */
type Struct = ReadonlyMap<string, string>;

interface Schema {
  properties: Record<string, Schema>;
}

const GATEWAY = KUBERNETES_KINDS.filter(({ group }) => group === "gateway.networking.k8s.io");

/** Groups without a dot, with the versions in which Kubernetes has them. */
const GROUPS = ["core/v1", "apps/v1", "batch/v1", "policy/v1", "autoscaling/v1", "autoscaling/v2", "networking/v1"];

/** `Container` of `[]v1.Container`. */
function nameOf(type: string): string {
  return /\w+$/.exec(type)?.[0] ?? "";
}

/** The words of a Go file's types of text. */
function wordsIn(source: string): [type: string, word: string][] {
  return [...source.matchAll(/^\t\w+ +(\w+) += "(\w+)"$/gm)].map(([, type = "", word = ""]) => [type, word]);
}

/** The structs of a Go file; what one embeds is under the embedded type's own name. */
function structsIn(source: string): Map<string, Map<string, string>> {
  const structs = [...source.matchAll(/^type (\w+) struct \{\n([^]*?)^\}/gm)];
  return new Map(
    structs.map(([, name = "", body = ""]) => {
      const lines = [...body.matchAll(/^\t(?:\w+ +)?(\S+) +`json:"(\w*)/gm)];
      return [name, new Map(lines.map(([, type = "", field = ""]) => [field === "" ? nameOf(type) : field, type]))];
    }),
  );
}

describe("what doctor knows of Kubernetes' API", () => {
  const structs = new Map<string, Map<string, string>>();
  const words: [type: string, word: string][] = [];
  const objects: string[] = [];

  before(async () => {
    const meta = await fileOfModule("k8s.io/apimachinery", "pkg", "apis", "meta", "v1", "types.go");
    for (const [name, struct] of structsIn(meta)) structs.set(name, struct);
    words.push(...wordsIn(meta));
    for (const group of GROUPS) {
      const source = await fileOfModule("k8s.io/api", ...group.split("/"), "types.go");
      words.push(...wordsIn(source));
      for (const [name, struct] of structsIn(source)) {
        if (!structs.has(name)) structs.set(name, struct);
        if (struct.has("TypeMeta") && struct.has("metadata"))
          objects.push(`${group.replace("core/", "").replace("networking/", "networking.k8s.io/")} ${name}`);
      }
    }
  });

  /** The fields of a type, those of embedded types among them. */
  function fieldsOf(type: string): Struct {
    const own = [...(structs.get(type) ?? [])];
    return new Map(
      own.flatMap(([name, of]) => (name === nameOf(of) && structs.has(name) ? [...fieldsOf(name)] : [[name, of]])),
    );
  }

  function assertSame(fields: Fields, type: string, path: string): void {
    const real = fieldsOf(type);
    assert.deepEqual(Object.keys(fields).sort(), [...real.keys()].sort(), path);
    for (const [name, below] of Object.entries(fields))
      if (below !== true) assertSame(below, nameOf(real.get(name) ?? ""), `${path}.${name}`);
  }

  /** The shape of a type as Go writes it. */
  function shapeOf(type: string): Shape {
    const [, element] = /^\*?\[\](.*)/.exec(type) ?? [];
    if (element !== undefined) return { type: "array", items: shapeOf(element) };
    const [, value] = /^map\[string\](.*)/.exec(type) ?? [];
    if (value !== undefined) return { type: "object", values: shapeOf(value) };
    const name = nameOf(type);
    if (structs.has(name)) {
      const shapes = [...fieldsOf(name)].map(([field, of]) => [field, shapeOf(of)] as const);
      return { type: "object", fields: Object.fromEntries(shapes) };
    }
    if (name === "IntOrString") return { type: "port" };
    if (/^int\d+$/.test(name)) return { type: "integer" };
    if (name === "string") return { type: "string" };
    const known = words.flatMap(([of, word]) => (of === name ? word : []));
    return known.length > 0 ? { type: "string", words: known.sort() } : { type: "string" };
  }

  function withSortedWords(shape: Shape): Shape {
    if (shape.type === "array") return { type: "array", items: withSortedWords(shape.items) };
    if (shape.type === "string" && shape.words) return { type: "string", words: [...shape.words].sort() };
    if (shape.type !== "object" || !shape.fields) return shape;
    const fields = Object.entries(shape.fields).map(([name, below]) => [name, withSortedWords(below)] as const);
    return { type: "object", fields: Object.fromEntries(fields) };
  }

  for (const { kind, group, fields, spec } of KUBERNETES_KINDS) {
    if (GATEWAY.some((known) => known.kind === kind)) continue;
    it(`is the same as the fields of ${kind} in k8s.io/api`, () => {
      assertSame(fields, kind, kind);
      if (spec) assert.deepEqual(withSortedWords(spec), shapeOf(`${kind}Spec`));
      assert.ok(objects.includes(`${group === "" ? "" : `${group}/`}v1 ${kind}`));
    });
  }

  it("is the same as the CRD of the Gateway API for Gateway", async () => {
    const path = ["config", "crd", "experimental", "gateway.networking.k8s.io_gateways.yaml"];
    const crd = parse(await fileOfModule("sigs.k8s.io/gateway-api", ...path)) as {
      spec: { versions: { name: string; schema: { openAPIV3Schema: Schema } }[] };
    };
    const [gateway] = GATEWAY;
    assert.ok(gateway);
    const { metadata, ...fields } = gateway.fields;
    assert.ok(metadata);
    assert.deepEqual(crd.spec.versions.map(({ name }) => name).sort(), [...gateway.versions].sort());
    const assertProperties = (known: Fields, { properties }: Schema): void => {
      assert.deepEqual(Object.keys(known).sort(), Object.keys(properties).sort());
      for (const [name, below] of Object.entries(known))
        if (below !== true) assertProperties(below, properties[name] ?? { properties: {} });
    };
    for (const { schema } of crd.spec.versions) {
      const { metadata: own, ...properties } = schema.openAPIV3Schema.properties;
      assert.ok(own);
      assertProperties(fields, { properties });
    }
  });

  it("lets every kind of Kubernetes' own groups be, and those that other projects have named alike", () => {
    assert.ok(objects.length > 25, objects.join());
    const strangers = [
      "serving.knative.dev/v1 Service",
      "apps.kruise.io/v1beta1 StatefulSet",
      "batch.volcano.sh/v1alpha1 Job",
      "projectcalico.org/v3 NetworkPolicy",
      "crd.projectcalico.org/v1 NetworkPolicy",
    ];
    for (const object of [...objects, ...strangers, "gateway.networking.k8s.io/v1 GatewayClass"]) {
      const [apiVersion, kind] = object.split(" ");
      assert.deepEqual(
        ids(JSON.stringify({ apiVersion, kind, metadata: { name: "a", namespace: "shop" } })),
        [],
        object,
      );
    }
  });
});
