import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { STATS } from "../../assembly/telemetry/stats.ts";
import type { Sample } from "../stand/prometheus.ts";
import { RawClient } from "../stand/raw-client.ts";
import { Stand } from "../stand/stand.ts";
import { ORDERS_API, shopPolicy, WORKERS } from "./policy.ts";
import { settled } from "../stand/settled.ts";

/** A histogram has three names in Prometheus' form. */
const NAMES = STATS.flatMap(({ name, kind }) =>
  kind === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
);

/** Connections of orders-api. The kernel spreads them over the workers. */
const CONNECTIONS = 6;
/** `RawClient.handshake` sends two PINGs, and the flush at the end of a session sends one. */
const PINGS = 3;

const SESSION = [
  "SUB shop.a.open 1",
  "SUB billing.> 2",
  "SUB shop.a.secret.x 3",
  "SUB shop.a.work spies 4",
  // Without `verbose`: what is refused is answered, and what is allowed is delivered.
  "PUB shop.a.nobody 10\r\n0123456789",
  "PUB shop.a.nobody 0\r\n",
  "HPUB shop.a.nobody 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi",
  "PUB billing.a 7\r\nrefused",
  "PUB shop.a.secret.x 3\r\nbad",
  "HPUB shop.a.secret.x 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi",
  "PUB shop.a.nobody billing.replies 1\r\n?",
  "UNSUB 1",
]
  .map((operation) => `${operation}\r\n`)
  .join("");

/** The node's metadata, in which Istio tells a proxy its own workload, and the labels that follow. */
const METADATA = { WORKLOAD_NAME: "nats", NAMESPACE: "messaging" };
const DESTINATION = { destination_workload: "nats", destination_workload_namespace: "messaging" };

type Count = [labels: string, value: number];

