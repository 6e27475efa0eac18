import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { freshSeed } from "../host/random.ts";
import { fuzzGrants } from "./grants-fuzz.ts";

/** `npm run fuzz -- --of=grants` runs more. */
const CASES = 300;

describe("what a client may answer while policies change", () => {
  it(`is what it was asked as often and as long as the rules say, in ${CASES} random cases`, async (t) => {
    const seed = freshSeed();
    t.diagnostic(`TEST_SEED=${seed}`);
    const { failure, granted, forgotten } = await fuzzGrants(seed, CASES);
    assert.equal(failure, undefined);
    t.diagnostic(`${granted} publishes were allowed, and ${forgotten} times grants had been forgotten`);
    // If hardly any had been, the cases would show little.
    assert.ok(
      granted > CASES && forgotten > 0,
      `${granted} publishes were allowed, grants forgotten ${forgotten} times`,
    );
  });
});
