import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { LABELS, STATS } from "../../assembly/telemetry/stats.ts";
import { PAGE, telemetryPage } from "../../tools/telemetry-page.ts";
import { QUESTIONS } from "../../tools/telemetry-questions.ts";

describe("docs/reference/telemetry.md", () => {
  it("is what the table of stats and the audit's schema make of it", async () => {
    assert.equal(await readFile(PAGE, "utf8"), await telemetryPage(), "stale: npm run docs:telemetry");
  });

  it("queries no stat and no label that is not in the table", () => {
    const stats = new Set(
      STATS.flatMap(({ name, kind }) => (kind === "histogram" ? [`${name}_bucket`, `${name}_count`] : [name])),
    );
    // Prometheus adds what says which pod it scrapes, and its namespace and cluster (docs/how-to/troubleshoot.md "Set the alerts up").
    const target = ["cluster", "namespace", "job", "instance"];
    const labels = new Set([...LABELS.map(({ name }) => name), "le", "__name__", ...target]);
    assert.equal(QUESTIONS.length, 10);
    for (const { query } of QUESTIONS) {
      const used = [...query.matchAll(/istio_nats_\w+/g)].map(([name]) => name);
      assert.ok(used.length > 0, query);
      for (const name of used) assert.ok(stats.has(name), name);
      const grouped = [...query.matchAll(/by \(([^)]*)\)/g)].flatMap(([, names = ""]) => names.split(", "));
      const matched = [...query.matchAll(/(\w+)=~?"/g)].map(([, name]) => name!);
      for (const name of [...grouped, ...matched]) assert.ok(labels.has(name), name);
    }
  });
});
