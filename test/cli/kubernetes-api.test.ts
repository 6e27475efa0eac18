import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { parse } from "yaml";
import { KUBERNETES_KINDS, type Fields } from "../../cli/mesh/kubernetes-api.ts";
import { fileOfModule } from "../../tools/crds.ts";
import { ids } from "./sound-mesh.ts";

/** The types of a struct's fields by their names in JSON. */
type Struct = ReadonlyMap<string, string>;

interface Schema {
  properties: Record<string, Schema>;
}

const GATEWAY = KUBERNETES_KINDS.filter(({ group }) => group === "gateway.networking.k8s.io");

/** Groups without a dot, with the versions in which Kubernetes has them. */
const GROUPS = ["core/v1", "apps/v1", "batch/v1", "policy/v1", "autoscaling/v1", "autoscaling/v2", "networking/v1"];

/** The structs of a Go file; what one embeds is under the embedded type's own name. */
function structsIn(source: string): Map<string, Map<string, string>> {
  const structs = [...source.matchAll(/^type (\w+) struct \{\n([^]*?)^\}/gm)];
  return new Map(
    structs.map(([, name = "", body = ""]) => {
      const lines = [...body.matchAll(/^\t(?:\w+ +)?\S*?(\w+) +`json:"(\w*)/gm)];
      return [name, new Map(lines.map(([, type = "", field = ""]) => [field === "" ? type : field, type]))];
    }),
  );
}

describe("what doctor knows of Kubernetes' API", () => {
  const structs = new Map<string, Map<string, string>>();
  const objects: string[] = [];

  before(async () => {
    const meta = await fileOfModule("k8s.io/apimachinery", "pkg", "apis", "meta", "v1", "types.go");
    for (const [name, struct] of structsIn(meta)) structs.set(name, struct);
    for (const group of GROUPS) {
      const source = await fileOfModule("k8s.io/api", ...group.split("/"), "types.go");
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
    return new Map(own.flatMap(([name, of]) => (name === of && structs.has(of) ? [...fieldsOf(of)] : [[name, of]])));
  }

  function assertSame(fields: Fields, type: string, path: string): void {
    const real = fieldsOf(type);
    assert.deepEqual(Object.keys(fields).sort(), [...real.keys()].sort(), path);
    for (const [name, below] of Object.entries(fields))
      if (below !== true) assertSame(below, real.get(name) ?? "", `${path}.${name}`);
  }

  for (const { kind, group, fields } of KUBERNETES_KINDS) {
    if (GATEWAY.some((known) => known.kind === kind)) continue;
    it(`is the same as the fields of ${kind} in k8s.io/api`, () => {
      assertSame(fields, kind, kind);
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
