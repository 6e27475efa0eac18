import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { freshSeed } from "../host/random.ts";
import { fuzzFloods } from "./floods-fuzz.ts";

/** `npm run fuzz -- --of=floods` runs more. */
const CASES = 100;

describe("a client that sends much at once and reads slowly", () => {
  it(`reads what it reads of a nats-server with its permissions, in ${CASES} random cases`, async (t) => {
    const seed = freshSeed();
    t.diagnostic(`TEST_SEED=${seed}`);
    const { failure, held } = await fuzzFloods(seed, CASES);
    assert.equal(failure, undefined);
    t.diagnostic(`it was held back at ${held} chunks`);
    // If no client had been held back, the cases would show little.
    assert.ok(held > CASES, `it was held back at ${held} chunks`);
  });
});
