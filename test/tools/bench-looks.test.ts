import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LOOKS, looksAfter } from "../../bench/looks.ts";
import type { Measured, Round } from "../../bench/measure.ts";
import { resultsIntroduction } from "../../bench/results-file.ts";
import { verdicts } from "../../bench/targets.ts";
import { Random } from "../host/random.ts";

describe("the bench's looks at its targets", () => {
  const TARGET = 15;
  const alone: Round = { seconds: 1, rate: 100, envoyCpu: 100, natsCpu: 100, loadCpu: 10 };

  /** Whether this much added in each round makes the target for small publishes met or missed for certain. */
  function isCertain(added: readonly number[]): boolean {
    const measured: Measured = {
      workload: "publish-16",
      title: "publish 16 B",
      operation: "publish",
      messages: 1,
      fewer: {},
      setups: { envoy: added.map(() => alone), filter: added.map((more) => ({ ...alone, envoyCpu: 100 + more })) },
    };
    const [cpu] = verdicts([measured]);
    assert.match(cpu!.target, /15\.0 ns/);
    return cpu!.isCertain;
  }

  /**
   * The share of runs in which some look leads to a certain verdict although the truth is the target itself, where no verdict
   * should be certain.
   */
  function misled(looks: readonly number[], runs: number): number {
    const random = new Random(20_240_229);
    const uniform = (): number => (random.below(2 ** 30) + 0.5) / 2 ** 30;
    // Box-Muller.
    const normal = (): number => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    let certain = 0;
    for (let run = 0; run < runs; run++) {
      const added = Array.from({ length: looks.at(-1) ?? 0 }, () => TARGET + 4 * normal());
      if (looks.some((look) => isCertain(added.slice(0, look)))) certain++;
    }
    return certain / runs;
  }

  const introduction = (rounds: number): string => resultsIntroduction(rounds).replaceAll("\n", " ");

  it("call a target at the true median certain in about an eighth of runs, as the results say", (t) => {
    const share = misled(LOOKS, 10_000);
    t.diagnostic(`${(share * 100).toFixed(1)} %`);
    assert.ok(share <= 0.15, `${share}`);
    const [, said] = /is called certain in (\d+) % of runs that begin with five rounds/.exec(introduction(5)) ?? [];
    assert.ok(Math.abs(share * 100 - Number(said)) < 1, `${share} is not ${said} %`);
  });

  it("mislead less often in runs that begin with more rounds, as the results say", () => {
    for (const first of [6, 9, 10, 12, 20, 33]) {
      const share = misled([first, ...looksAfter(first)], 3000);
      assert.ok(share < 0.13, `${share} if the first look comes after ${first} rounds`);
    }
  });

  it("are those of the run that the results are of, whatever number of rounds it began with", () => {
    assert.match(introduction(5), / looked at after 5, 10, 20, 40 and 60 rounds\. /);
    assert.match(introduction(10), / looked at after 10, 20, 40 and 60 rounds\. /);
    assert.match(introduction(12), / looked at after 12, 20, 40 and 60 rounds\. /);
    assert.match(introduction(80), / looked at after 80 rounds\. /);
  });

  it("mislead no more often if the end of the time is the last of them, at whatever round it comes", () => {
    for (const last of [7, 18, 33, 59]) {
      const share = misled([...LOOKS.filter((look) => look < last), last], 3000);
      assert.ok(share <= 0.15, `${share} if the time ends after ${last} rounds`);
    }
  });

  it("are few, because more of them mislead more often", () => {
    const afterEach = Array.from({ length: 56 }, (_, i) => i + 5);
    assert.ok(misled(afterEach, 1000) > 1.3 * misled(LOOKS, 1000));
  });

  it("come after the rounds that were given at first", () => {
    assert.deepEqual(looksAfter(5), [10, 20, 40, 60]);
    assert.deepEqual(looksAfter(12), [20, 40, 60]);
    assert.deepEqual(looksAfter(60), []);
  });

  it("find nothing certain in fewer than five rounds", () => {
    assert.equal(isCertain([1, 1, 1, 1]), false);
    assert.equal(isCertain([1, 1, 1, 1, 1]), true);
  });
});
