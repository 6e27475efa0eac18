import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { buildModule } from "../../tools/wasm.ts";
import { RawClient } from "../stand/raw-client.ts";
import { Stand } from "../stand/stand.ts";
import { ORDERS_API } from "./policy.ts";

// A module that logs its configuration, and refuses the configuration `"no"`.
const PROBE = "test/stand/modules/probe.ts";

describe("the stand, with a filter that only logs", () => {
  let stand: Stand;
  let wasm: string;

  before(async () => {
    wasm = await buildModule(PROBE);
    stand = await Stand.start({ listeners: { mtls: { filter: { wasm, config: { mode: "ENFORCE" } } } } });
  });

  after(() => stand.stop());

  it("hands the configuration over as compact JSON and reads the module's log lines as audit records", async () => {
    const sidecar = await stand.sidecar(ORDERS_API);
    const client = await RawClient.connect(sidecar.port);
    await client.handshake();
    client.close();
    await stand.waitForAudit((record) => record["event"] === "connection");
    assert.deepEqual(
      stand.audit().find((record) => record["event"] === "configuration"),
      { event: "configuration", value: { mode: "ENFORCE" } },
    );
  });

  it("distinguishes an accepted update from a rejected one", async () => {
    assert.equal(await stand.update({ wasm, config: { mode: "DRY_RUN" } }), "ACCEPTED");
    await stand.waitForAudit(({ value }) => JSON.stringify(value) === '{"mode":"DRY_RUN"}');
    assert.equal(await stand.update({ wasm, config: '"no"' }), "REJECTED");
    assert.equal(await stand.update({ wasm, config: { mode: "ENFORCE" } }), "ACCEPTED");
  });
});
