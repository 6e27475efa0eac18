import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fixture } from "./fixture.ts";
import { document, ids, kinds } from "./sound-mesh.ts";
import { doctor } from "./support.ts";

function virtualService(namespace: string, spec: object): string {
  return document("networking.istio.io", "VirtualService", "v", namespace, spec);
}

function destinationRule(namespace: string, host: string, ...subsets: string[]): string {
  const spec = { host, subsets: subsets.map((name) => ({ name })) };
  return document("networking.istio.io", "DestinationRule", `d-${subsets[0] ?? "none"}`, namespace, spec);
}

describe("a subset to which a VirtualService leads NATS's connections", () => {
  const service = kinds("Service");
  const host = "nats.messaging.svc.cluster.local";
  const to = (destination: object, match: object = {}): object => ({ match: [match], route: [{ destination }] });
  const short = virtualService("messaging", { hosts: ["nats"], tcp: [to({ host: "nats", subset: "canary" })] });

  it("is one of the host's DestinationRules, by whichever of its names these have it", () => {
    const longer = short.replace('"host":"nats"', `"host":"${host}"`);
    for (const way of [short, longer, longer.replace("cluster.local", "test.local")]) {
      for (const [namespace, name] of [
        ["messaging", "nats"],
        ["shop", host],
        ["istio-system", "*.messaging.svc.cluster.local"],
        ["istio-system", "*"],
      ] as const) {
        assert.deepEqual(ids(...service, way, destinationRule(namespace, name, "canary")), [], name);
        assert.deepEqual(ids(...service, way, destinationRule(namespace, name, "other")), ["subset-nothing"], name);
      }
      // Those of one host are united.
      const both = [destinationRule("messaging", "nats", "other"), destinationRule("messaging", "nats", "canary")];
      assert.deepEqual(ids(...service, way, ...both), []);
      for (const rule of [destinationRule("shop", "nats", "canary"), destinationRule("messaging", "redis", "canary")])
        assert.deepEqual(ids(...service, way, rule), ["subset-unseen"]);
    }
  });

  it("is judged on TCP and TLS routes for NATS's port or to its Service, and on no others", () => {
    const of = (key: string, route: object): string[] => ids(...service, virtualService("shop", { [key]: [route] }));
    const elsewhere = { host: "gate.test", subset: "s" };
    for (const key of ["tcp", "tls"]) {
      assert.deepEqual(of(key, to({ host, subset: "s" })), ["subset-unseen"]);
      assert.deepEqual(of(key, to({ ...elsewhere, port: { number: 4222 } })), ["subset-unseen"]);
      assert.deepEqual(of(key, to(elsewhere, { port: 4222 })), ["subset-unseen"]);
      assert.deepEqual(of(key, to(elsewhere, { port: 5432 })), []);
      assert.deepEqual(of(key, to({ host })), []);
    }
    assert.deepEqual(of("http", to({ host, subset: "s" })), []);
  });

  it("is reported with those that there are, and the one that was meant", () => {
    const found = (...subsets: string[]): string => {
      const [finding, ...more] = doctor(
        [...service, short, destinationRule("messaging", "nats", ...subsets)].join("\n---\n"),
      );
      assert.deepEqual([finding?.id, more], ["subset-nothing", []]);
      return `${finding!.message}: ${finding!.remedy}`;
    };
    const leads = "VirtualService messaging/v leads to subset canary of nats.messaging.svc, whose DestinationRule";
    assert.equal(found("canarry", "v1"), `${leads} has canarry, v1: did you mean canarry?`);
    assert.match(found(), /whose DestinationRule has no subsets: write the name of a subset that/);
  });
});

