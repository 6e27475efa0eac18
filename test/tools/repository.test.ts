import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, it } from "node:test";
import { inRoot } from "../../tools/paths.ts";
import { VETTED } from "../../tools/suites/lint-suite.ts";

/** What git knows: a file that only lies about in somebody's clone is in nobody else's. */
const TRACKED = new Set(execFileSync("git", ["ls-files", "-z"], { cwd: inRoot(), encoding: "utf8" }).split("\0"));

function read(file: string): string {
  return readFileSync(inRoot(...file.split("/")), "utf8");
}

describe("the Go modules of the clone", () => {
  it("are vetted, but for the one that is compiled with Istio and those of tools/", () => {
    const modules = [...TRACKED].filter((file) => file.endsWith("/go.mod")).map((file) => dirname(file));
    const ours = modules.filter((folder) => folder !== "test/istio" && !folder.startsWith("tools/"));
    assert.deepEqual(ours.sort(), [...VETTED].sort());
  });
});

describe("CHANGELOG.md", () => {
  it("has the sections of Keep a Changelog and no other, in lists that no blank line cuts, within 132 columns", () => {
    const text = read("CHANGELOG.md");
    for (const [, section = ""] of text.matchAll(/^### (.*)$/gm)) {
      assert.ok(["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"].includes(section), section);
    }
    assert.doesNotMatch(text, /\n(?:- | {2}).*\n\n+- /);
    for (const line of text.split("\n")) assert.ok(line.length <= 132, line);
  });
});
