import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DOCUMENTS, document, ids, namespace } from "./sound-mesh.ts";
import { doctor, istioNats } from "./support.ts";

const ADDRESS = "nats://nats.messaging:4222";

function client(name: string, serviceAccountName?: string, labels: object = {}, value = ADDRESS): string {
  const containers = [{ name, env: [{ name: "NATS_URL", value }] }];
  const template = { metadata: { labels: { app: name, ...labels } }, spec: { serviceAccountName, containers } };
  return document("apps", "Deployment", name, "shop", { template });
}

/** The sound mesh with other sources in its one rule, and another mode. */
function withSources(sources: object[], mode = "ENFORCE"): string[] {
  return DOCUMENTS.map((text) =>
    text
      .replace(/from: .*/, `from: ${JSON.stringify(sources)}`)
      .replace("pluginConfig:", `$&\n    mode: ${mode}`)
      .replace("[cluster.local]", "[cluster.local, old.test]"),
  );
}

describe("a client of nats-server", () => {
  it("is let in by any kind of source that means it, as the filter reads them", () => {
    const sources: object[] = [
      { principals: ["*"] },
      { principals: ["old.test/ns/shop/sa/orders"] },
      { principals: ["*/sa/orders"] },
      { namespaces: ["sh*"], notServiceAccounts: ["shop/other"] },
      { serviceAccounts: ["shop/orders"] },
      { trustDomains: ["cluster.local"] },
    ];
    for (const source of sources)
      assert.deepEqual(ids(...withSources([source]), client("orders", "orders")), [], JSON.stringify(source));
    for (const source of [{ notServiceAccounts: ["shop/orders"] }, { namespaces: ["*"], notNamespaces: ["shop"] }])
      assert.deepEqual(
        ids(...withSources([source]), client("orders", "orders")),
        ["client-without-rule"],
        JSON.stringify(source),
      );
  });

  it("is missed while the policy is on trial too, which is when that is to be seen", () => {
    const onTrial = withSources([{ serviceAccounts: ["shop/other"] }], "DRY_RUN");
    assert.deepEqual(ids(...onTrial, client("orders", "orders")), ["client-without-rule", "policy-dry-run"]);
  });

  it("is told of a rule that names it and is in DRY_RUN, unless nobody is allowed anything", () => {
    const tried = `rules:
      - name: tried
        from: [{ serviceAccounts: [shop/orders] }]
        mode: DRY_RUN
        publish: { allow: [orders.>] }`;
    const texts = withSources([{ serviceAccounts: ["shop/other"] }]).map((text) => text.replace("rules:", tried));
    const found = doctor([...texts, client("orders", "orders")].join("\n---\n"));
    const [missed] = found.filter(({ id }) => id === "client-without-rule");
    assert.match(missed?.message ?? "", /only rules of WasmPlugin messaging\/istio-nats in DRY_RUN allow anything$/);
    assert.match(missed?.remedy ?? "", /write mode: DRY_RUN at the top of the policy, and in no rule$/);
    const alone = withSources([{ serviceAccounts: ["shop/orders"] }]).map((text) =>
      text.replace("publish:", "mode: DRY_RUN\n        publish:"),
    );
    assert.deepEqual(ids(...alone, client("orders", "orders")), ["nobody-allowed"]);
  });

  it("is taken for whom a rule nearly names, unless that is somebody else among the files", () => {
    const sources = withSources([{ principals: ["cluster.local/ns/shop/sa/order"] }]);
    const told = (...more: string[]): [string, number][] =>
      doctor([...sources, client("orders", "orders"), ...more].join("\n---\n"))
        .filter(({ id }) => id === "client-without-rule")
        .map(({ remedy, place }) => [remedy, place.line]);
    const [first] = told();
    const [remedy, line = 0] = first ?? [];
    assert.equal(remedy, "did you mean cluster.local/ns/shop/sa/orders?");
    const text = sources.join("\n---\n").split("\n");
    assert.match(text[line - 1] ?? "", /sa\/order"/);
    const account = JSON.stringify({
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: "order", namespace: "shop" },
    });
    assert.deepEqual(
      told(account).map(([write]) => write),
      ["name it in a rule with allow, from: [{principals: [cluster.local/ns/shop/sa/orders]}]"],
    );
  });

  it("has no identity to be allowed anything where its Namespace asks for no sidecar", () => {
    const sources = withSources([{ serviceAccounts: ["shop/other"] }]);
    const orders = client("orders", "orders");
    assert.deepEqual(ids(...sources, orders, namespace("shop", {})), ["plaintext-client"]);
    assert.deepEqual(ids(...sources, orders, namespace("shop", { "istio-injection": "disabled" })), [
      "plaintext-client",
    ]);
    const injected: [label: object, ofPods: object][] = [
      [{ "istio-injection": "enabled" }, {}],
      [{ "istio.io/rev": "canary" }, {}],
      [{}, { "sidecar.istio.io/inject": "true" }],
      [{ "istio.io/dataplane-mode": "ambient" }, {}],
    ];
    const allowed = withSources([{ serviceAccounts: ["shop/orders"] }]);
    for (const [labels, ofPods] of injected)
      assert.deepEqual(ids(...allowed, client("orders", "orders", ofPods), namespace("shop", labels)), []);
  });

  it("is not missed by a plugin for another nats-server, nor by a policy with faults", () => {
    const elsewhere = withSources([{ serviceAccounts: ["shop/other"] }]).filter(
      (text) => !text.includes("kind: Service\n"),
    );
    assert.ok(!ids(...elsewhere, client("orders", "orders")).includes("client-without-rule"));
    const faulty = withSources([{ serviceAccounts: ["orders"] }]);
    assert.deepEqual(ids(...faulty, client("orders", "orders")), ["policy-fault"]);
  });

  it("is known by an address in a ConfigMap that its environment names, and in the arguments of its containers", () => {
    const sources = withSources([{ serviceAccounts: ["shop/other"] }]);
    const told = (container: object, url = ADDRESS, namespace = "shop"): string[] => {
      const settings = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", namespace } };
      const containers = JSON.stringify([{ name: "orders", ...container }]);
      const orders = client("orders", "orders").replace(/"containers":\[.*?\]\}\]/, `"containers":${containers}`);
      assert.ok(orders.includes(containers));
      return ids(...sources, orders, JSON.stringify({ ...settings, data: { other: "x", url } }));
    };
    const variable = (name: string, key: string): object => ({
      env: [{ name: "NATS_URL", valueFrom: { configMapKeyRef: { name, key } } }],
    });
    for (const container of [
      variable("settings", "url"),
      { envFrom: [{ prefix: "NATS_", configMapRef: { name: "settings" } }] },
      { args: ["--verbose", `--server=${ADDRESS}`] },
      { args: ["-s", "nats.messaging:4222"] },
      { command: ["sh", "-c", `nats -s '${ADDRESS}' sub orders.>`] },
    ])
      assert.deepEqual(told(container), ["client-without-rule"], JSON.stringify(container));
    for (const container of [
      variable("settings", "other"),
      variable("settings", "missing"),
      variable("others", "url"),
      { envFrom: [{ configMapRef: { name: "others" } }, { secretRef: { name: "settings" } }] },
      { args: ["--exclude=nats.messaging"] },
    ])
      assert.deepEqual(told(container), [], JSON.stringify(container));
    assert.deepEqual(told(variable("settings", "url"), "tls://nats.messaging"), ["client-tls", "client-without-rule"]);
    assert.deepEqual(told(variable("settings", "url"), ADDRESS, "web"), []);
  });

  it("is nobody who connects to another of nats-server's ports, or to what may be no pod that the plugin judges", () => {
    const sources = withSources([{ serviceAccounts: ["shop/other"] }]);
    const to = (value: string, ...more: string[]): string[] =>
      ids(...sources, client("orders", "orders", {}, value), ...more);
    assert.deepEqual(to("nats://nats.messaging"), ["client-without-rule"]);
    assert.deepEqual(to("nats://nats.messaging:7422"), []);
    assert.deepEqual(to("nats://nats.messaging:8222"), []);
    const ports = [{ name: "tcp-client", port: 4222 }];
    const service = (spec: object): string => {
      const metadata = { name: "outside", namespace: "messaging" };
      return JSON.stringify({ apiVersion: "v1", kind: "Service", metadata, spec: { ports, ...spec } });
    };
    const external = service({ type: "ExternalName", externalName: "nats.example.com" });
    assert.deepEqual(to("nats://outside.messaging:4222", external), []);
    const led = { apiVersion: "v1", kind: "Endpoints", metadata: { name: "outside", namespace: "messaging" } };
    assert.deepEqual(to("nats://outside.messaging:4222", service({}), JSON.stringify(led)), []);
    assert.deepEqual(to("nats://outside.messaging:4222", service({})), ["service-selects-nothing"]);
    const ofOthers = service({ selector: { track: "other" } });
    assert.deepEqual(to("nats://outside.messaging:4222", ofOthers), ["service-selects-nothing"]);
    const more = service({ selector: { app: "nats", track: "other" } });
    assert.deepEqual(to("nats://outside.messaging:4222", more), ["client-without-rule", "service-selects-nothing"]);
  });

  it("is not judged where its manifest does not say who it is", () => {
    const sources = withSources([{ serviceAccounts: ["shop/orders"] }]);
    for (const namespace of ["${NAMESPACE}", undefined])
      assert.deepEqual(
        ids(...sources, client("orders", "orders").replace('"shop"', JSON.stringify(namespace ?? ""))),
        [],
        namespace,
      );
    for (const account of ["${ACCOUNT}", "{{ .Values.account }}"])
      assert.deepEqual(ids(...sources, client("orders", account)), [], account);
    const without = [...sources, client("other", "other").replace('"shop"', '""')].join("\n---\n");
    const given = istioNats(["doctor", "-n", "shop", "-"], without);
    assert.match(given.output, /Deployment shop\/other connects to .* to whom no rule .* allows anything/);
  });

  it("is in the mesh by ztunnel, whatever its pods say of sidecars", () => {
    const allowed = withSources([{ serviceAccounts: ["shop/orders"] }]);
    const ambient = namespace("shop", { "istio.io/dataplane-mode": "ambient" });
    const refusing = client("orders", "orders", { "sidecar.istio.io/inject": "false" });
    assert.deepEqual(ids(...allowed, refusing, ambient), []);
    const excluding = client("orders", "orders").replace(
      '"labels"',
      '"annotations":{"traffic.sidecar.istio.io/excludeOutboundPorts":"4222"},$&',
    );
    assert.deepEqual(ids(...allowed, excluding, ambient), []);
    const inHost = refusing.replace('"containers"', '"hostNetwork":true,$&');
    assert.deepEqual(ids(...allowed, inHost, ambient), ["plaintext-client"]);
  });
});
