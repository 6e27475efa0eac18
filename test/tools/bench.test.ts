import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { coreTimes } from "../../bench/machine.ts";
import { pages } from "../../bench/pages.ts";
import { PEER, rules } from "../../bench/policy.ts";
import { summary } from "../../bench/results.ts";
import { measure, setupsFor, turnsOf, type Round, type Send } from "../../bench/rounds.ts";
import type { SetupName } from "../../bench/setups.ts";
import { cutOff, estimate, estimatePairs, median, quantile } from "../../bench/statistics.ts";
import { verdicts } from "../../bench/targets.ts";
import { expected, WORKS, type Work } from "../../bench/works.ts";
import { setupOf } from "../../bench/setups.ts";
import { inRoot } from "../../tools/paths.ts";
import { filterModule } from "../host/filter.ts";
import { Host } from "../host/host.ts";

const workOf = (wanted: string): Work => WORKS.find(({ name }) => name === wanted)!;

describe("the bench's statistics", () => {
  it("take the middle of an odd number of values, and the mean of the two middle ones of an even number", () => {
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([9, 1, 5, 7]), 6);
    assert.ok(Number.isNaN(median([])));
  });

  it("take a quantile that is one of the values", () => {
    const values = Array.from({ length: 1000 }, (_, i) => i + 1);
    for (const [share, wanted] of [
      [0, 1],
      [0.5, 500],
      [0.99, 990],
      [0.999, 999],
    ] as const)
      assert.equal(quantile(values, share), wanted);
    assert.equal(quantile([7], 0.999), 7);
  });

  it("say how far half of the values are from their median, and nothing of an interval after few rounds", () => {
    assert.deepEqual(estimate([10, 11, 12, 20, 100]), { rounds: 5, value: 12, spread: 2, low: null, high: null });
    assert.equal(estimate([10]).spread, null);
  });

  it("say where the median of ever more values lies, by the tables for order statistics", () => {
    // As in tables of the sign test: of 20 values the 6th and the 15th, of 30 the 10th and the 21st.
    const cuts = { 5: 0, 6: 0, 8: 0, 9: 1, 11: 1, 12: 2, 15: 3, 17: 4, 20: 5, 25: 7, 30: 9 };
    for (const [count, cut] of Object.entries(cuts)) assert.equal(cutOff(Number(count)), cut, `of ${count}`);
    const values = Array.from({ length: 20 }, (_, i) => (i * 7) % 20);
    assert.deepEqual(estimate(values), { rounds: 20, value: 9.5, spread: 5, low: 5, high: 14 });
  });

  it("compare round by round, so that a slow spell of the machine changes nothing", () => {
    const added = estimatePairs([140, 140, 340, 340, 140], [100, 100, 300, 300, 100], (one, other) => one - other);
    assert.deepEqual([added.value, added.spread], [40, 0]);
    assert.throws(() => estimatePairs([1, 2], [1], Math.max), /2 rounds cannot be compared with 1/);
  });
});

describe("the turns of the bench", () => {
  for (const count of [3, 6, 7]) {
    it(`give each of ${count} setups one a round, the first to each once in ${count} rounds, and go both ways`, () => {
      const setups = Array.from({ length: count }, (_, i) => i);
      const rounds = Array.from({ length: 2 * count }, (_, round) => turnsOf(setups, round));
      const firsts = rounds.map(([first]) => first);
      for (const [round, turns] of rounds.entries()) {
        const [first = NaN, second] = turns;
        assert.deepEqual(new Set(turns), new Set(setups));
        assert.equal(second, (first + (round % 2 === 0 ? 1 : count - 1)) % count);
      }
      assert.deepEqual(new Set(firsts.slice(0, count)), new Set(setups));
      assert.deepEqual(new Set(firsts.slice(count)), new Set(setups));
    });
  }

  /** A machine on which a message takes so many nanoseconds. */
  function machine(nanoseconds: (setup: string) => number, sent: string[] = []): Send {
    return (_, { name }, messages) => {
      sent.push(name);
      const elapsed = messages * nanoseconds(name);
      return Promise.resolve({ operations: messages, elapsed, envoyCpu: elapsed, natsCpu: elapsed, loadCpu: 1 });
    };
  }

  it("have as many messages as keep Envoy alone busy, but fewer for a setup that is much slower", async () => {
    const sent = new Map<string, number>();
    const slow = machine((setup) => (setup === "permissions" ? 25_000 : 250));
    const counting: Send = (work, setup, messages) => {
      sent.set(setup.name, messages);
      return slow(work, setup, messages);
    };
    const setups = setupsFor(workOf("publish-16"), false);
    const { messages, rounds } = await measure(counting, workOf("publish-16"), setups, { rounds: 3, seconds: 0.25 });
    assert.equal(messages, 1_000_000);
    assert.deepEqual([sent.get("filter"), sent.get("permissions")], [1_000_000, 10_000]);
    for (const name of setups) {
      assert.equal(rounds[name]?.length, 3, name);
      assert.equal(rounds[name][0]?.envoy, name === "permissions" ? 25_000 : 250);
    }
  });

  it("leave out the other build where there is none, and what makes no sense", () => {
    assert.deepEqual(setupsFor(workOf("publish-refused"), true), ["permissions", "filter", "other"]);
    assert.ok(!setupsFor(workOf("publish-16"), false).includes("other"));
  });

  it("expect of deliveries as many as the setup lets through", () => {
    const [direct, filter] = [setupOf("direct"), setupOf("filter")];
    assert.equal(expected(workOf("fan-out-10"), filter, 100), 1000);
    assert.equal(expected(workOf("queue"), filter, 100), 100);
    assert.deepEqual(
      [direct, filter].map((setup) => expected(workOf("filtered"), setup, 100)),
      [100, 50],
    );
    assert.equal(expected(workOf("publish-16"), filter, 100), 0);
  });
});

