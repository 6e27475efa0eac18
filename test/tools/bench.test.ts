import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isUnsteady, unsteadiness } from "../../bench/figures.ts";
import { coreTimes } from "../../bench/machine.ts";
import { turnsOf, type Measured, type Round } from "../../bench/measure.ts";
import { PEER, rules } from "../../bench/policy.ts";
import { ratioOfMedians } from "../../bench/ratio-of-medians.ts";
import { ON_REQUEST, type SetupName } from "../../bench/setups.ts";
import { cutOff, estimate, estimatePairs, median, quantile } from "../../bench/statistics.ts";
import { toMarkdown, toTerminal } from "../../bench/table.ts";
import { decisiveFor, verdicts } from "../../bench/targets.ts";
import { filterModule } from "../host/filter.ts";
import { Host } from "../host/host.ts";

describe("the bench's statistics", () => {
  it("take the middle of an odd number of values, and the mean of the two middle ones of an even number", () => {
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([9, 1, 5, 7]), 6);
    assert.ok(Number.isNaN(median([])));
  });

  it("take a quantile that is one of the values", () => {
    const values = Array.from({ length: 1000 }, (_, i) => i + 1);
    assert.equal(quantile(values, 0.5), 500);
    assert.equal(quantile(values, 0.99), 990);
    assert.equal(quantile(values, 0.999), 999);
    assert.equal(quantile([7], 0.999), 7);
    assert.equal(quantile(values, 0), 1);
  });

  it("report how far half of the values are from their median", () => {
    assert.deepEqual(estimate([10, 11, 12, 20, 100]), { count: 5, value: 12, spread: 2, low: 10, high: 100 });
  });

  it("report where the median of ever more values lies, by the tables for order statistics", () => {
    // As in tables of the sign test: of 20 values the 6th and the 15th, of 30 the 10th and the 21st.
    const cuts = { 5: 0, 6: 0, 8: 0, 9: 1, 11: 1, 12: 2, 15: 3, 17: 4, 20: 5, 25: 7, 30: 9 };
    for (const [count, cut] of Object.entries(cuts)) assert.equal(cutOff(Number(count)), cut, `of ${count}`);
    const values = Array.from({ length: 20 }, (_, i) => (i * 7) % 20);
    assert.deepEqual(estimate(values), { count: 20, value: 9.5, spread: 5, low: 5, high: 14 });
  });

  it("compare round by round, so that a slow spell of the machine changes nothing", () => {
    const alone = [100, 100, 300, 300, 100];
    const filtered = [140, 140, 340, 340, 140];
    assert.deepEqual(
      estimatePairs(filtered, alone, (one, other) => one - other),
      { count: 5, value: 40, spread: 0, low: 40, high: 40 },
    );
  });
});

describe("the bench's ratio of two added costs", () => {
  it("is that of their medians, and its interval holds every factor that the rounds do not rule out", () => {
    const repeated = [10, 20, 30, 20, 20];
    assert.deepEqual(ratioOfMedians([20, 30, 45, 40, 32], repeated), { count: 5, value: 1.6, low: 1.5, high: 2 });
    // Of 20 rounds, 5 at each end are cut off, whatever their values.
    const rising = Array.from({ length: 20 }, (_, i) => i + 1);
    const ten = rising.map(() => 10);
    assert.deepEqual(ratioOfMedians(rising, ten), { count: 20, value: 1.05, low: 0.6, high: 1.5 });
  });

  it("stays sensible if a round finds a cost near zero or below", () => {
    const repeated = [20, 21, 0.01, 19, -3, 22, 20, 18, 20, 23, 20, 19];
    const random = repeated.map((cost) => 1.2 * cost + 2);
    const { value, low, high } = ratioOfMedians(random, repeated);
    assert.ok(value > 1.2 && value < 1.4, `${value}`);
    assert.ok(low >= 1.2 && low <= value && high >= value && high < 1.5, `${low} to ${high}`);
  });

  it("has no upper end if the rounds cannot tell the divisor from zero", () => {
    const { value, low, high } = ratioOfMedians([20, 21, 22, 20, 21], [10, 9, -1, 12, 2]);
    assert.equal(high, Infinity);
    assert.ok(low <= value && value < 3, `${low} to ${value}`);
    assert.deepEqual(ratioOfMedians([9, 9, 9], [-1, -2, 3]), { count: 3, value: Infinity, low: 3, high: Infinity });
  });

  it("rules nothing out if both are zero", () => {
    assert.deepEqual(ratioOfMedians([-1, 2, 0, -3, 1], [1, -2, 0, 3, -1]).low, 0);
  });
});