describe("an egress gateway", () => {
  const sound = fixture("gateway-sni-unmatched", "good");
  const changed = (was: string, is: string): string => {
    assert.ok(sound.includes(was), was);
    return sound.replace(was, is);
  };
  const told = (text: string): string[] =>
    doctor(text)
      .filter(({ severity }) => severity === "error")
      .map(({ id, message, remedy }) => `${id}: ${message}: ${remedy}`);

  it("has a chain only for the names of its hosts, and workloads ask for the sni of their DestinationRule", () => {
    const id = "gateway-sni-unmatched: DestinationRule egress/nats";
    const or = "or correct the Gateway's hosts";
    const has = (host: string): string => `but Gateway egress/nats has ${host} on port 4222`;
    assert.deepEqual(told(changed("hosts: [nats.test], tls", "hosts: [other/nats.tset], tls")), [
      `${id} makes workloads ask for nats.test, ${has("nats.tset")}: write sni: nats.tset, ${or}`,
    ]);
    const none = [
      `${id} sets no sni for port 4222, ${has("nats.test")}: write tls: {mode: ISTIO_MUTUAL, sni: nats.test} for port 4222, ${or}`,
    ];
    assert.deepEqual(told(changed(", sni: nats.test", "")), none);
    assert.deepEqual(told(changed("- { port: { number: 4222 }, tls:", "- { port: { number: 4223 }, tls:")), none);
    for (const host of ['"*"', '"*.test"', "other, nats.test", "./nats.test"])
      assert.deepEqual(told(changed("hosts: [nats.test], tls", `hosts: [${host}], tls`)), []);
    // Where the settings are for all ports, or for all subsets, they are for this one.
    const general = "trafficPolicy: { tls: { mode: ISTIO_MUTUAL, sni: nats.test } }\n";
    assert.deepEqual(told(changed(/ {6}trafficPolicy:\n[^]*/.exec(sound)?.[0] ?? "-", `      ${general}`)), []);
    assert.deepEqual(told(changed(/ {6}trafficPolicy:\n[^]*/.exec(sound)?.[0] ?? "-", `  ${general}`)), []);
    // The rule may be in the cluster alone.
    assert.deepEqual(told(sound.replace(/---\n[^-]*kind: DestinationRule[^]*/, "")), []);
  });

  it("that a plugin for gateways does not select is named, unless another plugin does", () => {
    const plugin = sound.split("---\n").find((text) => text.includes("kind: WasmPlugin")) ?? "";
    const other = plugin.replace("istio: egress", "istio: ingressgateway");
    const message =
      "selector-matches-nothing: WasmPlugin egress/istio-nats selects none of the proxies of Gateway egress/nats (istio=egress)";
    const remedy = "write the labels of the Gateway's selector into spec.selector.matchLabels";
    assert.deepEqual(told(sound.replace(plugin, other)), [`${message}: ${remedy}`]);
    assert.deepEqual(told(`${sound}---\n${other.replace("name: istio-nats", "name: ingress")}`), []);
    assert.deepEqual(
      told(changed("number: 4222, name: tls-nats", "number: 443, name: tls").replace(plugin, other)),
      [],
    );
  });

  it("is passed where the VirtualService is not for workloads, or for another port, and the remedy mends it", () => {
    const past = fixture("egress-past-gateway", "good");
    const found = (was: string | RegExp, is: string): string[] => {
      assert.notEqual(past.replace(was, is), past);
      return doctor(past.replace(was, is)).map(({ id, message, remedy }) => `${id}: ${message}: ${remedy}`);
    };
    const so = "so workloads connect to nats.test past the gateway";
    assert.deepEqual(found("gateways: [mesh, nats]", "gateways: [nats]"), [
      `egress-past-gateway: VirtualService egress/nats does not have mesh among its gateways, ${so}: add mesh to its gateways`,
    ]);
    assert.deepEqual(found("{ gateways: [mesh], port: 4222 }", "{ gateways: [mesh], port: 4223 }"), [
      `egress-past-gateway: VirtualService egress/nats leads to the gateway what is for port 4223, not 4222, ${so}: write port: 4222`,
    ]);
    assert.deepEqual(found("{ gateways: [mesh], port: 4222 }", "{ gateways: [mesh] }"), []);
  });
});
