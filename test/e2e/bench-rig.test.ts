import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Rig } from "../../bench/rig.ts";
import { setupOf } from "../../bench/setups.ts";
import { WORKLOADS } from "../../bench/workloads.ts";
import { buildModule } from "../../tools/wasm.ts";
import { RawClient } from "../stand/raw-client.ts";
import { waitFor } from "../stand/wait.ts";

const SECONDS = 0.1;

describe("the bench's rig", () => {
  let rig: Rig;

  before(async () => {
    rig = await Rig.start(new Set(["filter"] as const), SECONDS);
  });

  after(() => rig.stop());

  const work = WORKLOADS.find(({ name }) => name === "publish-16")!;
  const filter = setupOf("filter");

  it("finds at nats-server what has been published, and in the audit whose connections these were", async () => {
    const { operations } = await rig.run(work, filter, 2000);
    assert.equal(operations, 2000);
    await rig.checkStats();
  });

  it("finds there what nats-server refuses, and nothing of what the filter does", async () => {
    const refused = WORKLOADS.find(({ name }) => name === "publish-refused")!;
    for (const name of ["native", "filter"] as const) await rig.run(refused, setupOf(name), 2000);
  });

  it("fails a piece of work of which nats-server has had other messages than were published", async (t) => {
    const other = await RawClient.connect(rig.stand.nats.port);
    t.after(() => other.close());
    await other.handshake();
    const state = { isOver: false };
    const piece = rig.run(work, filter, 200_000).finally(() => (state.isOver = true));
    const disturbed = assert.rejects(
      piece,
      /^Fault: publish-16 by filter: nats-server has had \d+ messages too many\.$/,
    );
    while (!state.isOver) {
      await other.send("PUB orders.e000.created 2\r\nhi\r\n");
      await other.flush();
    }
    await disturbed;
  });
});

describe("the bench's rig, if a filter is not what it is taken for", () => {
  let rig: Rig;

  before(async () => {
    const beside = await buildModule("bench/modules/reading.ts");
    rig = await Rig.start(new Set(["filter", "beside", "dry-run"] as const), SECONDS, beside);
  });

  after(() => rig.stop());

  it("says how many publishes it has not counted, in a message without a stack trace", async () => {
    const work = WORKLOADS[0]!;
    // Either of these counts its own.
    for (const name of ["filter", "dry-run"] as const) await rig.run(work, setupOf(name), 4000);
    await rig.checkStats();
    await rig.run(work, setupOf("beside"), 2000);
    await assert.rejects(
      rig.checkStats(1000),
      /^Fault: istio-nats has counted 8000 publishes, and 10000 went through it\. Is the file of --beside/,
    );
  });
});

describe("the bench's rig, if one of its processes ends", () => {
  for (const [which, name] of [
    ["nats", "nats-server"],
    ["envoy", "server-envoy"],
  ] as const) {
    it(`fails the piece of work and says that it was ${name}`, async (t) => {
      const rig = await Rig.start(new Set(["filter"] as const), SECONDS);
      t.after(() => rig.stop());
      const piece = rig.run(WORKLOADS[0]!, setupOf("filter"), 100_000_000);
      const ended = new RegExp(`^Fault: publish-16 by filter: [^]*\\n${name} ended \\(SIGKILL\\)`);
      const failed = assert.rejects(piece, ended);
      await waitFor("the work to be under way", async () => {
        const { in_msgs } = await rig.stand.nats.monitor<{ in_msgs: number }>("/varz");
        return in_msgs > 0;
      });
      process.kill(rig.stand[which].pid, "SIGKILL");
      await failed;
      // The same for the next piece, whose questions nobody answers.
      await assert.rejects(rig.run(WORKLOADS[0]!, setupOf("filter"), 2), ended);
    });
  }
});
