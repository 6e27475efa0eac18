import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { CASES, passOver } from "../../bench/micro/cases.ts";
import { alternate } from "../../bench/micro/timing.ts";
import { pluginConfig } from "../../bench/policy.ts";
import { buildModule } from "../../tools/wasm.ts";
import { filterModule } from "../host/filter.ts";

describe("the micro bench's frames", () => {
  it("come out of the filter as they must, in any number of passes", () => {
    for (const one of CASES) {
      const pass = passOver(filterModule(), one, pluginConfig);
      pass();
      pass();
    }
  });

  it("are not timed in a build that does anything else with them", async () => {
    const empty = new WebAssembly.Module(readFileSync(await buildModule("bench/modules/empty.ts")));
    const refused = CASES.find(({ name }) => name.startsWith("PUB refused"))!;
    assert.throws(() => passOver(empty, refused, pluginConfig), /the filter did something else with this stream/);
  });
});

describe("the micro bench's timing", () => {
  /** What two tasks seem to take, if the clock itself takes as long as a look takes. */
  function timed(t: TestContext, passes: readonly [number, number], look: number): number[] {
    let now = 0;
    t.mock.method(process, "cpuUsage", () => ({ user: Math.floor((now += look)), system: 0 }));
    const tasks = passes.map((microseconds) => ({ units: 1000, pass: () => void (now += microseconds) }));
    return alternate(tasks, 1).map(([time = NaN]) => time);
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
    assert.equal(first?.length, 3);
  });
});
