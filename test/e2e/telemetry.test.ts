import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, errors, type NatsConnection } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { isSample } from "../stand/prometheus.ts";
import { RawClient } from "../stand/raw-client.ts";
import { Stand } from "../stand/stand.ts";
import { PATIENCE, waitFor } from "../stand/wait.ts";
import { ORDERS_API, shopPolicy, WORKERS } from "./policy.ts";
import { settled } from "../stand/settled.ts";

const REQUESTS = 20;
/** How long the responder thinks, in milliseconds. */
const THINKS = 30;
/** When the filter gives up a request, in seconds: more than a busy machine adds to any. */
const GIVES_UP = 3;
/** Connections for the gauges: so many that the kernel gives each of the two workers some. */
const CONNECTIONS = 20;
const REQUEST = "istio_nats_request_duration_milliseconds";
const SERVICE = "istio_nats_service_duration_milliseconds";

const telemetry = {
  subjects: [
    { name: "asks", patterns: ["shop.*.ask"] },
    { name: "jetstream", patterns: ["$JS.API.>"] },
    { name: "events", patterns: ["shop.events.>"] },
  ],
  requestTimeout: `${GIVES_UP}s`,
};

describe("telemetry of real clients through a real Envoy with two workers", () => {
  let stand: Stand;
  let requester: NatsConnection;
  let responder: NatsConnection;

  before(async () => {
    stand = await Stand.start({
      listeners: { mtls: { filter: { config: { ...shopPolicy, telemetry } } } },
      serverProxy: { concurrency: 2 },
    });
    requester = await as(ORDERS_API);
    responder = await as(WORKERS);
    responder.subscribe("shop.a.ask", {
      callback: (_error, message) => {
        setTimeout(() => message.respond("done"), THINKS);
      },
    });
    await responder.flush();
  });

  after(async () => {
    await Promise.all([requester, responder].map((connection) => connection.close()));
    await stand.stop();
  });

  async function as(principal: string): Promise<NatsConnection> {
    return connect({ servers: (await stand.sidecar(principal)).url, reconnect: false });
  }

  /** The samples of a histogram's buckets, cumulative, by their bounds. */
  async function bucketsOf(name: string, labels: Record<string, string>): Promise<Map<string, number>> {
    const samples = await stand.envoy.samples();
    const buckets = samples.filter((sample) => isSample(sample, `${name}_bucket`, labels));
    return new Map(buckets.map((sample) => [sample.labels["le"]!, sample.value]));
  }

  it("times requests as the requester and as the responder see them, in Envoy's histograms with labels", async () => {
    for (let i = 0; i < REQUESTS; i++) {
      const reply = await requester.request("shop.a.ask", "?", { timeout: PATIENCE });
      assert.equal(reply.string(), "done");
    }
    for (const [name, source_principal] of [
      [REQUEST, ORDERS_API],
      [SERVICE, WORKERS],
    ] as const) {
      const labels = { subject: "asks", source_principal, reporter: "destination" };
      await stand.envoy.waitForStat(`${name}_count`, labels, (count) => count === REQUESTS);
      const buckets = await bucketsOf(name, labels);
      assert.equal(buckets.get("+Inf"), REQUESTS);
      assert.equal(buckets.get("25"), 0, `${name} below ${THINKS} ms`);
      assert.equal(buckets.get("5000"), REQUESTS);
      const sum = await stand.envoy.stat(`${name}_sum`, labels);
      assert.ok(sum >= REQUESTS * (THINKS - 1), `${sum} ms`);
    }
    assert.equal(await stand.envoy.stat("istio_nats_requests_unanswered_total"), 0);
  });

  it("counts requests that nobody listens to, and those that get no answer", async () => {
    const nobody = await requester.request("shop.b.ask", "?", { timeout: PATIENCE }).catch((error: unknown) => error);
    assert.ok(nobody instanceof errors.RequestError && nobody.isNoResponders(), String(nobody));
    await stand.envoy.waitForStat("istio_nats_no_responders_total", { subject: "asks" }, (count) => count === 1);
    // The tick that reports it would also have reported its duration.
    assert.equal(await stand.envoy.stat(`${REQUEST}_count`, { subject: "asks" }), REQUESTS);

    const deaf = await as(ORDERS_API);
    deaf.subscribe("shop.deaf.ask", { callback: () => undefined });
    await deaf.flush();
    await assert.rejects(requester.request("shop.deaf.ask", "?", { timeout: 200 }));
    const unanswered = "istio_nats_requests_unanswered_total";
    await stand.envoy.waitForStat(unanswered, { subject: "asks", reason: "expired" }, (count) => count === 1);
    await deaf.close();
  });

  it("times JetStream's acknowledgements of publishes, but neither pulls nor acknowledgements of its messages", async () => {
    const manager = await jetstreamManager(requester);
    await manager.streams.add({ name: "EVENTS", subjects: ["shop.events.>"] });
    await manager.consumers.add("EVENTS", { durable_name: "reader", ack_policy: "explicit" });
    for (let i = 0; i < 10; i++) await jetstream(requester).publish("shop.events.a", "x");
    await stand.envoy.waitForStat(`${REQUEST}_count`, { subject: "events" }, (count) => count === 10);
    const consumer = await jetstream(requester).consumers.get("EVENTS", "reader");
    const published = { operation: "PUB", subject: "other" };
    const before = await stand.envoy.stat("istio_nats_messages_total", published);
    const message = await consumer.next({ expires: PATIENCE });
    assert.equal(message?.string(), "x");
    message.ack();
    // Longer than telemetry.requestTimeout, because a pull without messages is a long poll.
    let more = 0;
    for await (const each of await consumer.fetch({ max_messages: 20, expires: GIVES_UP * 1000 + 1500 })) {
      each.ack();
      more++;
    }
    assert.equal(more, 9);
    const unanswered = await stand.envoy.stat("istio_nats_requests_unanswered_total", { subject: "jetstream" });
    assert.equal(unanswered, 0);
    // The tick that reports the ten acknowledgements would also have reported durations.
    await stand.envoy.waitForStat("istio_nats_messages_total", published, (count) => count >= before + 10);
    assert.equal(await stand.envoy.stat(`${SERVICE}_count`, { subject: "events" }), 0);
  });

  it("has gauges that add up over both workers and return to 0 when their connections are closed", async () => {
    const labels = { source_principal: ORDERS_API };
    const active = "istio_nats_connections_active";
    const subscribed = "istio_nats_subscriptions_active";
    const before = await settled(async () => ({
      active: await stand.envoy.stat(active, labels),
      subscribed: await stand.envoy.stat(subscribed, labels),
    }));
    const clients = await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        const client = await RawClient.connect(stand.port(), { tls: await stand.identity(ORDERS_API) });
        await client.handshake();
        await client.send("SUB shop.x.y 1\r\nSUB shop.x.z 2\r\n");
        await client.flush();
        return client;
      }),
    );
    await stand.envoy.waitForStat(active, labels, (value) => value === before.active + CONNECTIONS);
    await stand.envoy.waitForStat(subscribed, labels, (value) => value === before.subscribed + 2 * CONNECTIONS);
    const shares = JSON.parse(await stand.envoy.admin("/stats?format=json&filter=worker_..downstream_cx_active")) as {
      stats: { name: string; value: number }[];
    };
    const busy = shares.stats.filter(({ name, value }) => name.startsWith("listener.127.0.0.1") && value > 0);
    assert.equal(busy.length, 2, "both workers have connections");
    clients.forEach((client, i) => (i % 2 === 0 ? client.close() : client.reset()));
    await stand.envoy.waitForStat(active, labels, (value) => value === before.active);
    await stand.envoy.waitForStat(subscribed, labels, (value) => value === before.subscribed);
  });

  it("reports the policy in force, 1 for it and 0 for the one before, never 0 for both, and counts one that was refused", async () => {
    const info = async (): Promise<[policy: string, mode: string, value: number][]> =>
      (await stand.envoy.samples())
        .filter(({ name }) => name === "istio_nats_policy_info")
        .map(({ labels, value }) => [labels["policy"]!, labels["mode"]!, value]);
    const [first] = await info();
    assert.match(first![0], /^[0-9a-f]{16}$/);
    assert.deepEqual(first!.slice(1), ["ENFORCE", 1]);
    assert.equal(await stand.envoy.stat("istio_nats_policy_rules"), shopPolicy.rules.length);

    assert.equal(await stand.update({ config: { ...shopPolicy, rules: [] } }), "REJECTED");
    await stand.envoy.waitForStat("istio_nats_policy_rejected_total", {}, (count) => count >= 1);
    assert.deepEqual(await info(), [first]);

    assert.equal(await stand.update({ config: { ...shopPolicy, mode: "DRY_RUN" } }), "ACCEPTED");
    await waitFor("the new policy alone is reported", async () => {
      const inForce = (await info()).filter(([, , value]) => value === 1);
      assert.notEqual(inForce.length, 0);
      return inForce.every(([policy, mode]) => policy !== first![0] && mode === "DRY_RUN");
    });
  });
});
