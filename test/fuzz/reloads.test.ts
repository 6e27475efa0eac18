import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { freshSeed } from "../host/random.ts";
import { fuzzReloads } from "./reloads-fuzz.ts";

/** `npm run fuzz -- --of=reloads` runs more. */
const CASES = 100;

describe("a client whose permissions change", () => {
  it(`reads what it reads of a nats-server that is reloaded with them, in ${CASES} random cases`, async (t) => {
    const seed = freshSeed();
    t.diagnostic(`TEST_SEED=${seed}`);
    const { failure, passed, ended } = await fuzzReloads(seed, CASES);
    assert.equal(failure, undefined);
    t.diagnostic(`${passed} messages passed, ${ended} subscriptions were ended`);
    // If hardly any had, the cases would show little.
    assert.ok(passed > CASES && ended > CASES / 2, `${passed} messages passed, ${ended} subscriptions were ended`);
  });
});
