import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { STATS_TAGS } from "../../cli/stats-tags.ts";
import { inRoot } from "../../tools/paths.ts";
import { document, DOCUMENTS, ids } from "./sound-mesh.ts";
import { doctor } from "./support.ts";

let policies = 0;

function networkPolicy(spec: object, namespace = "messaging"): string {
  return document("networking.k8s.io", "NetworkPolicy", `n${policies++}`, namespace, spec);
}

const NATS = { matchLabels: { app: "nats" } };
const lettingIn = (...ports: object[]): object => ({ podSelector: NATS, ingress: [{ ports }] });

describe("NetworkPolicies", () => {
  it("shut out everybody where each that selects nats-server's pods leaves out the client port", () => {
    for (const spec of [
      { podSelector: {} },
      { podSelector: NATS, policyTypes: ["Ingress", "Egress"], ingress: [] },
      { podSelector: { matchExpressions: [{ key: "app", operator: "In", values: ["nats", "x"] }] } },
      { podSelector: { matchExpressions: [{ key: "tier", operator: "DoesNotExist" }] } },
      lettingIn({ port: 8222 }),
      lettingIn({ port: 4222, protocol: "UDP" }),
      lettingIn({ port: 4000, endPort: 4221 }),
      lettingIn({ port: "nats" }),
    ])
      assert.deepEqual(ids(...DOCUMENTS, networkPolicy(spec)), ["network-denied"], JSON.stringify(spec));
  });

  it("let in what any of them lets in, and are not asked about pods that they do not select", () => {
    for (const spec of [
      lettingIn({ port: 4222 }),
      lettingIn({ port: "client", protocol: "TCP" }),
      lettingIn({ port: 4000, endPort: 5000 }),
      lettingIn({ protocol: "TCP" }),
      { podSelector: NATS, ingress: [{ from: [{ podSelector: {} }] }] },
      { podSelector: NATS, policyTypes: ["Egress"] },
      { podSelector: { matchLabels: { app: "x" } } },
      { podSelector: { matchExpressions: [{ key: "app", operator: "NotIn", values: ["nats"] }] } },
      { podSelector: { matchExpressions: [{ key: "tier", operator: "Exists" }] } },
    ])
      assert.deepEqual(ids(...DOCUMENTS, networkPolicy(spec)), [], JSON.stringify(spec));
    assert.deepEqual(ids(...DOCUMENTS, networkPolicy({ podSelector: {} }, "shop")), []);
    const both = [networkPolicy({ podSelector: {} }), networkPolicy(lettingIn({ port: 4222 }))];
    assert.deepEqual(ids(...DOCUMENTS, ...both), []);
  });

  it("must let in ztunnel's port in ambient mode, and no other", () => {
    const fixture = inRoot("test", "cli", "fixtures", "waypoint-bypass", "good.yaml");
    const ambient = readFileSync(fixture, "utf8").replaceAll("ALL-STATS-TAGS", STATS_TAGS.join()).split("---\n");
    const told = (port: number): string[] =>
      doctor([...ambient, networkPolicy(lettingIn({ port }))].join("\n---\n")).map(
        ({ id, remedy }) => `${id}: ${remedy}`,
      );
    const remedy = "add to the ingress of a NetworkPolicy for these pods: ports: [{protocol: TCP, port: 15008}]";
    assert.deepEqual(told(4222), [`network-denied: ${remedy}`]);
    assert.deepEqual(told(15008), []);
  });

  it("must let in the routes of nats-servers that dial each other", () => {
    const fixture = inRoot("test", "cli", "fixtures", "nats-route-nothing", "good.yaml");
    const nodes = readFileSync(fixture, "utf8").replaceAll("ALL-STATS-TAGS", STATS_TAGS.join());
    const told = (...ports: object[]): string[] =>
      doctor(`${nodes}---\n${networkPolicy(lettingIn(...ports))}`).map(({ message }) =>
        message.replace(/.* reach /, ""),
      );
    assert.deepEqual(told({ port: 4222 }), ["port 6222 of StatefulSet messaging/nats"]);
    assert.deepEqual(told({ port: 4222 }, { port: 6222 }), []);
  });
});
