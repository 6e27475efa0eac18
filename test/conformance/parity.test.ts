import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { DIFFERENCES } from "./differences.ts";
import { PAGE, parityPage } from "./parity-page.ts";

describe("docs/reference/parity.md", () => {
  it("is what the list of differences and the sessions make of it", async () => {
    const page = await readFile(PAGE, "utf8");
    assert.equal(page, await parityPage(), "stale: npm run docs:parity");
  });

  it("names each difference once, and each of those by some session", () => {
    const names = DIFFERENCES.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    assert.deepEqual(
      DIFFERENCES.filter(({ sessions }) => sessions.length === 0),
      [],
    );
  });
});
