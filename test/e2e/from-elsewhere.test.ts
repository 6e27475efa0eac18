import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { publishByMqtt } from "../stand/mqtt-publish.ts";
import { RawClient } from "../stand/raw-client.ts";
import { Stand } from "../stand/stand.ts";
import { ORDERS_API } from "./policy.ts";
import { errorsOf, messagesOf, publish, refusedPublish, refusedReply } from "./ways-round.ts";

/**
 * HUB has the stream. SHOP, which is every client that names no user, imports JetStream's API from there under two names, and
 * rewrites what is published to `order.new`. SPOKE has no JetStream, and uses that of the domain `hub` beyond a leaf node.
 */
const CONFIG = `accounts {
  HUB { jetstream: enabled, users: [{ user: hub, password: hub }], exports: [{ service: "$JS.API.>", response: stream }] }
  SHOP {
    jetstream: enabled, users: [{ user: shop, password: shop }]
    imports: [
      { service: { account: HUB, subject: "$JS.API.>" }, to: "hub.API.>" }
      { service: { account: HUB, subject: "$JS.API.>" }, to: "$JS.hub.API.>" }
    ]
    mappings: { "order.*": [{ destination: "bills.{{wildcard(1)}}", weight: 100% }] }
  }
  SPOKE { users: [{ user: spoke, password: spoke }] }
}
no_auth_user: shop
default_js_domain: { SPOKE: hub }
mqtt { listen: "127.0.0.1:-1" }
`;

const ADMIN = "orders.admin";

/** What orders-api may publish beside what `deny` names, which each test has for itself. */
function policyOf(deny: string[]): object {
  const from = [{ principals: ["cluster.local/ns/shop/sa/orders-api"] }];
  const subscribe = { allow: ["_INBOX.a.>"], deny: ["_INBOX.a.secret"] };
  const rules = [{ name: "orders-api", from, publish: { allow: [">"], deny }, subscribe, replies: "ANY" }];
  return { mode: "ENFORCE", trustDomains: ["cluster.local"], rules };
}

