import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { authorization, document, DOCUMENTS, NATS, peerAuthentication } from "./sound-mesh.ts";
import { doctor } from "./support.ts";

function service(name: string, ...ports: number[]): string {
  const all = [4222, ...ports].map((port) => ({ name: `tcp-${port}`, port }));
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "messaging" },
    spec: { selector: { app: "nats" }, ports: all },
  });
}

function pods(name: string, ...ports: number[]): string {
  const containers = [
    { name: "nats", image: "nats", ports: [4222, ...ports].map((port) => ({ containerPort: port })) },
  ];
  const template = { metadata: { labels: { app: "nats" } }, spec: { containers, serviceAccountName: "nats" } };
  return document("apps", "StatefulSet", name, "messaging", { template });
}

/** The findings of one id in these documents. */
function told(id: string, ...documents: string[]): { message: string; remedy: string }[] {
  return doctor(documents.join("\n---\n")).filter((finding) => finding.id === id);
}

describe("a line that is wrong for several ports or pods", () => {
  const everybody = authorization({ rules: [{ to: [{ operation: { notPorts: ["1"] } }] }] });
  const nobody = authorization({ rules: [{ to: [{ operation: { ports: ["1"] } }] }] });

  it("is reported once for a Service and its headless twin", () => {
    const twins = [service("nats", 6222, 8222), service("nats-headless", 6222, 8222)];
    assert.deepEqual(
      told("broker-port-open", ...twins).map(({ message }) => message.replace(/ \(.*/, "")),
      [6222, 8222].map((port) => `no AuthorizationPolicy restricts port ${port} of Service messaging/nats`),
    );
    // A port that only one of the two declares is a cause of its own.
    assert.equal(told("broker-port-open", service("nats", 6222), service("nats-headless", 8222)).length, 2);
  });

  it("is reported once for a rule that opens several ports, each of which is named", () => {
    const [finding, ...others] = told("broker-port-open", service("nats", 6222, 8222), everybody);
    assert.deepEqual(others, []);
    assert.match(finding?.message ?? "", /opens to everybody port 6222 of [^,]+,[^,]+, port 8222 of /);
    const many = ["a", "b"].map((name) => pods(name, 6222, 8222));
    const [shortened, ...more] = told("broker-port-open", ...many, everybody);
    assert.deepEqual(more, []);
    assert.match(shortened?.message ?? "", / and 1 more$/);
  });

  it("is reported once for two nats-servers with one nats.conf, one policy or one PeerAuthentication", () => {
    const both = ["a", "b"].map((name) =>
      pods(name).replace('"spec":{"containers"', '"spec":{"volumes":[{"configMap":{"name":"c"}}],"containers"'),
    );
    const conf = JSON.stringify({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "c", namespace: "messaging" },
      data: { "nats.conf": "http: 8222\n" },
    });
    for (const [id, ...around] of [
      ["broker-port-open", conf],
      ["client-port-denied", nobody],
      ["mtls-permissive", peerAuthentication("messaging", { selector: NATS, mtls: { mode: "PERMISSIVE" } })],
      ["mtls-disabled", peerAuthentication("messaging", { selector: NATS, mtls: { mode: "DISABLE" } })],
    ] as const) {
      const [finding, ...others] = told(id, ...both, ...around);
      assert.deepEqual(others, [], id);
      assert.match(finding?.message ?? "", /StatefulSet messaging\/a\b.*StatefulSet messaging\/b\b/, id);
    }
    const routes = told("cluster-port-denied", ...["a", "b"].map((name) => pods(name, 6222)), nobody);
    assert.equal(routes.length, 1);
  });
});

describe("a word in small letters that Istio has in capitals", () => {
  it("is reported with the word that was meant, and nothing that would follow from it", () => {
    const nothing = { rules: [{ to: [{ operation: { notPorts: ["4222"] } }] }] };
    const cases: [text: string, id: string, remedy: string][] = [
      [authorization({ ...nothing, selector: NATS, action: "Deny" }), "authorization-action-unknown", "write DENY"],
      [
        peerAuthentication("messaging", { selector: NATS, mtls: { mode: "strict" } }),
        "mtls-mode-unknown",
        "write STRICT",
      ],
    ];
    for (const [text, id, remedy] of cases) {
      const rest = text.includes("PeerAuth") ? [authorization({ ...nothing, action: "DENY" })] : [];
      const found = doctor([service("nats", 6222), text, ...rest].join("\n---\n"));
      assert.deepEqual(
        found.map((finding) => [finding.id, finding.remedy]),
        [[id, remedy]],
      );
    }
  });
});

describe("the remedy for a port that is open", () => {
  it("leaves nothing to report once it is followed to the letter, nor shuts the client port", () => {
    const own = { source: { notPrincipals: ["cluster.local/ns/messaging/sa/nats"] } };
    const mesh = [...DOCUMENTS, service("nats-routes", 6222)].map((text) =>
      text
        .replace("containerPort: 4222 }", "containerPort: 4222 }, { containerPort: 6222 }")
        .replace("    spec:\n      containers", "    spec:\n      serviceAccountName: nats\n      containers"),
    );
    const ids = (...more: string[]): string[] => doctor([...mesh, ...more].join("\n---\n")).map(({ id }) => id);
    const [open] = told("broker-port-open", ...mesh);
    assert.match(open?.remedy ?? "", /denies the port to all but nats-server's own ServiceAccount .*\(notPrincipals\)/);
    const deny = { selector: NATS, action: "DENY", rules: [{ from: [own], to: [{ operation: { ports: ["6222"] } }] }] };
    assert.deepEqual(ids(), ["broker-port-open"]);
    assert.deepEqual(ids(authorization(deny)), []);

    const [opened] = told("broker-port-open", ...mesh, authorization({ rules: [{}] }));
    assert.match(opened?.remedy ?? "", /^list only "4222" in the rule, .* and name in a rule of its own, under from, /);
    const routes = { from: [{ source: { principals: ["cluster.local/ns/messaging/sa/nats"] } }] };
    const narrowed = authorization({ rules: [{ to: [{ operation: { ports: ["4222"] } }] }, routes] });
    assert.deepEqual(ids(narrowed), []);
  });
});
