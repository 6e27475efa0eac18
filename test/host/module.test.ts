import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { filterWasm } from "../../tools/wasm.ts";

describe("the module", () => {
  it("is small, because every proxy of a mesh fetches it and compiles it for each worker", () => {
    const wasm = readFileSync(filterWasm);
    assert.ok(wasm.length <= 256 * 1024, `${wasm.length} bytes`);
    assert.ok(gzipSync(wasm).length <= 96 * 1024, `${gzipSync(wasm).length} bytes gzipped`);
  });

  it("has none of the standard library's tables of digits, which a number's toString or a number in a template would bring", () => {
    const wasm = readFileSync(filterWasm);
    for (const table of ["0001020304", "0123456789abcdefghij"]) {
      assert.equal(
        wasm.indexOf(Buffer.from(table, "utf16le")),
        -1,
        `${table}…: use decimal or hexadecimal (bytes/digits.ts)`,
      );
    }
  });
});