describe("the bench's trust in its machine", () => {
  const work = (envoy: number[]): Measured =>
    measured("publish-16", { envoy: envoy.map((cpu) => [cpu, 1]), filter: [[900, 1]] });

  it("depends on how far Envoy alone lies from its own median, whatever the filter adds", () => {
    assert.equal(unsteadiness([work([100, 100, 90, 110, 100]), work([100, 80, 120, 110, 90])]), 0.05);
    assert.equal(unsteadiness([work([100, 96, 104, 90, 110])]), 0.04);
  });

  it("ends beyond a twentieth", () => {
    assert.equal(isUnsteady([work([100, 95, 105, 90, 110])]), false);
    assert.equal(isUnsteady([work([100, 94, 106, 90, 110])]), true);
  });

  it("stays if Envoy alone had no turn", () => {
    assert.equal(isUnsteady([measured("publish-16", { filter: [[900, 1]] })]), false);
  });

  it("takes nothing from a single round, which has no other to differ from", () => {
    assert.ok(Number.isNaN(unsteadiness([work([100])])));
    assert.equal(unsteadiness([work([100]), work([100, 90, 110])]), 0.1);
  });
});

describe("the bench's look at who else computes", () => {
  /** The kernel's file of a machine whose cores have computed for so many of 100 ticks, and 2 went to other machines. */
  const stat = (busy: readonly number[]): string =>
    [
      `cpu  ${busy.reduce((a, b) => a + b)} 0 0 ${busy.reduce((a, b) => a + 98 - b, 0)} 0 0 0 ${2 * busy.length} 0 0`,
      ...busy.map((ticks, core) => `cpu${core} ${ticks} 0 0 ${98 - ticks} 0 0 0 2 0 0`),
      "intr 7 7",
    ].join("\n");
  const bound = (cores: string): string =>
    `Name:\tnode\nCpus_allowed:\tff\nCpus_allowed_list:\t${cores}\nThreads:\t1\n`;

  it("takes only the cores that the bench may use, since what computes on others is not in its way", () => {
    const busy = [50, 40, ...Array<number>(61).fill(0), 98];
    assert.deepEqual(coreTimes(stat(busy), bound("0-1")), { total: 200, busy: 90, stolen: 4 });
    assert.deepEqual(coreTimes(stat(busy), bound("1,62-63")), { total: 300, busy: 138, stolen: 6 });
    assert.deepEqual(coreTimes(stat(busy), bound("0-63")), { total: 6400, busy: 188, stolen: 128 });
  });

  it("takes all cores where those of the process are not among them", () => {
    assert.deepEqual(coreTimes(stat([10, 20]), bound("8-9")), { total: 200, busy: 30, stolen: 4 });
  });
});

