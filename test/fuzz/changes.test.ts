import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { freshSeed } from "../host/random.ts";
import { fuzzChanges, play, type Step } from "./changes-fuzz.ts";

/** `npm run fuzz -- --of=changes` runs more. */
const CASES = 200;

/** What waits for a subscription that has ended, behind this many more that end, when this policy comes. */
function keptBackBehind(endings: number, policy: Step): { keptBack: number; problem: string | undefined } {
  const others = Array.from({ length: endings }, (_, i) => `SUB d.1 ${i + 3}\r\nUNSUB ${i + 3}\r\n`);
  const { keptBack, problem } = play({
    clockStep: 0,
    steps: [
      { of: 0, sends: ["SUB c.* 1\r\n"] },
      { of: 0, isSent: ["c.2"] },
      { of: 0, sends: ["SUB c.* 2\r\n", "UNSUB 1\r\n", ...others] },
      policy,
      { of: 0, reads: 1000 },
    ],
  });
  return { keptBack, problem };
}

describe("what clients read while policies change", () => {
  // docs/adr/0006: no more than 256 are remembered.
  for (const [endings, isForgotten] of [
    [255, false],
    [256, true],
  ] as const) {
    it(`is ${isForgotten ? "no" : "a"} message that a queue group is denied, ${endings} endings after that of its subscription`, () => {
      const denies: Step = { policy: { mode: "ENFORCE", allow: ["c.*", "d.>"], deny: ["c.2 q1"] } };
      assert.deepEqual(keptBackBehind(endings, denies), { keptBack: Number(isForgotten), problem: undefined });
    });

    it(`is ${isForgotten ? "a" : "no"} message on an allowed subject of one that is not, ${endings} endings after it`, () => {
      const narrows: Step = { policy: { mode: "ENFORCE", allow: ["c.2", "d.>"], deny: [] } };
      assert.deepEqual(keptBackBehind(endings, narrows), { keptBack: Number(!isForgotten), problem: undefined });
    });
  }

  it("is what the newest allows of a subscription that none has ended, since its line began in DRY_RUN and no tick came", () => {
    const of = 0;
    const under = (mode: "DRY_RUN" | "ENFORCE", ...allow: string[]): Step => ({ policy: { mode, allow, deny: [] } });
    const { problem, passed } = play({
      clockStep: 0,
      steps: [
        under("DRY_RUN", "a.>"),
        { of, sends: ["SUB b.* 1\r\n"], without: 5 },
        under("ENFORCE", "a.>"),
        { of, sends: ["PING\r\n"] },
        { of, isSent: ["b.1"] },
        { of, sends: ["PING\r\n"] },
        under("ENFORCE", "b.>"),
        { of, reads: 1000 },
      ],
    });
    assert.equal(problem, undefined);
    assert.ok(passed > 0);
  });

  it(`is all that every policy has allowed, and nothing that the present one forbids, in ${CASES} random cases`, async (t) => {
    const seed = freshSeed();
    t.diagnostic(`TEST_SEED=${seed}`);
    const { failure, passed, keptBack, observed, shed } = await fuzzChanges(seed, CASES);
    assert.equal(failure, undefined);
    const told = `${passed} messages passed, ${keptBack} were withheld, ${observed} SUBs and messages counted in DRY_RUN, ${shed} connections gave back what they held`;
    t.diagnostic(told);
    // If nothing passed, nothing was withheld or memory never ran out, the cases would show nothing.
    assert.ok(passed > CASES && keptBack > CASES && observed > CASES && shed > 0, told);
  });
});
