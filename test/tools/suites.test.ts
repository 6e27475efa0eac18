import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { nodeSuite } from "../../tools/suites/node-suite.ts";
import type { SuiteResult } from "../../tools/suites/result.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";

describe("a suite's count", () => {
  let folder: string;

  before(() => {
    folder = makeScratch();
    // node --test refuses to run inside a test that it runs.
    delete process.env["NODE_TEST_CONTEXT"];
  });

  after(() => removeScratch(folder));

  function count(source: string): Promise<SuiteResult> {
    const file = join(folder, "sample.test.mjs");
    writeFileSync(file, `import { describe, it } from "node:test";\n${source}`);
    return nodeSuite("tools").run(() => undefined, [file]);
  }

  it("includes every test, whatever its depth, and not the groups", async () => {
    const { passed, failed } = await count(
      `describe("a", () => { it("b", () => {}); describe("c", () => it("d", () => {})); });`,
    );
    assert.deepEqual({ passed, failed }, { passed: 2, failed: [] });
  });

  it("names what fails, where and why", async () => {
    const { passed, failed } = await count(`it("works", () => {}); it("does not", () => { throw new Error("no"); });`);
    assert.equal(passed, 1);
    assert.equal(failed.length, 1);
    assert.match(failed[0]!, /^does not \(.*sample\.test\.mjs\)\nno$/);
  });

  it("keeps the beginning of a long reason", async () => {
    const { failed } = await count(`it("does not", () => { throw new Error("no\\n".repeat(100)); });`);
    assert.deepEqual(failed[0]!.split("\n").slice(1), [...Array<string>(12).fill("no"), "…"]);
  });

  it("includes a file that crashes among the failures", async () => {
    const { failed } = await count(`it("works", () => {}); setImmediate(() => { throw new Error("crash"); });`);
    assert.ok(failed.length > 0);
  });

  it("includes a file without tests among the failures", async () => {
    const { passed, failed } = await count("");
    assert.equal(passed, 0);
    assert.match(failed[0]!, /holds no test/);
  });

  it("counts skipped tests separately, and work still to be done as a failure", async () => {
    const { passed, failed, skipped } = await count(`it.skip("later", () => {}); it.todo("some day");`);
    assert.deepEqual({ passed, failures: failed.length, skipped }, { passed: 0, failures: 1, skipped: 1 });
  });
});
