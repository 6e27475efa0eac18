import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { measureBuilds } from "../../bench/micro/builds.ts";
import { Driver } from "../../bench/micro/driver.ts";
import { decisionStream, frameCases, type FrameCase, type Stream } from "../../bench/micro/frame-cases.ts";
import { passOver, stepsOf } from "../../bench/micro/frames.ts";
import { alternate } from "../../bench/micro/measure.ts";
import { hasGrown, openAndClose } from "../../bench/micro/opens.ts";
import { MIXED_SIZES } from "../../bench/mixed.ts";
import { pluginConfig } from "../../bench/policy.ts";
import { buildModule } from "../../tools/wasm.ts";
import { countingModule } from "../host/filter.ts";

/** How often each subject occurs in the control lines of a stream. */
function timesBySubject({ bytes }: Stream): Map<string, number> {
  const times = new Map<string, number>();
  for (const [, subject = ""] of bytes.toString("latin1").matchAll(/^(?:PUB|H?MSG) (\S+) /gm)) {
    times.set(subject, (times.get(subject) ?? 0) + 1);
  }
  return times;
}

function assertEquallyOften(stream: Stream, subjects: number): void {
  const times = timesBySubject(stream);
  assert.equal(times.size, subjects);
  assert.deepEqual(new Set(times.values()), new Set([stream.ends.length / subjects]));
}

describe("the micro bench's streams", () => {
  const cases = frameCases();

  it("have exactly 1,000 subjects where they say so, each equally often, in at least 4,096 frames", () => {
    const named = cases.filter(({ name }) => name.includes("1,000 subjects"));
    assert.ok(named.length >= 6);
    for (const { stream } of named) {
      assert.ok(stream.ends.length >= 4096);
      assertEquallyOften(stream, 1000);
    }
  });

  it("have 1,000 subjects of many lengths, with payloads of many sizes, where subjects and sizes are mixed", () => {
    const [mixed] = cases.filter(({ name }) => name === "PUB, mixed subjects and sizes");
    assertEquallyOften(mixed!.stream, 1000);
    const subjects = [...timesBySubject(mixed!.stream).keys()];
    assert.ok(new Set(subjects.map(({ length }) => length)).size >= 12);
    const lines = [...mixed!.stream.bytes.toString("latin1").matchAll(/^PUB \S+ (\d+)\r$/gm)];
    const sizes = lines.map(([, size]) => Number(size)).sort((a, b) => a - b);
    assert.ok(sizes[0]! >= MIXED_SIZES.least && sizes.at(-1)! <= MIXED_SIZES.most);
    // Half of them lie below the middle of the doublings.
    const middle = sizes[sizes.length >> 1]!;
    assert.ok(middle > 110 && middle < 145, `${middle}`);
  });

  it("have as many subjects for decisions as they say, and the groups that the comment states", () => {
    for (const [rules, groups] of [
      [10, 10],
      [1000, 626],
      [10_000, 948],
      [100_000, 993],
    ] as const) {
      const stream = decisionStream(rules, 1000);
      assertEquallyOften(stream, 1000);
      assert.equal(stream.groups, groups);
    }
    const many = decisionStream(100_000, 20_000);
    assert.equal(many.ends.length, 20_000);
    assertEquallyOften(many, 20_000);
  });
});

