import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Rig } from "../../bench/rig.ts";
import { setupOf } from "../../bench/setups.ts";
import { WORKLOADS } from "../../bench/workloads.ts";
import { RawClient } from "../stand/raw-client.ts";

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
