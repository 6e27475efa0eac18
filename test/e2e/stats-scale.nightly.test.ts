import assert from "node:assert/strict";
import { it } from "node:test";
import { principalRows } from "../../bench/memory/stages.ts";
import { read } from "../../tools/paths.ts";

/** Whoever sizes a Prometheus reads this number. */
const SERIES = 81;

it(`has ${SERIES} series for a principal that subscribes, asks and answers, as docs/how-to/size-the-proxy.md says`, async () => {
  const told = read("docs/how-to/size-the-proxy.md");
  assert.ok(told.includes(`**${SERIES} series**`), "the page says another number");
  // The first principals bring series of the filter as a whole, too.
  const [some = NaN, more = NaN, all = NaN] = (await principalRows(1, [2, 4, 8], 0)).map(({ series }) => series);
  assert.deepEqual([more - some, all - more], [2 * SERIES, 4 * SERIES]);
});
