import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { LABELS, STATS } from "../../assembly/telemetry/stats.ts";
import { telemetryPages } from "../../tools/telemetry-page.ts";
import { QUESTIONS } from "../../tools/telemetry-questions.ts";

describe("docs/reference/telemetry.md and docs/how-to/query.md", () => {
  it("are what the table of stats, the audit's schema and the questions make of them", async () => {
    const pages = await telemetryPages();
    assert.equal(pages.size, 2);
    for (const [file, text] of pages) assert.equal(await readFile(file, "utf8"), text, "stale: npm run docs:telemetry");
  });

  it("query no stat and no label that is not in the table", () => {
    const stats = new Set(
      STATS.flatMap(({ name, kind }) => (kind === "histogram" ? [`${name}_bucket`, `${name}_count`] : [name])),
    );
    // Prometheus adds what says which pod it scrapes, and its namespace and cluster (docs/how-to/monitor.md).
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
