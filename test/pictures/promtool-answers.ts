import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { run } from "../../tools/command.ts";
import { findPromtool } from "../../tools/prometheus.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";

/** Has promtool sum up what a query answers `minutes` after the first sample, and compares. */
export async function assertAnswers(
  input: readonly object[],
  expr: string,
  minutes: number,
  value: number,
): Promise<void> {
  const folder = makeScratch();
  const file = join(folder, "queries.yaml");
  const query = { expr: `sum(${expr})`, eval_time: `${minutes}m`, exp_samples: [{ labels: "{}", value }] };
  const test = { interval: "1m", input_series: input, promql_expr_test: [query] };
  writeFileSync(file, stringify({ rule_files: [], fuzzy_compare: true, tests: [test] }));
  const { status, output } = await run(await findPromtool(), ["test", "rules", file]);
  removeScratch(folder);
  assert.equal(status, 0, `${expr}\n${output}`);
}