describe("the turns of the bench", () => {
  for (const count of [3, 8, 10]) {
    const setups = Array.from({ length: count }, (_, i) => i);
    const rounds = Array.from({ length: 2 * count }, (_, round) => turnsOf(setups, round));
    const firsts = rounds.map(([first]) => first);

    it(`give each of ${count} setups one turn a round, and the first to each once in ${count} rounds`, () => {
      for (const turns of rounds) assert.deepEqual(new Set(turns), new Set(setups));
      assert.deepEqual(new Set(firsts.slice(0, count)), new Set(setups));
      assert.deepEqual(new Set(firsts.slice(count)), new Set(setups));
    });

    it(`go through ${count} setups forwards and backwards in turn, and begin with each of them in both ways`, () => {
      for (const [round, [first = NaN, second]] of rounds.entries()) {
        assert.equal(second, (first + (round % 2 === 0 ? 1 : count - 1)) % count);
      }
      for (const way of [0, 1]) {
        assert.deepEqual(new Set(firsts.filter((_, round) => round % 2 === way)), new Set(setups));
      }
    });
  }
});

describe("the bench's tables", () => {
  const table = {
    columns: ["setup", "rate>"],
    rows: [
      ["\x1b[1mEnvoy\x1b[22m", "9"],
      ["a|b", "1,000"],
    ],
  };

  it("align columns in the terminal, whatever colours the cells have", () => {
    assert.equal(toTerminal(table), "setup   rate\n\x1b[1mEnvoy\x1b[22m      9\na|b    1,000\n");
  });

  const wide = {
    columns: ["what", "target>", "measured>", "verdict", "beside it"],
    rows: [
      ["publish 16 B: CPU added", "15 ns", "5.4 ns (2.2 ns to 9.1 ns)", "met", "the host alone adds 1.3 ns"],
      ["rate", "×0.970", "×0.979", "\x1b[33mnot met\x1b[39m, within the noise", ""],
    ],
  };

  it("come in parts where the terminal is narrow, each with the names of the rows, and break only texts", () => {
    assert.equal(
      toTerminal(wide, 60).replaceAll(/\x1b\[\d+m/g, ""), // eslint-disable-line no-control-regex
      [
        "what               target                   measured",
        "publish 16 B: CPU   15 ns  5.4 ns (2.2 ns to 9.1 ns)",
        "added",
        "rate               ×0.970                     ×0.979",
        "",
        "what               verdict              beside it",
        "publish 16 B: CPU  met                  the host alone adds",
        "added                                   1.3 ns",
        "rate               not met, within the",
        "                   noise",
        "",
      ].join("\n"),
    );
  });

  it("never are wider than the terminal while their words and numbers fit, and lose nothing", () => {
    const words = (text: string): string[] => text.split(/\s+/).filter(Boolean).sort();
    const whole = new Set(words(toTerminal(wide)));
    for (let width = 50; width < 200; width++) {
      const lines = toTerminal(wide, width).split("\n");
      // eslint-disable-next-line no-control-regex
      const widest = Math.max(...lines.map((line) => line.replaceAll(/\x1b\[\d+m/g, "").length));
      assert.ok(widest <= width, `${widest} in ${width}`);
      assert.deepEqual(new Set(words(lines.join(" "))), whole);
    }
  });

  it("are as wide as they are where the terminal is wide enough, or where there is none", () => {
    assert.equal(toTerminal(wide, 113), toTerminal(wide));
    assert.equal(toTerminal(wide).split("\n").length, 4);
    assert.notEqual(toTerminal(wide, 112), toTerminal(wide));
  });

  it("keep a bar within its cell in Markdown", () => {
    assert.match(toMarkdown(table), /^\| setup \| rate \|\n\| --- \| ---: \|\n.*\n\| a\\\|b \| 1,000 \|\n$/);
  });
});

/** A workload whose rounds have these Envoy CPU times and rates. */
function measured(workload: string, setups: Partial<Record<SetupName, [envoyCpu: number, rate: number][]>>): Measured {
  const rounds = (figures: [number, number][]): Round[] =>
    figures.map(([envoyCpu, rate]) => ({ seconds: 1, rate, envoyCpu, natsCpu: 100, loadCpu: 10 }));
  return {
    workload,
    title: workload,
    operation: "publish",
    messages: 1,
    fewer: {},
    setups: Object.fromEntries(Object.entries(setups).map(([name, figures]) => [name, rounds(figures)])),
  };
}

describe("the bench's targets", () => {
  /** Rounds of these Envoy CPU times, all at one rate. */
  const rounds = (figures: number[]): [number, number][] => figures.map((figure) => [figure, 100]);
  /** The same rounds five times over, because with fewer than five nothing is certain. */
  const settled = (workload: string, setups: Parameters<typeof measured>[1]): Measured => {
    const often = Object.entries(setups).map(([name, figures]) => [name, Array(5).fill(figures).flat()]);
    return measured(workload, Object.fromEntries(often) as typeof setups);
  };
  const verdictsOf = (...all: Measured[]): string[] =>
    verdicts(all).map(({ what, met, isCertain }) => `${what} ${met ? "met" : "missed"}${isCertain ? "" : "?"}`);

  it("bind what the filter adds to Envoy alone, and the rate", () => {
    const envoy: [number, number][] = [
      [20, 100],
      [21, 100],
      [22, 100],
    ];
    const met = settled("publish-16", {
      envoy,
      filter: [
        [30, 98],
        [31, 98],
        [32, 98],
      ],
    });
    const missed = settled("publish-16", {
      envoy,
      filter: [
        [60, 90],
        [61, 90],
        [62, 90],
      ],
    });
    assert.deepEqual(verdictsOf(met), ["publish-16: CPU added met", "publish-16: rate met"]);
    assert.deepEqual(verdictsOf(missed), ["publish-16: CPU added missed", "publish-16: rate missed"]);
  });

  it("say if more rounds could lead to the other side of a target, and of which work", () => {
    const envoy: [number, number][] = [
      [20, 100],
      [20, 100],
      [20, 100],
    ];
    const filter: [number, number][] = [
      [30, 100],
      [36, 100],
      [42, 100],
    ];
    const one = settled("publish-16", { envoy, filter });
    assert.equal(verdictsOf(one)[0], "publish-16: CPU added missed?");
    assert.deepEqual(verdicts([one])[0]?.workloads, ["publish-16"]);
  });

  it("bind what is beyond the host's share if that alone is more than the target", () => {
    const one = settled("publish-16", { envoy: [[20, 100]], reading: [[50, 100]], filter: [[60, 100]] });
    const [cpu] = verdicts([one]);
    assert.equal(cpu!.met, true);
    assert.match(cpu!.note ?? "", /the host alone adds 30\.0 ns/);
  });

  it("report what a user pays if they bind what is beyond the host's share", () => {
    const one = settled("publish-16", { envoy: [[20, 100]], reading: [[50, 90]], filter: [[60, 80]] });
    const [cpu, rate] = verdicts([one]);
    assert.match(cpu!.note ?? "", /; the whole: 40\.0 ns \(40\.0 ns to 40\.0 ns\)$/);
    assert.match(rate!.note ?? "", /^the host alone leaves ×0\.900 .*; the whole: ×0\.800 /);
  });

  it("bind the whole if the host's share may still be less than the target, and ask for rounds that decide", () => {
    const one = settled("publish-16", {
      envoy: rounds([20, 20, 20]),
      reading: rounds([34, 36, 38]),
      filter: rounds([60, 60, 60]),
    });
    assert.equal(verdictsOf(one)[0], "publish-16: CPU added missed?");
  });

  it("bind the whole for certain if the host's share is certainly less", () => {
    const one = settled("publish-16", {
      envoy: rounds([20, 20, 20]),
      reading: rounds([22, 23, 24]),
      filter: rounds([60, 60, 60]),
    });
    assert.equal(verdictsOf(one)[0], "publish-16: CPU added missed");
  });

  it("get their further rounds together with the other build of --beside and setups on request, which are compared round by round", () => {
    for (const setup of ["beside", ...ON_REQUEST] as const) assert.ok(decisiveFor("publish-16").includes(setup));
  });

  it("take what reading lines costs as the host's share at 1 MiB, because payloads need not be read", () => {
    assert.deepEqual(decisiveFor("publish-1m").slice(0, 3), ["envoy", "lines", "filter"]);
    assert.deepEqual(decisiveFor("publish-16k").slice(0, 3), ["envoy", "reading", "filter"]);
    const one = settled("publish-1m", {
      envoy: [[1000, 100]],
      empty: [[1010, 100]],
      lines: [[1020, 100]],
      reading: [[1080, 100]],
      filter: [[1040, 100]],
    });
    const [cpu] = verdicts([one]);
    assert.equal(cpu!.met, false);
    assert.equal(cpu!.measured, "1.96 % (1.96 % to 1.96 %)");
    assert.equal(
      cpu!.note,
      "the host alone adds 2.00 % (2.00 % to 2.00 %); the target binds what is beyond it; the whole: 4.00 % (4.00 % to 4.00 %)",
    );
  });

  it("compare refused publishes with allowed ones, and random subjects with one", () => {
    const repeated = settled("publish-128", { envoy: [[80, 100]], filter: [[100, 100]] });
    const random = settled("publish-random", { envoy: [[80, 100]], filter: [[111, 100]] });
    const refused = settled("publish-refused", { filter: [[299, 100]] });
    assert.deepEqual(verdictsOf(repeated, random, refused).slice(2), [
      "a refused publish against an allowed one: CPU of Envoy and nats-server met",
      "a refused publish against an allowed one: Envoy's own CPU missed",
      "1,000 random subjects against a repeated one: CPU added missed",
    ]);
  });

  it("also bind Envoy's own part of a refused publish, which the sum with nats-server hides", () => {
    const allowed = settled("publish-128", { filter: [[100, 100]] });
    const refused = settled("publish-refused", { filter: [[300, 100]] });
    const [sum, own] = verdicts([allowed, refused]);
    assert.equal(sum!.measured, "×2.000 (×2.000 to ×2.000)");
    assert.equal(sum!.met, true);
    assert.equal(own!.measured, "×3.000 (×3.000 to ×3.000)");
    assert.equal(own!.met, false);
  });

  it("give their numbers besides the text, in nanoseconds, shares and ratios, for whoever reads --json", () => {
    const [cpu, rate] = verdicts([settled("publish-16", { envoy: [[20, 100]], filter: [[30, 98]] })]);
    assert.deepEqual([cpu!.limit, cpu!.interval], [15, { count: 5, value: 10, low: 10, high: 10 }]);
    assert.deepEqual([rate!.limit, rate!.interval], [0.97, { count: 5, value: 0.98, low: 0.98, high: 0.98 }]);
    const [share] = verdicts([settled("publish-1m", { envoy: [[1000, 100]], filter: [[1250, 100]] })]);
    assert.deepEqual([share!.limit, share!.interval.value], [0.01, 0.25]);
  });

  it("have no interval after a single round", () => {
    const one = measured("publish-16", { envoy: [[20, 100]], filter: [[30, 100]] });
    assert.deepEqual(
      verdicts([one]).map(({ measured }) => measured),
      ["10.0 ns", "×1.000"],
    );
  });

  it("do not let one round with next to no added cost decide on random subjects", () => {
    const repeated = measured("publish-128", {
      envoy: rounds([80, 80, 80, 80, 80]),
      filter: rounds([80.1, 100, 79, 100, 99]),
    });
    const random = measured("publish-random", {
      envoy: rounds([80, 80, 80, 80, 80]),
      filter: rounds([105, 104, 106, 104, 105]),
    });
    assert.equal(verdictsOf(repeated, random).at(-1), "1,000 random subjects against a repeated one: CPU added met?");
    assert.equal(verdicts([repeated, random]).at(-1)!.measured, "×1.316 (×1.200 to ×∞)");
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
