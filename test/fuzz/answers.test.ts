import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { freshSeed } from "../host/random.ts";
import { fuzzAnswers } from "./answers-fuzz.ts";

/** `npm run fuzz -- --of=answers` runs more. */
const CASES = 100;

describe("what a verbose client is answered while policies change", () => {
  it(`is one answer to each operation, in its place, in ${CASES} random cases`, async (t) => {
    const seed = freshSeed();
    t.diagnostic(`TEST_SEED=${seed}`);
    const { failure, answered } = await fuzzAnswers(seed, CASES);
    assert.equal(failure, undefined);
    t.diagnostic(`${answered} operations were answered`);
    // If most connections ended, the cases would show little.
    assert.ok(answered > 20 * CASES, `${answered} operations were answered`);
  });
});
