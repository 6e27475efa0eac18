import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Turns, type Measured } from "../../bench/measure.ts";
import { slowLines } from "../../bench/report.ts";
import type { Piece } from "../../bench/rig.ts";
import type { SetupName } from "../../bench/setups.ts";
import { WORKLOADS, type Workload } from "../../bench/workloads.ts";

const SECONDS = 0.25;
const work = WORKLOADS.find(({ name }) => name === "publish-16")!;
const setups = ["native", "envoy", "filter"] as const;

/** What a machine prepares on which a message takes so many nanoseconds, or as many more as it is held up in that setup's turn. */
async function prepared(nanoseconds: (setup: SetupName, turn: number) => number): Promise<Measured> {
  const turns = new Map<string, number>();
  const rig = {
    run: (_: Workload, { name }: { name: string }, messages: number): Promise<Piece> => {
      const turn = turns.get(name) ?? 0;
      turns.set(name, turn + 1);
      const elapsed = messages * nanoseconds(name as SetupName, turn);
      return Promise.resolve({ operations: messages, elapsed, envoyCpu: 1, natsCpu: 1, loadCpu: 1 });
    },
    callbacks: () => Promise.reject(new Error("no setup is the empty filter")),
  };
  const [measured] = (await Turns.prepare(rig, [{ workload: work, setups }], SECONDS)).measured;
  return measured!;
}

describe("the bench's messages", () => {
  it("are as many for each setup as keep Envoy alone busy for a turn", async () => {
    const { messages, fewer } = await prepared(() => 250);
    assert.deepEqual([messages, fewer], [1_000_000, {}]);
  });

  it("are fewer for a setup that is always slow, so that its turn is no longer, and the tables say so", async () => {
    const measured = await prepared((setup) => (setup === "native" ? 25_000 : 250));
    assert.deepEqual([measured.messages, measured.fewer], [1_000_000, { native: 10_000 }]);
    assert.deepEqual(slowLines(measured), ["nats-server, permissions, being slow, got 10,000."]);
  });

  it("are the same for a setup that was held up in its first turns, which says nothing about it", async () => {
    for (const slow of setups) {
      // Envoy alone has had four turns by then: the bench finds by it how many messages there are to be.
      const since = slow === "envoy" ? 4 : 0;
      for (const times of [1, 2]) {
        const held = (setup: SetupName, turn: number): boolean =>
          setup === slow && turn >= since && turn < since + times;
        const { messages, fewer } = await prepared((setup, turn) => (held(setup, turn) ? 2500 : 250));
        assert.deepEqual([messages, fewer], [1_000_000, {}], `${slow}, ${times} times`);
      }
    }
  });

  it("are not fewer for all because Envoy alone was held up when it was paced", async () => {
    for (const turn of [1, 2]) {
      const { messages } = await prepared((setup, at) => (setup === "envoy" && at === turn ? 2500 : 250));
      assert.equal(messages, 1_000_000, `in turn ${turn}`);
    }
  });
});
