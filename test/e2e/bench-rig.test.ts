import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Rig } from "../../bench/rig.ts";
import { setupOf } from "../../bench/setups.ts";
import { WORKS } from "../../bench/works.ts";
import { buildModule } from "../../tools/wasm.ts";
import { RawClient } from "../stand/raw-client.ts";

describe("the bench's rig", () => {
  let rig: Rig;
  const publish = WORKS.find(({ name }) => name === "publish-16")!;
  const refused = WORKS.find(({ name }) => name === "publish-refused")!;

  before(async () => {
    // It counts nothing, as a file of --beside that is no build of istio-nats.
    rig = await Rig.start(0.1, await buildModule("bench/modules/empty.ts"));
  });

  after(() => rig.stop());

  it("finds at nats-server what has been published and what nats-server refuses, and nothing of what the filter does", async () => {
    for (const work of [publish, refused])
      for (const name of ["permissions", "filter"] as const)
        assert.equal((await rig.send(work, setupOf(name), 2000)).operations, 2000);
    await rig.checkStats();
  });

  it("says how many publishes a filter has not counted that went through it", async () => {
    await rig.send(publish, setupOf("other"), 2000);
    await assert.rejects(
      rig.checkStats(1000),
      /^Fault: istio-nats has counted \d+ publishes, and \d+ went through it\./,
    );
  });

  it("fails a piece of work of which nats-server has had other messages than were published", async (t) => {
    const other = await RawClient.connect(rig.stand.nats.port);
    t.after(() => other.close());
    await other.handshake();
    const state = { isOver: false };
    const piece = rig.send(publish, setupOf("filter"), 200_000).finally(() => (state.isOver = true));
    const disturbed = assert.rejects(
      piece,
      /^Fault: publish-16 by filter: nats-server has had \d+ messages too many\./,
    );
    while (!state.isOver) {
      await other.send("PUB orders.e000.created 2\r\nhi\r\n");
      await other.flush();
    }
    await disturbed;
  });
});
