import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { STATS_TAGS } from "../../cli/stats-tags.ts";
import { ALL_TAGS, document, DOCUMENTS, ids, kinds } from "./sound-mesh.ts";

/** istiod's ConfigMap of that name, in the root namespace. */
function configMap(name: string, text: unknown, key = "mesh"): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: "istio-system" },
    data: { [key]: text },
  });
}

function operator(meshConfig: object, values: object = {}): string {
  return JSON.stringify({
    apiVersion: "install.istio.io/v1alpha1",
    kind: "IstioOperator",
    metadata: { name: "i" },
    spec: { meshConfig, values },
  });
}

describe("the mesh's trust domain", () => {
  it("may have capitals where the mesh itself has the same", () => {
    const capitals = DOCUMENTS.map((text) => text.replaceAll("cluster.local", "Prod.Example"));
    assert.deepEqual([...new Set(ids(...capitals))], ["trust-domain-case"]);
    assert.deepEqual(ids(...capitals, configMap("istio", "trustDomain: Prod.Example")), []);
    const other = ids(...capitals, configMap("istio", "trustDomain: prod.example"));
    assert.deepEqual([...new Set(other)].sort(), ["trust-domain-case", "trust-domain-missing"]);
  });

  it("is that of every revision's ConfigMap, and nothing in one that cannot be read", () => {
    for (const name of ["istio", "istio-canary"])
      assert.deepEqual(ids(...DOCUMENTS, configMap(name, "trustDomain: mesh.test")), ["trust-domain-missing"]);
    assert.deepEqual(ids(...DOCUMENTS, configMap("istio-1-30", "trustDomainAliases: [a.test, '']")), [
      "trust-domain-alias-missing",
    ]);
    for (const text of ["", "trustDomain: [", "trustDomain: ''", "- trustDomain: a", "a: *b", "[".repeat(20_000), null])
      assert.deepEqual(ids(...DOCUMENTS, configMap("istio", text)), [], String(text).slice(0, 20));
    assert.deepEqual(ids(...DOCUMENTS, configMap("istio", 7)), ["field-type"]);
    assert.deepEqual(ids(...DOCUMENTS, configMap("nats", "trustDomain: mesh.test")), []);
  });
});

describe("the labels of the stats", () => {
  const gateway = (annotations: object): string =>
    document("apps", "Deployment", "egress", "messaging", {
      template: { metadata: { labels: { istio: "egressgateway" }, annotations }, spec: { containers: [] } },
    });
  const plugin = (selector: string): string =>
    kinds("WasmPlugin")
      .join()
      .replace("name: istio-nats,", "name: istio-nats-egress,")
      .replace("selector: { matchLabels: { app: nats } }", selector)
      .replace("mode: SERVER", "mode: CLIENT");

  it("must also be known to a gateway's proxy if a plugin names it", () => {
    const found = (annotations: object, selector: string): string[] =>
      ids(...DOCUMENTS, gateway(annotations), plugin(selector)).filter((id) => id === "stats-tags-missing");
    const selector = "selector: { matchLabels: { istio: egressgateway } }";
    assert.deepEqual(found({}, selector), ["stats-tags-missing"]);
    assert.deepEqual(found(ALL_TAGS, selector), []);
    assert.deepEqual(found({}, "selector: { matchLabels: { istio: another } }"), []);
  });

  it("may be in the annotation for tags and in the proxy's configuration, some of them in each", () => {
    const [first, ...others] = STATS_TAGS;
    const config = { "proxy.istio.io/config": `extraStatTags: [${first}]` };
    const selector = "selector: { matchLabels: { istio: egressgateway } }";
    const both = { ...config, "sidecar.istio.io/extraStatTags": others.join() };
    const found = ids(...DOCUMENTS, gateway(both), plugin(selector));
    assert.ok(!found.includes("stats-tags-missing"), found.join());
  });
});

describe("meshConfig", () => {
  const bare = DOCUMENTS.map((text) => text.replace(/ {6}annotations:\n(?: {8}.*\n)+/, ""));
  const defaults = { holdApplicationUntilProxyStarts: true, extraStatTags: STATS_TAGS };

  it("gives the pods what their annotations do not say", () => {
    assert.deepEqual(ids(...bare), ["proxy-not-held", "stats-tags-missing"]);
    const mesh = { defaultConfig: defaults };
    assert.deepEqual(ids(...bare, configMap("istio", JSON.stringify(mesh))), []);
    assert.deepEqual(ids(...bare, operator(mesh)), []);
  });

  it("need not hold applications where the values of Istio's chart do, whatever the annotation says", () => {
    const values = (held: unknown): object => ({ global: { proxy: { holdApplicationUntilProxyStarts: held } } });
    const injector = (held: unknown, revision = ""): string =>
      configMap(`istio-sidecar-injector${revision}`, JSON.stringify(values(held)), "values");
    const refusing = DOCUMENTS.map((text) => text.replace("UntilProxyStarts: true", "UntilProxyStarts: false"));
    assert.deepEqual(ids(...refusing), ["proxy-not-held"]);
    for (const more of [injector(true), injector("${HOLD}"), operator({}, values(true))])
      assert.deepEqual(ids(...refusing, more), [], more);
    for (const more of [injector(false), operator({}, values(false)), operator({}, { global: null })])
      assert.deepEqual(ids(...refusing, more), ["proxy-not-held"], more);
    // Each revision has an injector of its own.
    const canary = refusing.map((text) =>
      text.replace("labels: { app: nats }\n", "labels: { app: nats, istio.io/rev: canary }\n"),
    );
    assert.deepEqual(ids(...canary, injector(true, "-canary"), injector(false)), []);
    assert.deepEqual(ids(...canary, injector(false, "-canary"), injector(true)), ["proxy-not-held"]);
  });

  it("of an IstioOperator tells the mesh's trust domain, as istiod's ConfigMap does", () => {
    assert.deepEqual(ids(...DOCUMENTS, operator({ trustDomain: "cluster.local" })), []);
    assert.deepEqual(ids(...DOCUMENTS, operator({ trustDomain: "mesh.test" })), ["trust-domain-missing"]);
  });
});
