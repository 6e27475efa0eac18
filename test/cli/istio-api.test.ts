import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { ISTIO_KINDS, type Shape } from "../../cli/mesh/istio-api.ts";
import { ISTIO_CRDS, istioCrdsText } from "../../tools/istio-crds.ts";
import { inRoot } from "../../tools/paths.ts";
import { doctor } from "./support.ts";

/** The path of every field below a shape. A list counts as its element, a map as the value of a key `1`. */
function pathsIn(shape: Shape, path: readonly string[]): string[][] {
  if (shape.type === "array") return pathsIn(shape.items, [...path, "[]"]);
  if (shape.type !== "object") return [];
  const below = Object.entries(shape.fields ?? {}).flatMap(([name, field]) => [
    [...path, name],
    ...pathsIn(field, [...path, name]),
  ]);
  return [...below, ...(shape.values ? pathsIn(shape.values, [...path, "1"]) : [])];
}

/** An object that has something at this path only. */
function withPath(path: readonly string[]): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return null;
  return step === "[]" ? [withPath(rest)] : { [step]: withPath(rest) };
}

describe("what doctor knows of Istio's API", () => {
  it("is what Istio's CRDs say", async () => {
    assert.equal(readFileSync(ISTIO_CRDS, "utf8"), await istioCrdsText(), "run npm run generate:istio");
  });

  it("has every kind that doctor looks for", () => {
    const folder = inRoot("cli");
    const sources = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
    const text = sources.map((file) => readFileSync(`${folder}/${file}`, "utf8")).join("\n");
    const looked = [...text.matchAll(/\bof\("(\w+)", "(\w+\.istio\.io)"\)/g)].map(
      ([, kind, group]) => `${kind}.${group}`,
    );
    const known = ISTIO_KINDS.map(({ kind, group }) => `${kind}.${group}`);
    assert.ok(looked.length > 10);
    // istioctl reads an IstioOperator, and Kubernetes has no CRD for it.
    assert.deepEqual(
      [...new Set(looked)].filter((kind) => !known.includes(kind)),
      ["IstioOperator.install.istio.io"],
    );
  });

  for (const { group, kind, versions, spec } of ISTIO_KINDS) {
    it(`has each field of ${kind}, and tells one that is nearly it`, () => {
      const paths = pathsIn(spec, ["spec"]);
      assert.ok(paths.length > 4);
      const about = {
        apiVersion: `${group}/${versions[0] ?? ""}`,
        kind,
        metadata: { name: "istio-nats", namespace: "a" },
      };
      const told = (path: readonly string[]): string[] =>
        doctor(JSON.stringify({ ...about, ...(withPath(path) as object) }))
          .filter(({ id }) => id === "field-unknown")
          .map(({ message }) => message);
      for (const path of paths) {
        assert.deepEqual(told(path), []);
        const misspelt = [...path.slice(0, -1), `${path.at(-1) ?? ""}z`];
        assert.deepEqual(told(misspelt), [`Istio has no field ${misspelt.join(".").replaceAll(".[]", "[]")}`]);
      }
    });
  }
});
