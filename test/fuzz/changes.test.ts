import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { freshSeed } from "../host/random.ts";
import { fuzzChanges } from "./changes-fuzz.ts";

/** `npm run fuzz -- --of=changes` runs more. */
const CASES = 200;

describe("what clients read while policies change", () => {
  it(`is all that every policy has allowed, and nothing that the present one forbids, in ${CASES} random cases`, (t) => {
    const seed = freshSeed();
    t.diagnostic(`TEST_SEED=${seed}`);
    const { failure, passed, keptBack } = fuzzChanges(seed, CASES);
    assert.equal(failure, undefined);
    t.diagnostic(`${passed} messages passed, ${keptBack} were withheld`);
    // If nothing passed or nothing was withheld, the cases would show nothing.
    assert.ok(passed > CASES && keptBack > CASES, `${passed} messages passed, ${keptBack} were withheld`);
  });
});
