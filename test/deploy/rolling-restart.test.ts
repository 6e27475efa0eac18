import { jetstream, type JetStreamManager, type StreamInfo } from "@nats-io/jetstream";
import { connect, type NatsConnection, type Status } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { parse } from "yaml";
import { inRoot } from "../../tools/paths.ts";
import { waitFor } from "../stand/wait.ts";
import { Cluster, ELECTIONS, jetStreamOf } from "./cluster.ts";

const OPERATOR = "spiffe://cluster.local/ns/messaging/sa/nats-operator";
const STREAM = "ORDERS";

describe("a rolling restart of the nodes of deploy/nats", () => {
  let cluster: Cluster;
  let client: NatsConnection;
  let manager: JetStreamManager;
  const statuses: Status[] = [];

  before(async () => {
    const plugin = parse(readFileSync(inRoot("deploy", "sidecar", "wasmplugin.yaml"), "utf8")) as {
      spec: { pluginConfig: object };
    };
    cluster = await Cluster.start(plugin.spec.pluginConfig);
    client = await connect({
      servers: await cluster.urlsFor(OPERATOR),
      // INFO announces addresses of this machine, past the sidecars. In a mesh they are pods' addresses, which sidecars capture.
      ignoreClusterUpdates: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 50,
    });
    void (async () => {
      for await (const status of client.status()) statuses.push(status);
    })();
    manager = await jetStreamOf(client);
  });

  after(async () => {
    await client.close();
    await cluster.stop();
  });

  /** The stream once all three nodes have all of it, and undefined until then. */
  async function whole(): Promise<StreamInfo | undefined> {
    const info = await manager.streams.info(STREAM).catch(() => undefined);
    const replicas = info?.cluster?.replicas ?? [];
    return replicas.length === 2 && replicas.every(({ current, offline }) => current && !offline) ? info : undefined;
  }

  it("loses no message that was acknowledged, and no client for good", { timeout: 240_000 }, async () => {
    await waitFor(
      "a stream on three nodes",
      () => manager.streams.add({ name: STREAM, subjects: ["orders.>"], num_replicas: 3 }).catch(() => undefined),
      ELECTIONS,
    );
    await waitFor("all three have it", whole, ELECTIONS);

    let stored = 0;
    const restarted = new AbortController();
    const publishing = (async () => {
      const js = jetstream(client);
      // A message whose acknowledgement was late is stored all the same. So this does not end before the last is acknowledged.
      let acknowledged = false;
      while (!restarted.signal.aborted || !acknowledged) {
        // The same id again for what was not acknowledged, because JetStream stores it only once.
        const ack = await js
          .publish("orders.eu.created", "3 lemons", { msgID: `${stored}`, timeout: 1000 })
          .catch(() => undefined);
        acknowledged = ack !== undefined;
        if (acknowledged) stored++;
      }
    })();

    // As a StatefulSet does it: from the last to the first, and the next when this one is complete again.
    for (const { nats } of [...cluster.nodes].reverse()) {
      nats.lameDuck();
      await waitFor("nats-server ends of itself", () => !isRunning(nats.pid), ELECTIONS);
      const before = stored;
      await nats.restart();
      await waitFor("all three have it again", whole, ELECTIONS);
      await waitFor("publishing goes on", () => stored > before, ELECTIONS);
    }
    restarted.abort();
    await publishing;

    const { state } = await waitFor("all three have all of it", whole, ELECTIONS);
    assert.equal(state.messages, stored);
    assert.ok(stored > 10, `only ${stored} messages`);
    assert.ok(statuses.some(({ type }) => type === "ldm"));
    assert.deepEqual(
      statuses.filter(({ type }) => type === "error"),
      [],
    );
  });

  it("goes over routes with mTLS", async () => {
    for (const { nats, routes } of cluster.nodes) {
      const { num_routes: count } = await nats.monitor<{ num_routes: number }>("/routez");
      assert.ok(count > 0);
      assert.ok((await routes.envoy.rawStat("listener.127.0.0.1_0.ssl.handshake")) > 0);
    }
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
