import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";
import { measurePrincipals } from "../../bench/memory/principals.ts";
import { inRoot } from "../../tools/paths.ts";

/** Whoever sizes a Prometheus reads this number. */
const SERIES = 81;

it(`has ${SERIES} series for a principal that subscribes, asks and answers, as docs/performance-scale.md says`, async () => {
  const told = readFileSync(inRoot("docs", "performance-scale.md"), "utf8");
  assert.ok(told.includes(`**${SERIES} series**`), "the page says another number");
  const levels = await measurePrincipals(8, 1, () => undefined, 100);
  const seriesOf = (setup: string): number[] =>
    levels.filter((level) => level.setup === setup).map(({ scrape }) => scrape.series);
  // The first principals bring series of the filter as a whole, too.
  const [, quarter = NaN, half = NaN, all = NaN] = seriesOf("istio-nats");
  assert.deepEqual([half - quarter, all - half], [2 * SERIES, 4 * SERIES]);
  const [before, after] = seriesOf("empty");
  assert.equal(after, before, "with a filter that has none");
});
