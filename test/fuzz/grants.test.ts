import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { freshSeed } from "../host/random.ts";
import { fuzzGrants, LONG, MOST_REMEMBERED, play, type Limit, type Step } from "./grants-fuzz.ts";

/** `npm run fuzz -- --of=grants` runs more. */
const CASES = 300;

describe("what a client may answer while policies change", () => {
  it("is what the rule had whose reply subjects are most bytes, where no rule had the same limits", () => {
    const [once, twice, thrice] = [1, 2, 3].map((max) => ({ max, expires: 60_000 })) as [Limit, Limit, Limit];
    const policy = (...limits: Limit[]): Step => ({ policy: { limits, allows: [], denies: [] } });
    // Each has the last five of those that it has left. What is asked again is answered, which the first allows but once.
    const asked = ["s.0", "r.2", "r.4", "s.3", "r.2", `s.2.${LONG}`, `s.2.${LONG}`, `r.2.${LONG}`, `s.4.${LONG}`];
    const steps = [policy(once, twice), ...asked.map((asks) => ({ asks })), policy(thrice), { answers: "s.0" }];
    assert.deepEqual(play(steps), { granted: 0, forgotten: 0, problem: undefined });
  });

  // The random cases do so, too, but not in every run.
  for (const [others, presses, forgotten] of [
    ["less", 10_000, 1],
    ["more", 17_000, 0],
  ] as const) {
    it(`is ${forgotten ? "forgotten" : "remembered"} when memory runs out and each of the others holds ${others}`, () => {
      const asked = Array.from({ length: MOST_REMEMBERED }, (_, i) => `r.${i}.${LONG}`);
      const outcome = play([
        { policy: { limits: [{ max: 1, expires: 60_000 }], allows: [], denies: [] } },
        ...asked.map((asks) => ({ asks })),
        { presses },
        { answers: asked.at(-1)! },
      ]);
      assert.deepEqual(outcome, { granted: 1 - forgotten, forgotten, problem: undefined });
    });
  }

  it(`is what it was asked as often and as long as the rules say, in ${CASES} random cases`, async (t) => {
    const seed = freshSeed();
    t.diagnostic(`TEST_SEED=${seed}`);
    const { failure, granted, forgotten } = await fuzzGrants(seed, CASES);
    assert.equal(failure, undefined);
    t.diagnostic(`${granted} publishes were allowed, and ${forgotten} times grants had been forgotten`);
    // If hardly any had been, the cases would show little.
    assert.ok(granted > CASES, `${granted} publishes were allowed`);
  });
});
