import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { usual } from "../../tools/suites/counts.ts";
import { freshSeed } from "../host/random.ts";
import { fuzzShedding } from "./shedding-fuzz.ts";

/** `npm run fuzz -- --of=shedding` runs more. */
const CASES = usual(200);

describe("a VM whose budget of memory is used up, or whose memory is full of gaps,", () => {
  it(`holds no more than it may, and ends nobody but who holds or asks most, in ${CASES} random cases`, async (t) => {
    const seed = freshSeed();
    t.diagnostic(`TEST_SEED=${seed}`);
    const { failure, shed, shedWorn } = await fuzzShedding(seed, CASES);
    assert.equal(failure, undefined);
    const told = `${shed} connections ended for want of memory, and ${shedWorn} where it was full of gaps`;
    t.diagnostic(told);
    // If hardly any had ended, the cases would show little.
    assert.ok(shed > CASES && shedWorn > CASES / 6, told);
  });
});
