import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { denied } from "./denial.ts";
import { manifestsOf, only, selects, type Manifest } from "./manifests.ts";

interface ServiceSpec {
  selector: Record<string, string>;
  ports: { name: string; appProtocol: string; port: number; targetPort: number }[];
}

const PODS = { "app.kubernetes.io/name": "nats" };
const BROKER = "cluster.local/ns/messaging/sa/nats";
const LEAF = "cluster.local/ns/edge/sa/nats-leaf";
const PROMETHEUS = "cluster.local/ns/monitoring/sa/prometheus";
const WAYPOINT = "cluster.local/ns/messaging/sa/nats-waypoint";
const STRANGER = "cluster.local/ns/shop/sa/orders-api";

const ports = {
  client: 4222,
  cluster: 6222,
  gateway: 7222,
  leafnodes: 7422,
  monitor: 8222,
  webSocket: 8080,
  mqtt: 1883,
};

describe("the objects around nats-server", () => {
  let sidecar: Manifest[];
  let waypoint: Manifest[];
  let nats: Manifest[];

  before(async () => {
    [sidecar, waypoint, nats] = await Promise.all([
      manifestsOf("sidecar"),
      manifestsOf("waypoint"),
      manifestsOf("nats"),
    ]);
  });

  it("declare every port's protocol, because nats-server speaks first", () => {
    for (const service of nats.filter(({ kind }) => kind === "Service")) {
      for (const { name, appProtocol } of (service.spec as unknown as ServiceSpec).ports) {
        assert.equal(appProtocol, name.split("-")[0], name);
        assert.ok(["tcp", "http"].includes(appProtocol), name);
      }
    }
  });

  it("have the same port in the Service and in the container, because Istio's parts look at different ones", () => {
    for (const service of nats.filter(({ kind }) => kind === "Service")) {
      for (const { port, targetPort } of (service.spec as unknown as ServiceSpec).ports) assert.equal(port, targetPort);
    }
    const { ports } = only(nats, "Service", "nats").spec as unknown as ServiceSpec;
    assert.deepEqual(
      ports.map(({ port }) => port),
      [4222, 6222, 7222, 7422, 8222],
    );
  });

  it("select the pods whose proxies load the filter", () => {
    const { selector } = only(nats, "WasmPlugin").spec as { selector: { matchLabels: Record<string, string> } };
    const { template } = only(nats, "StatefulSet").spec as {
      template: { metadata: { labels: Record<string, string> } };
    };
    assert.ok(selects(selector.matchLabels, template.metadata.labels));
    for (const service of nats.filter(({ kind }) => kind === "Service")) {
      assert.deepEqual((service.spec as unknown as ServiceSpec).selector, selector.matchLabels);
    }
  });

  it("accept only mTLS", () => {
    for (const manifests of [sidecar, waypoint, nats]) {
      const { mtls, selector } = only(manifests, "PeerAuthentication").spec as {
        mtls: { mode: string };
        selector: { matchLabels: Record<string, string> };
      };
      assert.equal(mtls.mode, "STRICT");
      assert.ok(selects(selector.matchLabels, PODS));
    }
  });

  it("leave the client port to the filter", () => {
    const policies = sidecar.filter(({ kind }) => kind === "AuthorizationPolicy");
    for (const who of [STRANGER, LEAF, BROKER, undefined]) assert.equal(denied(policies, ports.client, who), false);
  });

  it("reserve every other port for the broker and the peers that they name, whatever the port is", () => {
    const policies = sidecar.filter(({ kind }) => kind === "AuthorizationPolicy");
    const open: Record<string, number[]> = {
      [LEAF]: [ports.leafnodes],
      [PROMETHEUS]: [ports.monitor],
      [BROKER]: Object.values(ports),
    };
    for (const port of [...Object.values(ports), 65432]) {
      if (port === ports.client) continue;
      for (const who of [STRANGER, LEAF, PROMETHEUS, undefined]) {
        const admitted = who !== undefined && (open[who] ?? []).includes(port);
        assert.equal(denied(policies, port, who), !admitted, `${who ?? "nobody"} on ${port}`);
      }
      if (port !== 65432) assert.equal(denied(policies, port, BROKER), false, `the broker on ${port}`);
    }
  });

  it("accept clients only from the waypoint, if there is one", () => {
    const policies = waypoint.filter(({ kind }) => kind === "AuthorizationPolicy");
    for (const who of [STRANGER, LEAF, PROMETHEUS, BROKER, undefined]) {
      assert.equal(denied(policies, ports.client, who), true, who ?? "nobody");
    }
    assert.equal(denied(policies, ports.client, WAYPOINT), false);
    for (const port of Object.values(ports)) {
      if (port !== ports.client) assert.equal(denied(policies, port, WAYPOINT), true, `the waypoint on ${port}`);
    }
  });

  it("send clients of the Service through the waypoint of that name", () => {
    const gateway = only(waypoint, "Gateway");
    const service = only(waypoint, "Service");
    assert.equal(gateway.spec["gatewayClassName"], "istio-waypoint");
    assert.equal(service.metadata.labels?.["istio.io/use-waypoint"], gateway.metadata.name);
    assert.equal(`cluster.local/ns/${gateway.metadata.namespace!}/sa/${gateway.metadata.name}`, WAYPOINT);
    assert.deepEqual(only(waypoint, "WasmPlugin").spec["targetRefs"], [
      { group: "", kind: "Service", name: service.metadata.name },
    ]);
  });
});
