import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { parse } from "yaml";
import { inRoot } from "../../tools/paths.ts";
import { Stand } from "../stand/stand.ts";
import { PATIENCE, waitFor } from "../stand/wait.ts";

const plugin = parse(readFileSync(inRoot("deploy", "sidecar", "wasmplugin.yaml"), "utf8")) as {
  spec: { pluginConfig: object };
};

describe("the policy that deploy/ ships, with JetStream", () => {
  let stand: Stand;

  before(async () => {
    // It ships in DRY_RUN. The test checks what it refuses once it is enforced.
    const config = { ...plugin.spec.pluginConfig, mode: "ENFORCE" };
    stand = await Stand.start({ listeners: { mtls: { filter: { config } } } });
  });

  after(() => stand.stop());

  async function as(path: string): Promise<NatsConnection> {
    const sidecar = await stand.sidecar(`spiffe://cluster.local/${path}`);
    return connect({ servers: sidecar.url, reconnect: false });
  }

  it("lets the operator create a stream, orders-api fill it and billing consume it, and allows billing nothing else", async () => {
    const operator = await as("ns/messaging/sa/nats-operator");
    const manager = await jetstreamManager(operator);
    await manager.streams.add({ name: "ORDERS", subjects: ["orders.*.created"] });
    await manager.consumers.add("ORDERS", { durable_name: "billing", ack_policy: AckPolicy.Explicit });

    const ordersApi = await as("ns/shop/sa/orders-api");
    const stored = await jetstream(ordersApi).publish("orders.eu.created", "3 lemons");
    assert.equal(stored.seq, 1);

    const billing = await as("ns/finance/sa/billing");
    const consumer = await jetstream(billing).consumers.get("ORDERS", "billing");
    const message = await consumer.next({ expires: PATIENCE });
    assert.equal(message?.string(), "3 lemons");
    assert.equal(await message.ackAck(), true);
    assert.equal((await manager.consumers.info("ORDERS", "billing")).num_ack_pending, 0);

    const errors: string[] = [];
    void (async () => {
      for await (const status of billing.status()) if (status.type === "error") errors.push(status.error.message);
    })();
    billing.publish("$JS.API.STREAM.DELETE.ORDERS");
    await billing.flush();
    await stand.waitForAudit((record) => record["subject"] === "$JS.API.STREAM.DELETE.ORDERS");
    // nats.js gives its listeners an error later than it reads it.
    await waitFor("the client's error", () => errors.length > 0);
    assert.deepEqual(errors, ['Permissions Violation for Publish to "$JS.API.STREAM.DELETE.ORDERS"']);
    assert.equal((await manager.streams.info("ORDERS")).state.messages, 1);
    await Promise.all([operator, ordersApi, billing].map((connection) => connection.close()));
  });
});