/** A work of which each setup had the same figures in `rounds` rounds: CPU of Envoy and of nats-server, and the rate. */
function measured(
  name: string,
  figures: Partial<Record<SetupName, [number, number, number][]>>,
): Parameters<typeof summary>[0] {
  const roundsOf = (all: [number, number, number][]): Round[] =>
    all.map(([envoy, nats, rate]) => ({ envoy, nats, rate, load: 10 }));
  const rounds = Object.fromEntries(Object.entries(figures).map(([setup, all]) => [setup, roundsOf(all)]));
  return { work: workOf(name), messages: 1, rounds };
}

const often = <T>(value: T): T[] => Array<T>(6).fill(value);

describe("the bench's results", () => {
  it("compare each setup with what it is to be compared with: Envoy, and Envoy with nats-server", () => {
    const { setups } = summary(
      measured("publish-16", {
        direct: often([0, 90, 120]),
        permissions: often([0, 105, 90]),
        envoy: often([20, 100, 100]),
        filter: often([42, 101, 95]),
      }),
    );
    const { filter, permissions, envoy } = setups;
    assert.deepEqual([filter?.envoyAdded?.value, filter?.bothAdded?.value, filter?.rateRatio?.value], [22, 23, 0.95]);
    assert.deepEqual([permissions?.bothAdded?.value, permissions?.rateRatio?.value], [15, 0.75]);
    assert.deepEqual(
      [permissions?.envoyAdded, permissions?.envoyCpu, envoy?.bothAdded],
      [undefined, undefined, undefined],
    );
    assert.deepEqual([envoy?.envoyCpu, envoy?.natsCpu, envoy?.rate, envoy?.rounds], [20, 100, 100, 6]);
  });

  it("are of the same rounds, not of medians", () => {
    const { setups } = summary(
      measured("publish-16", {
        envoy: [10, 20, 30, 40, 50].map((cpu) => [cpu, 0, 1]),
        filter: [11, 21, 31, 48, 58].map((cpu) => [cpu, 0, 1]),
      }),
    );
    assert.equal(setups.filter?.envoyAdded?.value, 1);
  });
});

describe("the bench's targets", () => {
  const answers = (
    filter: [number, number, number][],
    envoy = often<[number, number, number]>([20, 100, 100]),
  ): string[] =>
    verdicts({ works: [summary(measured("publish-16", { envoy, filter }))] }).map(
      ({ what, answer }) => `${what} ${answer}`,
    );

  it("bind what the filter adds to Envoy and nats-server, and the rate", () => {
    assert.deepEqual(answers(often([24, 105, 96])), ["CPU met", "rate met"]);
    assert.deepEqual(answers(often([31, 101, 94])), ["CPU missed", "rate missed"]);
  });

  it("are within the noise where more rounds could lead to the other side", () => {
    const spread = [1, 3, 5, 7, 9, 11, 13].map((more): [number, number, number] => [20 + more, 100, 100]);
    assert.deepEqual(
      answers(spread, Array<[number, number, number]>(7).fill([20, 100, 100]))[0],
      "CPU met, within the noise",
    );
  });

  it("are never certain after few rounds, however well they agree", () => {
    const few = <T>(value: T): T[] => Array<T>(5).fill(value);
    assert.deepEqual(answers(few([21, 100, 90]), few([20, 100, 100])), [
      "CPU met, within the noise",
      "rate missed, within the noise",
    ]);
  });
});

describe("the bench's look at who else computes", () => {
  it("takes the times of all cores from the kernel's file", () => {
    const stat = "cpu  50 1 30 100 9 3 2 5 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\nintr 7 7";
    assert.deepEqual(coreTimes(stat), { total: 200, busy: 86, stolen: 5 });
  });
});

describe("the bench's policy", () => {
  it("has twenty rules, and each of them matches the peer", () => {
    assert.equal(rules.length, 20);
    for (const { name, from } of rules) {
      const host = new Host(filterModule());
      const rule = { name, from, publish: { allow: ["probe"] } };
      assert.ok(host.configure({ trustDomains: ["cluster.local"], rules: [rule] }).accepted, name);
      const connection = host.connect({ properties: { "connection.uri_san_peer_certificate": PEER } });
      const publish = "PUB probe 0\r\n\r\n";
      const forwarded = connection.fromClient(`CONNECT {}\r\n${publish}`);
      assert.ok(Buffer.from(forwarded).toString().endsWith(publish), name);
    }
  });
});

describe("bench/RESULTS.md and the tables of the pages", () => {
  it("are made from bench/results.json: `npm run bench -- --tables` makes them again", async () => {
    for (const [page, text] of await pages()) assert.equal(readFileSync(inRoot(page), "utf8"), text, page);
  });
});
