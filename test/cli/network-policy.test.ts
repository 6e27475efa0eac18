import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { readManifests } from "../../cli/manifests/read.ts";
import { Mesh } from "../../cli/mesh/mesh.ts";
import { networkDenial } from "../../cli/mesh/network-policy.ts";
import { STATS_TAGS } from "../../cli/stats-tags.ts";
import { inRoot } from "../../tools/paths.ts";
import { document, DOCUMENTS, ids, LEAF_NODE } from "./sound-mesh.ts";
import { doctor, sourceOf } from "./support.ts";

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
      lettingIn({ port: "${PORT}" }),
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
    const open = networkPolicy({ ...lettingIn({ port: 4222 }), podSelector: { matchLabels: { app: "${APP}" } } });
    assert.deepEqual(ids(...DOCUMENTS, networkPolicy({ podSelector: {} }), open), []);
  });

  it("are not judged beside policies of the network's own, which may let in what they do not", () => {
    const nothing = networkPolicy({ podSelector: {} });
    for (const [group, kind] of [
      ["cilium.io", "CiliumNetworkPolicy"],
      ["cilium.io", "CiliumClusterwideNetworkPolicy"],
      ["projectcalico.org", "NetworkPolicy"],
      ["crd.projectcalico.org", "GlobalNetworkPolicy"],
      ["policy.networking.k8s.io", "AdminNetworkPolicy"],
      ["policy.networking.k8s.io", "BaselineAdminNetworkPolicy"],
      ["policy.networking.k8s.io", "ClusterNetworkPolicy"],
    ] as const)
      assert.deepEqual(ids(...DOCUMENTS, nothing, document(group, kind, "n", "messaging", {})), [], kind);
    const cilium = document("cilium.io", "CiliumLoadBalancerIPPool", "n", "messaging", {});
    assert.deepEqual(ids(...DOCUMENTS, nothing, cilium), ["network-denied"]);
  });

  it("are not judged of a leaf node beside an application, to which no clients come from elsewhere", () => {
    const nothing = networkPolicy({ podSelector: {} }, "shop");
    assert.deepEqual(ids(...DOCUMENTS, LEAF_NODE, nothing), ids(...DOCUMENTS, LEAF_NODE));
    const spec = { selector: { app: "orders" }, ports: [{ name: "tcp-client", port: 4222 }] };
    const service = document("", "Service", "orders", "shop", spec).replace('"/v1"', '"v1"');
    assert.ok(ids(...DOCUMENTS, LEAF_NODE, service, nothing).includes("network-denied"));
  });

  it("do not hold for pods in the host's network", () => {
    const host = DOCUMENTS.map((text) => text.replace("      containers:", "      hostNetwork: true\n$&"));
    assert.deepEqual(ids(...host, networkPolicy({ podSelector: {} })), ["client-port-uncaptured"]);
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

  it("are looked for once in a mesh, however many ports of nats-servers are asked about", () => {
    const texts = [...DOCUMENTS, networkPolicy({ podSelector: {} })].join("\n---\n");
    const { resources } = readManifests(sourceOf(texts), "default");
    let asked = 0;
    for (const resource of resources) {
      const { kind } = resource;
      Object.defineProperty(resource, "kind", { get: () => (asked++, kind) });
    }
    const mesh = new Mesh(resources, { rootNamespace: "istio-system" });
    const [broker] = mesh.brokers;
    assert.ok(broker);
    assert.equal(networkDenial(broker, 4222, mesh)?.kind, "NetworkPolicy");
    const once = asked;
    for (let port = 1; port <= 100; port++) networkDenial(broker, port, mesh);
    assert.equal(asked, once);
  });

  it("are told of values that Kubernetes refuses, and are then not taken for what shuts clients out", () => {
    const told = (spec: object): string[] =>
      doctor([...DOCUMENTS, networkPolicy(spec)].join("\n---\n")).map(({ id, message, remedy }) =>
        `${id}: ${message}: ${remedy}`.replaceAll("spec.", ""),
      );
    const aList = "write it as a list, with a dash before each element";
    const typed = "write the value with the type that the API expects";
    for (const [spec, ...finding] of [
      [{ podSelector: [] }, `field-type: Kubernetes expects an object for podSelector, not a list: ${typed}`],
      [
        { podSelector: NATS, policyTypes: "Ingress" },
        `field-type: Kubernetes expects a list for policyTypes, not a string: ${aList}`,
      ],
      [
        { podSelector: NATS, ingress: {} },
        `field-type: Kubernetes expects a list for ingress, not an object: ${aList}`,
      ],
      [
        { podSelector: NATS, ingress: [{ ports: {} }] },
        `field-type: Kubernetes expects a list for ingress[].ports, not an object: ${aList}`,
      ],
      [
        lettingIn({ port: "4222" }),
        "field-type: Kubernetes expects a number or the name of a port for ingress[].ports[].port, not a string: write 4222 without quotes",
      ],
      [
        lettingIn({ port: 4222, protocol: "tcp" }),
        "value-unknown: Kubernetes has no value tcp for ingress[].ports[].protocol: did you mean TCP?",
      ],
      [
        { ...lettingIn({ port: 4222 }), podSelector: { app: "nats" } },
        "field-unknown: Kubernetes has no field podSelector.app: move it below matchLabels",
      ],
      [{ podSelector: NATS, ingress: [{ ports: [{ port: "${PORT}", endPort: "${END}" }] }] }],
    ] as [object, string?][])
      assert.deepEqual(told(spec), finding, JSON.stringify(spec));
  });

  it("are told of a field that is nearly one of theirs", () => {
    const spec = { podSelector: NATS, ingres: [{ ports: [{ prot: 4222 }] }] };
    const told = doctor([...DOCUMENTS, networkPolicy(spec)].join("\n---\n")).map(({ id, remedy }) => [id, remedy]);
    assert.deepEqual(
      told.filter(([id]) => id !== "network-denied"),
      [["field-unknown", "did you mean ingress?"]],
    );
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
