import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { describe, it } from "node:test";
import { CHECKS } from "../../cli/doctor/table.ts";
import { FIXTURES, fixture } from "./fixture.ts";
import { doctor, placed } from "./support.ts";

/** Checks about what no cluster has, texts that no formatter leaves as they are, or very many faults. The other tests cover them. */
const ELSEWHERE = new Set([
  "yaml-syntax",
  "yaml-aliases",
  "file-too-large",
  "helm-template",
  "kustomization",
  "object-incomplete",
  "no-object",
  "no-policy",
  "values-key-unknown",
  "policy-faults-unlisted",
  "wildcards-many",
  "object-too-large",
  "object-near-limit",
  "object-too-large-for-apply",
]);

/** What a fixture says about itself: `# port-not-tcp@13` at the end of a line is a finding in that line, at column 13. */
function expected(text: string): string[] {
  return text
    .split("\n")
    .flatMap((line, index) => {
      const marks = [...line.matchAll(/([\w-]+)@(\d+)(?= |$)/g)];
      return marks.map(([, id, column]) => ({ id, column: Number(column), line: index + 1 }));
    })
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .map(({ id, column, line }) => `${line}:${column} ${id ?? ""}`);
}

describe("every check of doctor", () => {
  for (const id of CHECKS.keys()) {
    if (ELSEWHERE.has(id)) continue;
    it(`${id} finds what is wrong at its exact place, and nothing else`, () => {
      const text = fixture(id, "bad");
      const wanted = expected(text);
      assert.ok(
        wanted.some((line) => line.endsWith(` ${id}`)),
        "the fixture does not show it",
      );
      assert.deepEqual(doctor(text).map(placed).sort(), wanted.sort());
    });

    it(`${id} is quiet if everything is right`, () => {
      assert.deepEqual(doctor(fixture(id, "good")).map(placed), []);
    });
  }

  it("has its fixtures, and no fixture is for a check that is gone", () => {
    assert.deepEqual(
      readdirSync(FIXTURES).filter((id) => !CHECKS.has(id)),
      [],
    );
    for (const id of ELSEWHERE) assert.ok(CHECKS.has(id) && !existsSync(`${FIXTURES}/${id}`), id);
  });

  it("states a remedy and prints no control character", () => {
    for (const id of CHECKS.keys()) {
      if (ELSEWHERE.has(id)) continue;
      for (const { message, remedy } of doctor(fixture(id, "bad"))) {
        assert.match(message, /\S{2}/);
        assert.match(remedy, /^\S.*[^.]$/, remedy);
      }
    }
  });
});
