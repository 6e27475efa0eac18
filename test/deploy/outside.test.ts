import { connect } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Authority } from "../stand/certificates.ts";
import { NatsServer } from "../stand/nats-server.ts";
import { ORDERS_API, shopPolicy } from "../e2e/policy.ts";
import { RawClient } from "../stand/raw-client.ts";
import { ServerProxy } from "../stand/server-proxy.ts";
import { Sidecar } from "../stand/sidecar.ts";
import { Started } from "../stand/started.ts";
import { STATS_TAGS } from "../stand/stats-tags.ts";
import { PATIENCE } from "../stand/wait.ts";

const SERVER = "spiffe://nats.example.com/server";
const GATEWAY = "spiffe://cluster.local/ns/istio-system/sa/egress";

/** Puts an Envoy that originates TLS in front of a nats-server with TLS of its own, as an egress gateway may do. */
async function behindEnvoysTls<T>(handshakeFirst: boolean, use: (envoy: Sidecar) => Promise<T>): Promise<T> {
  const started = new Started();
  try {
    const { folder } = started;
    const authority = await Authority.create(folder, "root");
    const [server, client] = await Promise.all([
      authority.issue(SERVER),
      authority.issue("spiffe://cluster.local/gate"),
    ]);
    const tls = `tls { cert_file: "${server.certificateFile}", key_file: "${server.keyFile}", handshake_first: ${handshakeFirst} }`;
    const nats = await started.add(NatsServer.start(folder, { config: tls, jetStream: false }));
    return await use(await started.add(Sidecar.start(folder, "egress", client, nats.port, SERVER)));
  } finally {
    await started.stop();
  }
}

describe("a NATS outside of the mesh with TLS of its own, behind Envoy's TLS", () => {
  it("is not reached if TLS begins after INFO, which is nats-server's default: the connection ends", async () => {
    const frame = await behindEnvoysTls(false, async ({ port }) => (await RawClient.connect(port)).next());
    assert.equal(frame, undefined);
  });

  it("is reached if it has handshake_first, and still announces tls_required", async () => {
    const frame = await behindEnvoysTls(true, async ({ port }) => (await RawClient.connect(port)).next());
    assert.match(frame?.line ?? "", /^INFO .*"tls_required":true/);
  });

  it("loses a client that does what tls_required says", async () => {
    await behindEnvoysTls(true, async ({ url }) => {
      await assert.rejects(
        () => connect({ servers: url, reconnect: false, timeout: PATIENCE }),
        /wrong version number/,
      );
    });
  });
});

describe("the same with the filter in that Envoy", () => {
  it("serves clients that speak no TLS, by the policy", () => servesByPolicy(""));

  it("and where nats-server would also take them without TLS, and offers TLS in each further INFO", () =>
    servesByPolicy("allow_non_tls: true"));

  async function servesByPolicy(more: string): Promise<void> {
    const started = new Started();
    try {
      const { folder } = started;
      const authority = await Authority.create(folder, "root");
      const [server, gateway, peer] = await Promise.all([
        authority.issue(SERVER),
        authority.issue(GATEWAY),
        authority.issue(ORDERS_API),
      ]);
      const tls = `tls { cert_file: "${server.certificateFile}", key_file: "${server.keyFile}", handshake_first: true }`;
      const config = `${tls}\n${more}`;
      const nats = await started.add(NatsServer.start(folder, { config, jetStream: false }));
      const listeners = { egress: { filter: { config: shopPolicy }, serverUri: SERVER } };
      const options = { statsTags: STATS_TAGS };
      const proxy = await started.add(ServerProxy.start(folder, gateway, nats.port, listeners, options));
      const port = proxy.envoy.port("egress");
      const sidecar = await started.add(Sidecar.start(folder, "client", peer, port, GATEWAY));
      const client = await connect({ servers: sidecar.url, reconnect: false, timeout: PATIENCE });
      client.publish("shop.a.open");
      await client.flush();
      client.publish("billing.x");
      const refused = (async () => {
        for await (const status of client.status()) if (status.type === "error") return status.error.message;
        return undefined;
      })();
      await client.flush();
      assert.match((await refused) ?? "", /Permissions Violation for Publish to "billing.x"/);
      await client.close();
      assert.equal(await proxy.envoy.stat("istio_nats_protocol_errors_total"), 0);
    } finally {
      await started.stop();
    }
  }
});