describe("what nats-server rewrites behind the filter, or brings from elsewhere", () => {
  let stand: Stand;
  let hub: RawClient;
  let shop: RawClient;

  before(async () => {
    const denials = {
      reader: [],
      api: [`hub.API.DIRECT.GET.S.${ADMIN}`, `$JS.hub.API.DIRECT.GET.S.${ADMIN}`],
      destination: ["bills.>"],
      source: ["bills.>", "order.*"],
      far: ["$JS.hub.API.STREAM.DELETE.>"],
      near: ["$JS.API.STREAM.DELETE.>"],
    };
    const listeners = Object.fromEntries(
      Object.entries(denials).map(([name, deny]) => [name, { filter: { config: policyOf(deny) } }]),
    );
    stand = await Stand.start({ listeners, nats: { config: CONFIG } });
    hub = await RawClient.connect(stand.nats.port);
    await hub.handshake({ user: "hub", pass: "hub" });
    shop = await RawClient.connect(stand.nats.port);
    await shop.handshake();
  });

  after(async () => {
    hub.close();
    shop.close();
    await stand.stop();
  });

  async function connect(listener: string, credentials = {}): Promise<RawClient> {
    const client = await RawClient.connect(stand.port(listener), { tls: await stand.identity(ORDERS_API) });
    await client.handshake(credentials);
    await client.send("SUB _INBOX.a.> 1\r\n");
    await client.flush();
    return client;
  }

  async function api(client: RawClient, subject: string, request: object): Promise<void> {
    await client.send(`SUB _INBOX.o 9\r\n${publish(`$JS.API.${subject}`, JSON.stringify(request), "", "_INBOX.o")}`);
    const { payload } = await client.expect("MSG");
    assert.doesNotMatch(String(payload), /"error"/);
    await client.send("UNSUB 9\r\n");
    await client.flush();
  }

  it("a device of MQTT with the longest topic does not keep a reader from what its stream has", async () => {
    await api(shop, "STREAM.CREATE.PLANT-SENSORS", {
      name: "PLANT-SENSORS",
      subjects: ["sensors.>"],
      storage: "memory",
    });
    const consumer = { durable_name: "dashboard-1", ack_policy: "explicit" };
    await api(shop, "CONSUMER.DURABLE.CREATE.PLANT-SENSORS.dashboard-1", {
      stream_name: "PLANT-SENSORS",
      config: consumer,
    });
    // Each dot of a topic is two bytes of a subject.
    const rest = 65_535 - "sensors/".length;
    const { mqtt } = await stand.nats.monitor<{ mqtt: { port: number } }>("/varz");
    await publishByMqtt(mqtt.port, `sensors/${".".repeat(rest)}`, "hot");
    await publishByMqtt(mqtt.port, "sensors/a", "cold");
    const client = await connect("reader");
    const pull = publish("$JS.API.CONSUMER.MSG.NEXT.PLANT-SENSORS.dashboard-1", '{"batch":2}', "", "_INBOX.a.1");
    await client.send(pull);
    const { line } = await client.expect("HMSG");
    assert.match(line, /^HMSG sensors\.\/+ 1 \$JS\.ACK\.PLANT-SENSORS\.dashboard-1\.1\.1\.1\./);
    assert.equal(line.split(" ")[1]?.length, "sensors.".length + 2 * rest);
    await client.expect("HMSG", /^HMSG sensors\.a 1 /);
    client.close();
  });

  it("JetStream's API is known by another name too, if it begins with `$JS.`", async () => {
    await api(hub, "STREAM.CREATE.S", { name: "S", subjects: ["orders.>"], storage: "memory", allow_direct: true });
    await hub.send(publish(ADMIN, "SECRET"));
    await hub.flush();
    const client = await connect("api");
    const get = (name: string, subject: string): string =>
      publish(`${name}.DIRECT.GET.S.${subject}`, "", "", "_INBOX.a.1");
    for (const name of ["hub.API", "$JS.hub.API"])
      assert.deepEqual(await errorsOf(client, get(name, ADMIN)), refusedPublish(`${name}.DIRECT.GET.S.${ADMIN}`));
    await client.send(get("hub.API", "orders.>"));
    const { payload } = await client.expect("HMSG");
    assert.match(String(payload), /SECRET/);
    assert.deepEqual(
      await errorsOf(client, get("$JS.hub.API", "orders.>")),
      refusedPublish("$JS.hub.API.DIRECT.GET.S.orders.>"),
    );
    const purge = "$JS.hub.API.STREAM.PURGE.S";
    assert.deepEqual(await errorsOf(client, publish("$JS.hub.API.STREAM.INFO.S", "", "", purge)), refusedReply(purge));
    client.close();
  });

  it("a mapping leads out of what a deny names, unless that names what the mapping takes", async () => {
    await shop.send("SUB bills.> 1\r\n");
    await shop.flush();
    const [destination, source] = [await connect("destination"), await connect("source")];
    assert.deepEqual(await errorsOf(destination, publish("bills.new")), refusedPublish("bills.new"));
    assert.deepEqual(await errorsOf(destination, publish("order.new", "x")), []);
    assert.deepEqual(await messagesOf(shop), ["MSG bills.new 1 1 x"]);
    assert.deepEqual(await errorsOf(source, publish("order.new", "x")), refusedPublish("order.new"));
    assert.deepEqual(await messagesOf(shop), []);
    destination.close();
    source.close();
  });

  it("a default domain is written into requests behind the filter, so that a deny must do without it", async () => {
    const spoke = await RawClient.connect(stand.nats.port);
    await spoke.handshake({ user: "spoke", pass: "spoke" });
    await spoke.send("SUB $JS.hub.API.> 1\r\n");
    await spoke.flush();
    const end = "$JS.API.STREAM.DELETE.S";
    const credentials = { user: "spoke", pass: "spoke" };
    const [far, near] = [await connect("far", credentials), await connect("near", credentials)];
    assert.deepEqual(await errorsOf(far, publish(end)), []);
    assert.deepEqual(await messagesOf(spoke), ["MSG $JS.hub.API.STREAM.DELETE.S 1 0 "]);
    for (const subject of [end, "$JS.hub.API.STREAM.DELETE.S"])
      assert.deepEqual(await errorsOf(near, publish(subject)), refusedPublish(subject));
    assert.deepEqual(await messagesOf(spoke), []);
    for (const client of [spoke, far, near]) client.close();
  });
});
