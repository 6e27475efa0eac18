import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";
import { measurePrincipals } from "../../bench/memory/principals.ts";
import { inRoot } from "../../tools/paths.ts";

/** Whoever sizes a Prometheus reads this number (docs/performance-scale.md). */
const LINES = 81;

it(`has ${LINES} lines of stats for a principal that subscribes, asks and answers, as its readers are told`, async () => {
  const levels = await measurePrincipals(8, 1, () => undefined, 100);
  const linesOf = (setup: string): number[] =>
    levels.filter((level) => level.setup === setup).map(({ scrape }) => scrape.lines);
  const [, , half = NaN, all = NaN] = linesOf("istio-nats");
  assert.equal((all - half) / 4, LINES);
  const [none, empty] = linesOf("empty");
  assert.equal(empty, none, "with an empty filter");
  const told = readFileSync(inRoot("docs", "performance-scale.md"), "utf8");
  assert.ok(told.includes(`**${LINES} lines**`));
});
