import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { linesOf } from "../e2e/frames.ts";
import { ORDERS_API } from "../e2e/policy.ts";
import { messagesOf } from "../e2e/ways-round.ts";
import { publishByMqtt } from "../stand/mqtt-publish.ts";
import { RawClient } from "../stand/raw-client.ts";
import { Stand } from "../stand/stand.ts";
import { MINOR } from "./version.ts";

/** These take blanks and line breaks in a topic, and write them into the lines of clients (mqtt.go `mqttToNATSSubjectConversion`). */
const CARELESS = ["2.10", "2.11"];

const POLICY = {
  mode: "ENFORCE",
  trustDomains: ["cluster.local"],
  rules: [
    {
      name: "orders-api",
      from: [{ principals: ["cluster.local/ns/shop/sa/orders-api"] }],
      subscribe: { allow: ["ok.>", "_INBOX.>"] },
    },
  ],
};

describe(`a device that speaks MQTT with nats-server ${MINOR}`, () => {
  let stand: Stand;
  let mqtt: number;
  let alone: RawClient;
  let filtered: RawClient;

  before(async () => {
    stand = await Stand.start({
      listeners: { filtered: { filter: { config: POLICY } } },
      nats: { config: 'mqtt { listen: "127.0.0.1:-1" }' },
    });
    mqtt = (await stand.nats.monitor<{ mqtt: { port: number } }>("/varz")).mqtt.port;
    alone = await RawClient.connect(stand.nats.port);
    filtered = await RawClient.connect(stand.port(), { tls: await stand.identity(ORDERS_API) });
    for (const client of [alone, filtered]) {
      await client.handshake();
      await client.send("SUB ok.> 1\r\nSUB _INBOX.> 2\r\n");
      await client.flush();
    }
  });

  after(async () => {
    alone.close();
    filtered.close();
    await stand.stop();
  });

  it("reaches no other subscription by a blank in its topic", async () => {
    await publishByMqtt(mqtt, "ok/a\t2", "x");
    assert.deepEqual(await messagesOf(alone), CARELESS.includes(MINOR) ? ["HMSG ok.a\t2 1 25 26 x"] : []);
    for (const end of ["\n2", "\r2"]) await publishByMqtt(mqtt, `ok/a${end}`, "x");
    await publishByMqtt(mqtt, "ok/last", "x");
    assert.deepEqual(await messagesOf(filtered), ["HMSG ok.last 1 25 26 x"]);
  });

  it("writes no line of its own to a client", async () => {
    await publishByMqtt(mqtt, "ok/a\t1\t1\t1\r\nx\r\nMSG\t_INBOX/b\t2\t1\r\ny\r\n", "x");
    // Behind CR LF the filter does not know what is a line of nats-server's.
    const frames = CARELESS.includes(MINOR) ? await filtered.untilClosed() : await filtered.flush();
    assert.deepEqual(linesOf(frames), []);
  });
});