/** Samples of a principal as `name{labels of its own}`, without the labels that all of them share. */
function countsOf(samples: readonly Sample[], principal: string, shared: Record<string, string>): Count[] {
  return samples
    .filter(({ name, labels }) => name.startsWith("istio_nats_") && labels["source_principal"] === principal)
    .filter(({ name }) => name.endsWith("_total"))
    .map(({ name, labels, value }): Count => {
      const { source_principal, source_workload_namespace, reporter, ...rest } = labels;
      const { destination_workload, destination_workload_namespace, ...own } = rest;
      const common = { source_workload_namespace, reporter, destination_workload, destination_workload_namespace };
      assert.deepEqual(common, { ...shared, ...DESTINATION });
      assert.equal(source_principal, principal);
      const text = Object.entries(own).map(([key, label]) => `${key}=${label}`);
      return [`${name}{${text.sort().join(",")}}`, value];
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** What one session adds to the counts, derived from what the test sends in it. */
const PER_SESSION: Record<string, number> = {
  "istio_nats_connections_opened_total{verdict=allowed}": 1,
  "istio_nats_connections_closed_total{}": 1,
  "istio_nats_messages_total{operation=CONNECT,subject=unknown,verdict=allowed}": 1,
  "istio_nats_messages_total{operation=PING,subject=unknown,verdict=allowed}": PINGS,
  "istio_nats_messages_total{operation=SUB,subject=other,verdict=allowed}": 2,
  "istio_nats_messages_total{operation=SUB,subject=other,verdict=refused}": 2,
  "istio_nats_messages_total{operation=UNSUB,subject=unknown,verdict=allowed}": 1,
  "istio_nats_messages_total{operation=PUB,subject=other,verdict=allowed}": 2,
  "istio_nats_messages_total{operation=PUB,subject=other,verdict=refused}": 3,
  "istio_nats_messages_total{operation=HPUB,subject=other,verdict=allowed}": 1,
  "istio_nats_messages_total{operation=HPUB,subject=other,verdict=refused}": 1,
  "istio_nats_bytes_total{operation=PUB,subject=other,verdict=allowed}": 10,
  "istio_nats_bytes_total{operation=PUB,subject=other,verdict=refused}": 7 + 3 + 1,
  "istio_nats_bytes_total{operation=HPUB,subject=other,verdict=allowed}": 20,
  "istio_nats_bytes_total{operation=HPUB,subject=other,verdict=refused}": 20,
  "istio_nats_refusals_total{operation=PUB,reason=not_allowed,rule=unknown,subject=other}": 1,
  "istio_nats_refusals_total{operation=PUB,reason=denied,rule=orders-api,subject=other}": 1,
  "istio_nats_refusals_total{operation=PUB,reason=reply_not_own,rule=unknown,subject=other}": 1,
  "istio_nats_refusals_total{operation=HPUB,reason=denied,rule=orders-api,subject=other}": 1,
  "istio_nats_refusals_total{operation=SUB,reason=not_allowed,rule=unknown,subject=other}": 1,
  "istio_nats_refusals_total{operation=SUB,reason=denied,rule=orders-api,subject=other}": 1,
};

describe("stats, in Prometheus' form", () => {
  let stand: Stand;

  before(async () => {
    stand = await Stand.start({
      listeners: { mtls: { filter: { config: shopPolicy } } },
      serverProxy: { concurrency: 2, metadata: METADATA },
    });
  });

  after(() => stand.stop());

  async function play(principal: string, session: string): Promise<void> {
    const tls = await stand.identity(principal);
    const client = await RawClient.connect(stand.port(), { tls });
    await client.handshake();
    await client.send(session);
    await client.flush();
    client.close();
  }

  function closed(principal: string, count: number): Promise<number> {
    const labels = { source_principal: principal };
    return stand.envoy.waitForStat("istio_nats_connections_closed_total", labels, (value) => value === count);
  }

  /** The counts of a principal whose connections are all closed. */
  async function countsOnceSettled(principal: string): Promise<Count[]> {
    const shared = { source_workload_namespace: "shop", reporter: "destination" };
    return settled(async () => countsOf(await stand.envoy.samples(), principal, shared));
  }

  it("count what clients sent, over all connections and workers, and nothing else", async () => {
    await Promise.all(Array.from({ length: CONNECTIONS }, () => play(ORDERS_API, SESSION)));
    await closed(ORDERS_API, CONNECTIONS);
    const counted = await countsOnceSettled(ORDERS_API);
    const expected = Object.entries(PER_SESSION).map(([labels, count]): Count => [labels, count * CONNECTIONS]);
    assert.deepEqual(
      counted,
      expected.sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  });

  it("count deliveries and their bytes for the client that receives them", async () => {
    const tls = await stand.identity(WORKERS);
    const worker = await RawClient.connect(stand.port(), { tls });
    await worker.handshake();
    await worker.send("SUB shop.b.ask 1\r\n");
    await worker.flush();
    await play(ORDERS_API, "PUB shop.b.ask 5\r\nhello\r\nHPUB shop.b.ask 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
    await worker.flush();
    worker.close();
    await closed(WORKERS, 1);
    const deliveries = (await countsOnceSettled(WORKERS)).filter(([labels]) => labels.includes("MSG"));
    assert.deepEqual(deliveries, [
      ["istio_nats_bytes_total{operation=HMSG,subject=other,verdict=allowed}", 14],
      ["istio_nats_bytes_total{operation=MSG,subject=other,verdict=allowed}", 5],
      ["istio_nats_messages_total{operation=HMSG,subject=other,verdict=allowed}", 1],
      ["istio_nats_messages_total{operation=MSG,subject=other,verdict=allowed}", 1],
    ]);
  });

  it("count streams that could not be read, by kind of error", async () => {
    const tls = await stand.identity(ORDERS_API);
    const client = await RawClient.connect(stand.port(), { tls });
    await client.handshake();
    await client.send("PUB shop.a.open 1\r\nx\r\nNONSENSE\r\n");
    await client.untilClosed();
    const labels = { source_principal: ORDERS_API, kind: "unknown_operation" };
    await stand.envoy.waitForStat("istio_nats_protocol_errors_total", labels, (count) => count === 1);
  });

  it("take no label and no name from a hostile certificate", async () => {
    const tls = await stand.identity("https://x.example/a;.;operation=.=PUB;.;verdict=.=allowed;.;");
    const client = await RawClient.connect(stand.port(), { tls });
    await client.send("CONNECT {}\r\nPING\r\n");
    await client.untilClosed();
    const labels = { operation: "CONNECT", reason: "no_rule" };
    await stand.envoy.waitForStat("istio_nats_refusals_total", labels, (count) => count === 1);
    const samples = await stand.envoy.samples();
    const refusal = samples.find((sample) => sample.labels["reason"] === "no_rule");
    assert.deepEqual(refusal?.labels, {
      reporter: "destination",
      source_principal: "https://x.example/a_._operation_._PUB_._verdict_._allowed_._",
      source_workload_namespace: "unknown",
      ...DESTINATION,
      subject: "unknown",
      rule: "unknown",
      ...labels,
    });
  });

  it("have only names of the table: no label is left in a name", async () => {
    const names = (await stand.envoy.samples()).map(({ name }) => name).filter((name) => name.includes("istio_nats"));
    assert.ok(names.length > 0);
    assert.deepEqual(
      [...new Set(names)].filter((name) => !NAMES.includes(name)),
      [],
    );
  });
});
