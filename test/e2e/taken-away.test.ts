import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pushResource, sourceOf } from "../stand/discovery-file.ts";
import { Envoy } from "../stand/envoy.ts";
import { statsTag, tcpCluster, tcpListener, tcpProxy } from "../stand/mesh.ts";
import { NatsServer } from "../stand/nats-server.ts";
import { RawClient } from "../stand/raw-client.ts";
import { Started } from "../stand/started.ts";
import { STATS_TAGS } from "../stand/stats-tags.ts";
import { waitFor } from "../stand/wait.ts";
import { DiscoveredFilter } from "../stand/wasm-filter.ts";
import { shopPolicy } from "./policy.ts";

const LISTENER = "mtls";
const CLUSTER = "nats";

/** An Envoy whose listener comes by discovery, so that the filter can be taken out of it as istiod does. */
class Proxy {
  readonly envoy: Envoy;
  readonly #file: string;

  private constructor(envoy: Envoy, file: string) {
    this.envoy = envoy;
    this.#file = file;
  }

  static async start(started: Started): Promise<Proxy> {
    const nats = await started.add(NatsServer.start(started.folder));
    const filter = new DiscoveredFilter(started.folder, LISTENER, { config: { ...shopPolicy, mode: "DRY_RUN" } });
    const file = join(started.folder, "listeners.json");
    push(file, 1, [filter.reference()]);
    const bootstrap = {
      node: { id: "sidecar~127.0.0.1~nats-0.messaging~messaging.svc.cluster.local", cluster: "nats.messaging" },
      stats_config: { stats_tags: STATS_TAGS.map(statsTag) },
      dynamic_resources: { lds_config: sourceOf(file) },
      static_resources: { clusters: [tcpCluster(CLUSTER, nats.port)] },
    };
    return new Proxy(await started.add(Envoy.start(started.folder, "server-envoy", bootstrap)), file);
  }

  takeFilterAway(): void {
    push(this.#file, 2, []);
  }
}

function push(file: string, version: number, filters: object[]): void {
  pushResource(file, version, {
    "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
    ...tcpListener(LISTENER, [{ filters: [...filters, tcpProxy(CLUSTER)] }]),
  });
}

describe("a filter that is taken from a running proxy", () => {
  let started: Started;
  let proxy: Proxy;

  before(async () => {
    started = new Started();
    proxy = await Proxy.start(started);
  });

  after(() => started.stop());

  // NATSPluginMissing relies on it.
  it("is no longer reported in force once Envoy has drained its listener, for the connections that stay end then", async () => {
    const { envoy } = proxy;
    const client = await RawClient.connect(envoy.port(LISTENER));
    await client.handshake();
    await envoy.waitForStat("istio_nats_connections_active", {}, (count) => count === 1);
    assert.equal(await envoy.stat("istio_nats_policy_info"), 1);

    proxy.takeFilterAway();
    await client.untilClosed();
    await waitFor("no stat of the filter is left", async () => {
      const samples = await envoy.samples();
      return samples.every(({ name }) => !name.startsWith("istio_nats_"));
    });

    const unjudged = await RawClient.connect(envoy.port(LISTENER));
    await unjudged.handshake();
    unjudged.close();
    client.close();
  });
});