describe("the micro bench's timing", () => {
  /** What two tasks seem to take, if the clock itself takes as long as a look takes. */
  function timed(t: TestContext, passes: readonly [number, number], look: number): number[] {
    let now = 0;
    t.mock.method(process, "cpuUsage", () => ({ user: Math.floor((now += look)), system: 0 }));
    const task = (microseconds: number): Parameters<typeof alternate>[0][number] => ({
      units: 1000,
      pass: () => (now += microseconds),
    });
    return alternate(passes.map(task), 5).map(({ median }) => median);
  }

  it("leaves out what its own looks at the clock take", (t) => {
    const [small = NaN, large = NaN] = timed(t, [25, 4000], 0.6);
    assert.ok(Math.abs(small - 25) < 25 * 0.004, `${small} ns instead of 25`);
    assert.ok(Math.abs(large - 4000) < 4000 * 0.004, `${large} ns instead of 4000`);
  });

  it("takes turns, of which every second round goes backwards", (t) => {
    let now = 0;
    t.mock.method(process, "cpuUsage", () => ({ user: (now += 1), system: 0 }));
    const order: string[] = [];
    const task = (name: string): Parameters<typeof alternate>[0][number] => ({
      units: 1,
      pass: () => {
        now += 10_000;
        order.push(name);
      },
    });
    const [first] = alternate([task("a"), task("b")], 3);
    // One pass of each makes a round; the first round is not counted.
    assert.equal(order.join(""), "ab" + "ab" + "ba" + "ab");
    assert.equal(first!.times.length, 3);
  });

  it("ends if a pass takes less than the clock can tell", (t) => {
    const [short = NaN] = timed(t, [0.01, 0.1], 0.6);
    assert.ok(short >= 0.01 && short < 0.02, `${short} ns instead of 0.01`);
  });
});

describe("the micro bench's two builds", () => {
  const policy = pluginConfig("PEER");

  it("are compared frame by frame, with an interval", async () => {
    const module = await countingModule();
    const rows = measureBuilds(module, module, "PING", 2, policy);
    assert.deepEqual(
      rows.map(({ label }) => label),
      ["PING with its PONG, chunks of 16 KiB", "PING with its PONG, chunks of 64 KiB"],
    );
    for (const { median, other, ratio } of rows) {
      assert.ok(median > 0 && other > 0 && ratio.low > 0 && ratio.low <= ratio.value && ratio.value <= ratio.high);
      assert.equal(ratio.count, 2);
    }
  });

  it("are not compared where one of them does something else with a frame", async () => {
    const lines = new WebAssembly.Module(readFileSync(await buildModule("bench/modules/lines.ts")));
    // It lets pass what is to be refused.
    const refused = "PUB refused, with its PONG, 16 B, chunks of 64";
    assert.throws(() => measureBuilds(lines, lines, refused, 1, policy), /the filter did something else/);
  });
});

describe("the micro bench's connections", () => {
  it("have not grown, however few of them are opened and closed", async () => {
    const counting = await countingModule();
    for (const connections of [10, 500, 1000, 3000, 10_000]) {
      const opens = openAndClose(counting, connections, pluginConfig("PEER"));
      assert.equal(hasGrown(opens), false, JSON.stringify(opens));
      // A tenth of them held no more than all of them do, behind which a leak could hide.
      assert.ok(opens.bytesEarly <= opens.bytesLate + 65_536, JSON.stringify(opens));
    }
  });

  it("are under the policy that was asked for", async () => {
    const [told, untold] = await Promise.all(
      [true, false].map(async (telemetry) => openAndClose(await countingModule(), 10, pluginConfig("PEER", telemetry))),
    );
    assert.ok(
      untold!.bytesLate < told!.bytesLate,
      `${untold!.bytesLate} without telemetry, ${told!.bytesLate} with it`,
    );
  });

  const level = { connections: 10, microseconds: 1, bytesEarly: 1_000_000, pagesEarly: 20 };

  it("have grown if more bytes are in use than the collector leaves, or more pages", () => {
    assert.equal(hasGrown({ ...level, bytesLate: 1_000_000, pagesLate: 20 }), false);
    assert.equal(hasGrown({ ...level, bytesLate: 1_050_000, pagesLate: 20 }), false);
    assert.equal(hasGrown({ ...level, bytesLate: 1_100_000, pagesLate: 20 }), true);
    assert.equal(hasGrown({ ...level, bytesLate: 1_000_000, pagesLate: 21 }), true);
  });
});

describe("the micro bench's driver", () => {
  it("times no filter that lets nothing pass any more", async () => {
    const driver = new Driver(await countingModule(), JSON.stringify(pluginConfig("PEER")));
    const [{ stream }] = frameCases().filter(({ anew }) => anew) as [FrameCase];
    const pass = passOver(driver, stream, stepsOf(stream, 16_384));
    pass();
    // Its sids come again, so there are PINGs whose PONGs the filter waits for.
    assert.throws(pass, /the filter has ended the connection, or holds what it was sent/);
    driver.reconnect();
    pass();
  });
});
