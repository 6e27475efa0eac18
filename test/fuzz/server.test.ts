import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { freshSeed, Random } from "../host/random.ts";
import { POLICIES } from "./policies.ts";
import { serverCase, ServerFuzzVm, type ServerCase } from "./server-fuzz.ts";

const INPUTS = 100_000;

/** Fewer turns, then fewer chunks, as long as it still fails. */
function shortened(input: ServerCase, fails: (input: ServerCase) => boolean): ServerCase {
  for (let i = 0; i < input.turns.length; i++) {
    const turns = input.turns.filter((_, place) => place !== i);
    if (turns.length > 0 && fails({ ...input, turns })) return shortened({ ...input, turns }, fails);
  }
  for (const [i, { client, broker }] of input.turns.entries()) {
    const candidates = [
      ...broker.map((_, chunk) => ({ client, broker: broker.filter((__, place) => place !== chunk) })),
      ...(broker.length > 1 ? [{ client, broker: [broker.join("")] }] : []),
    ];
    for (const turn of candidates) {
      const shorter = { ...input, turns: input.turns.with(i, turn) };
      if (fails(shorter)) return shortened(shorter, fails);
    }
  }
  return input;
}

function problemOf(vm: ServerFuzzVm, input: ServerCase): string | undefined {
  try {
    return vm.run(input);
  } catch (error) {
    return `the filter trapped: ${String(error)}`;
  }
}

describe("what a client reads of a broker through the filter", () => {
  it(`is in order, with no delivery that is denied and no refusal that is not due, for ${INPUTS} broker streams`, (t) => {
    const random = new Random(freshSeed());
    t.diagnostic(`TEST_SEED=${random.seed}`);
    const vm = new ServerFuzzVm();
    for (let i = 0; i < INPUTS; i++) {
      const input = serverCase(random);
      const problem = problemOf(vm, input);
      if (problem === undefined) continue;
      const shortest = shortened(input, (candidate) => problemOf(new ServerFuzzVm(), candidate) !== undefined);
      const why = problemOf(new ServerFuzzVm(), shortest) ?? problem;
      assert.fail(
        `${why}\npolicy: ${POLICIES[input.policy]!.name}, lang: ${input.lang}\n${JSON.stringify(shortest.turns)}\nseed: ${random.seed}`,
      );
    }
  });
});
