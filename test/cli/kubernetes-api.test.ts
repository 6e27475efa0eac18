import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { parse } from "yaml";
import type { Shape } from "../../cli/mesh/istio-api.ts";
import { KUBERNETES_KINDS } from "../../cli/mesh/kubernetes-api.ts";
import { fileOfModule } from "../../tools/crds.ts";
import { ids } from "./sound-mesh.ts";

/** The types of a struct's fields, as Go writes them, by their names in JSON. */
type Struct = ReadonlyMap<string, string>;

interface Schema {
  type: string;
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

  /** Compares what doctor knows with a type as Go writes it. */
  function assertSame(shape: Shape, type: string, path: string): void {
    const [, element] = /^\*?\[\](.*)/.exec(type) ?? [];
    const [, value] = /^\*?map\[string\](.*)/.exec(type) ?? [];
    const name = nameOf(type);
    if (shape.type === "any") return;
    if (shape.type === "array") {
      assert.ok(element !== undefined, `${path} is ${type}`);
      assertSame(shape.items, element, `${path}[]`);
    } else if (shape.type === "object" && shape.values) {
      // Bytes are base64 in JSON.
      assert.ok(value !== undefined, `${path} is ${type}`);
      if (value !== "[]byte") assertSame(shape.values, value, `${path}.*`);
    } else if (shape.type === "object" && shape.fields) {
      assert.ok(structs.has(name) && (element ?? value) === undefined, `${path} is ${type}`);
      const real = fieldsOf(name);
      assert.deepEqual(Object.keys(shape.fields).sort(), [...real.keys()].sort(), path);
      for (const [field, below] of Object.entries(shape.fields))
        assertSame(below, real.get(field) ?? "", `${path}.${field}`);
    } else if (shape.type !== "object") {
      const known = words.flatMap(([of, word]) => (of === name ? word : []));
      const scalar = /^int\d+$/.test(name)
        ? "integer"
        : name === "bool"
          ? "boolean"
          : name === "IntOrString"
            ? "port"
            : "string";
      assert.ok(!structs.has(name) || name === "Time", `${path} is ${type}`);
      assert.deepEqual([scalar, element, value], [shape.type, undefined, undefined], `${path} is ${type}`);
      if (shape.type === "string" && shape.words) assert.deepEqual([...shape.words].sort(), known.sort(), path);
    }
  }

  for (const { kind, group, shape } of KUBERNETES_KINDS) {
    if (GATEWAY.some((known) => known.kind === kind)) continue;
    it(`is the same as the fields of ${kind} in k8s.io/api`, () => {
      assertSame(shape, kind, kind);
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
    const { metadata, ...fields } = gateway.shape.fields ?? {};
    assert.ok(metadata);
    assert.deepEqual(crd.spec.versions.map(({ name }) => name).sort(), [...gateway.versions].sort());
    const assertProperties = (known: Readonly<Record<string, Shape>>, { properties }: Schema): void => {
      assert.deepEqual(Object.keys(known).sort(), Object.keys(properties).sort());
      for (const [name, below] of Object.entries(known))
        if (below.type !== "any") {
          assert.equal(below.type, properties[name]?.type);
          if (below.type === "object" && below.fields) assertProperties(below.fields, properties[name]!);
        }
    };
    for (const { schema } of crd.spec.versions) {
      const { metadata: own, ...properties } = schema.openAPIV3Schema.properties;
      assert.ok(own);
      assertProperties(fields, { type: "object", properties });
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
