import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { must, run } from "../../tools/command.ts";
import { goTestCounts } from "../../tools/suites/istio-suite.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";

const TESTS = `package sample

import "testing"

func TestPasses(t *testing.T) {}

func TestFails(t *testing.T) { t.Error("no") }

func TestSkips(t *testing.T) { t.Skip("later") }

func TestParts(t *testing.T) {
	t.Run("good", func(t *testing.T) {})
	t.Run("bad", func(t *testing.T) { t.Error("no") })
	t.Run("nested", func(t *testing.T) { t.Run("deep one", func(t *testing.T) {}) })
}

func TestWhole(t *testing.T) {
	t.Run("part", func(t *testing.T) {})
	t.Error("beside its parts")
}

func TestWithLog(t *testing.T) { t.Log("--- PASS: TestWithLog/invented") }

func TestPanics(t *testing.T) { panic("no") }

func TestNeverRuns(t *testing.T) {}
`;

describe("the count of a Go test binary", () => {
  let folder: string;
  let binary: string;

  before(async () => {
    folder = makeScratch();
    binary = join(folder, "tests");
    writeFileSync(join(folder, "go.mod"), "module sample\n\ngo 1.26.0\n");
    writeFileSync(join(folder, "sample_test.go"), TESTS);
    await must("Go's test binary could not be built.", "go", ["test", "-c", "-o", binary, "."], { cwd: folder });
  });

  after(() => removeScratch(folder));

  async function count(tests: string): Promise<ReturnType<typeof goTestCounts>> {
    const { output } = await run(binary, ["-test.v", `-test.run=${tests}`], { cwd: folder });
    return goTestCounts(output);
  }

  it("counts the subtests instead of their test, and skipped ones separately", async () => {
    assert.deepEqual(await count("Passes|Fails|Skips|Parts"), {
      passed: 3,
      failed: ["TestFails", "TestParts/bad"],
      skipped: 1,
      files: [],
    });
  });

  it("counts a test that failed although its subtests passed", async () => {
    assert.deepEqual(await count("Whole"), { passed: 1, failed: ["TestWhole"], skipped: 0, files: [] });
  });

  it("counts a test that a panic ended as failed", async () => {
    assert.deepEqual(await count("Passes|Panics|NeverRuns"), {
      passed: 1,
      failed: ["TestPanics"],
      skipped: 0,
      files: [],
    });
  });

  it("takes nothing that a test logs for a verdict", async () => {
    assert.deepEqual(await count("WithLog"), { passed: 1, failed: [], skipped: 0, files: [] });
  });
});
