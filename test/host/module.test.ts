import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { filterWasm } from "../../tools/wasm.ts";

/**
 * `if (global 0 < constant)`, by which each function compares the collector's stack pointer with the end of its stack, and the
 * function that is called if so: global.get, i32.const, i32.lt_s, if, and perhaps call, unreachable.
 */
// eslint-disable-next-line no-control-regex
const STACK_CHECK = /\x23\0\x41[\x80-\xff]*[\0-\x7f]\x48\x04\x40(?:\x10(?<called>[\x80-\xff]*[\0-\x7f])\0)?/g;

/** Bytes before an object, and where in them lie its block's length, two links and its type (std/assembly/rt/common.ts, `OBJECT`). */
const OVERHEAD = 20;
const LENGTH = 0;
const LINKS = [4, 8];
const TYPE = 12;
const ALIGNMENT = 16;
const STRING = 2;

/** The lengths of blocks that constant strings say, as memory is before any of the module's code runs. */
function blockLengthsOfStrings(): number[] {
  const module = new WebAssembly.Module(readFileSync(filterWasm));
  const imports: Record<string, Record<string, () => number>> = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = () => 0;
  const { memory } = new WebAssembly.Instance(module, imports).exports;
  assert.ok(memory instanceof WebAssembly.Memory);
  const bytes = new DataView(memory.buffer);
  const lengths: number[] = [];
  for (let at = ALIGNMENT - (OVERHEAD % ALIGNMENT); at + OVERHEAD < bytes.byteLength; at += ALIGNMENT) {
    const unlinked = LINKS.every((link) => bytes.getUint32(at + link, true) === 0);
    if (unlinked && bytes.getUint32(at + TYPE, true) === STRING) lengths.push(bytes.getUint32(at + LENGTH, true));
  }
  return lengths;
}

describe("the module", () => {
  it("is small, because every proxy of a mesh fetches it and compiles it for each worker", () => {
    const wasm = readFileSync(filterWasm);
    assert.ok(wasm.length <= 256 * 1024, `${wasm.length} bytes`);
    assert.ok(gzipSync(wasm).length <= 96 * 1024, `${gzipSync(wasm).length} bytes gzipped`);
  });

  it("shares among its functions what they do when the collector's stack is full, by tools/stack-overflow.mjs", () => {
    const code = readFileSync(filterWasm).toString("latin1");
    const called = [...code.matchAll(STACK_CHECK)].map(({ groups }) => groups?.["called"]);
    assert.ok(called.length > 100, `${called.length} comparisons: find out how the compiler writes them now`);
    assert.ok(!called.includes(undefined), "a function aborts by itself");
    assert.equal(new Set(called).size, 1);
  });

  it("does not say how long the blocks of constant strings are, by tools/static-strings.mjs", () => {
    const lengths = blockLengthsOfStrings();
    assert.ok(lengths.length > 100, `${lengths.length} strings: find out how the compiler writes them now`);
    assert.deepEqual(new Set(lengths), new Set([0]));
  });

  it("has none of the standard library's tables of digits, which a number's toString or a template would bring", () => {
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
