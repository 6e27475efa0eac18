import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { usual } from "../../tools/suites/counts.ts";
import { freshSeed, Random } from "../host/random.ts";
import { fewer } from "./fewer.ts";
import { minimise } from "./minimise.ts";
import { POLICIES } from "./policies.ts";
import { serverCase, ServerFuzzVm, type ServerCase } from "./server-fuzz.ts";

const INPUTS = usual(100_000);

/** Fewer turns, then less in each, as long as it still fails. */
async function shortened(input: ServerCase, fails: (input: ServerCase) => boolean): Promise<ServerCase> {
  let turns = await fewer(input.turns, (some) => some.length > 0 && fails({ ...input, turns: some }));
  for (const i of turns.keys()) {
    const of = (turn: Partial<ServerCase["turns"][0]>): ServerCase["turns"] => turns.with(i, { ...turns[i]!, ...turn });
    const broker = minimise(turns[i]!.broker, (some) => fails({ ...input, turns: of({ broker: [...some] }) }));
    turns = of({ broker: [...broker] });
    const [client = ""] = minimise([turns[i]!.client], ([some = ""]) =>
      fails({ ...input, turns: of({ client: some }) }),
    );
    turns = of({ client });
  }
  return { ...input, turns };
}

function problemOf(vm: ServerFuzzVm, input: ServerCase): string | undefined {
  try {
    return vm.run(input);
  } catch (error) {
    return `the filter trapped: ${String(error)}`;
  }
}

describe("what a client reads of a broker through the filter", () => {
  it(`is in order, with no delivery that is denied and no refusal that is not due, for ${INPUTS} broker streams`, async (t) => {
    const random = new Random(freshSeed());
    t.diagnostic(`TEST_SEED=${random.seed}`);
    const vm = new ServerFuzzVm();
    for (let i = 0; i < INPUTS; i++) {
      const input = serverCase(random);
      const problem = problemOf(vm, input);
      if (problem === undefined) continue;
      const shortest = await shortened(input, (candidate) => problemOf(new ServerFuzzVm(), candidate) !== undefined);
      const why = problemOf(new ServerFuzzVm(), shortest) ?? problem;
      assert.fail(
        `${why}\npolicy: ${POLICIES[input.policy]!.name}\n${JSON.stringify({ ...shortest, policy: undefined })}\nseed: ${random.seed}`,
      );
    }
    t.diagnostic(`something was left out of ${vm.changedInfos} INFOs`);
    // If hardly any had been changed, the streams would show little of that.
    assert.ok(vm.changedInfos > INPUTS / 50, `${vm.changedInfos} INFOs were changed`);
  });
});
