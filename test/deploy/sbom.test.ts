import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import asc from "assemblyscript/asc";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";
import { INGREDIENTS, sbomOf } from "../../tools/image-sbom.ts";
import { inRoot } from "../../tools/paths.ts";
import { filterWasm } from "../../tools/wasm.ts";

/** The npm packages that the compiler reads files from. It contains its own library. */
async function compiledPackages(): Promise<string[]> {
  const packages = new Set(["assemblyscript"]);
  const { error } = await asc.main(["--target", "debug", "--noEmit"], {
    stdout: asc.createMemoryStream(),
    stderr: asc.createMemoryStream(),
    readFile(file, folder) {
      const path = resolve(folder, file);
      if (!existsSync(path)) return null;
      const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
      if (found !== undefined) packages.add(found);
      return readFileSync(path, "utf8");
    },
    writeFile: () => undefined,
  });
  assert.equal(error, null);
  return [...packages].sort();
}

describe("the bill of materials", () => {
  const digest = `sha256:${"1".repeat(64)}`;
  const wasm = readFileSync(filterWasm);
  const text = sbomOf(wasm, digest);

  interface Bom {
    metadata: { component: { purl: string; hashes: { content: string }[] } };
    components: { group?: string; name: string; version: string; licenses: { license: { id: string } }[] }[];
  }
  const bom = JSON.parse(text) as Bom;

  it("is CycloneDX 1.6, by CycloneDX's own schema", async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    assert.equal(await validator.validate(text), null);
    assert.notEqual(await validator.validate(text.replace('"library"', '"librarian"')), null);
  });

  it("is of this module and this image, and the same each time", () => {
    assert.equal(bom.metadata.component.hashes[0]!.content, createHash("sha256").update(wasm).digest("hex"));
    assert.ok(decodeURIComponent(bom.metadata.component.purl).endsWith(digest));
    assert.equal(sbomOf(wasm, digest), text);
  });

  it("names every package whose code the compiler put into the module, with version and license", async () => {
    const compiled = await compiledPackages();
    assert.deepEqual(compiled, [...INGREDIENTS].sort());
    for (const { group, name, version, licenses } of bom.components) {
      const folder = inRoot("node_modules", group ?? "", name);
      const installed = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
        version: string;
        license: string;
      };
      assert.equal(version, installed.version);
      assert.equal(licenses[0]!.license.id, installed.license.trim());
    }
    assert.equal(bom.components.length, compiled.length);
  });
});
