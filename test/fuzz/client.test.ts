import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { usual } from "../../tools/suites/counts.ts";
import { freshSeed } from "../host/random.ts";
import { problemOf } from "./client-fuzz.ts";
import { fuzzClients } from "./parallel.ts";
import { POLICIES } from "./policies.ts";
import { explain, savedInputs } from "./saved.ts";

/** `npm run fuzz` runs more. */
const INPUTS = usual(1_000_000);

describe("what a client can get past the filter", () => {
  for (const { name, policy, chunks } of savedInputs()) {
    it(`is nothing for the kept input ${name}`, () => {
      const place = POLICIES.findIndex((one) => one.name === policy);
      assert.ok(place >= 0, `policies.ts has no policy "${policy}"`);
      const problem = problemOf(
        place,
        chunks.map((chunk) => Buffer.from(chunk, "latin1")),
      );
      assert.equal(problem, undefined);
    });
  }

  it(`is nothing for any of ${INPUTS} random and mutated streams, of which nats-server reads what was decided on`, async (t) => {
    const seed = freshSeed();
    const began = performance.now();
    const runs = await fuzzClients(seed, INPUTS);
    for (const { failure } of runs) if (failure !== undefined) assert.fail(explain(failure, seed));
    const done = runs.reduce((sum, { inputs }) => sum + inputs, 0);
    const passed = (verb: string): number => runs.reduce((sum, { operations }) => sum + (operations[verb] ?? 0), 0);
    const rate = Math.round((done / (performance.now() - began)) * 1000);
    t.diagnostic(`${done} inputs, seed ${seed}, ${rate} a second`);
    t.diagnostic(
      `${["CONNECT", "PUB", "HPUB", "SUB", "UNSUB", "PING"].map((verb) => `${verb} ${passed(verb)}`).join(", ")} passed`,
    );
    assert.ok(done >= INPUTS);
    // If nothing that passes were generated, or the filter let nothing pass, the test would show nothing.
    for (const verb of ["PUB", "HPUB", "SUB", "UNSUB"])
      assert.ok(passed(verb) > INPUTS / 200, `${passed(verb)} ${verb} passed`);
  });
});
