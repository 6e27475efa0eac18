import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { inRoot } from "../../tools/paths.ts";
import { STATS_TAGS } from "../../cli/stats-tags.ts";
import { doctor } from "./support.ts";

/** A plugin, its Service, its pods and STRICT mTLS, in which doctor finds nothing. */
const SOUND = readFileSync(
  inRoot("test", "cli", "fixtures", "selector-matches-nothing", "good.yaml"),
  "utf8",
).replaceAll("ALL-STATS-TAGS", STATS_TAGS.join());
const DOCUMENTS = SOUND.split("---\n");

function ids(...documents: string[]): string[] {
  return [...new Set(doctor(documents.join("\n---\n")).map(({ id }) => id))].sort();
}

function kinds(...wanted: string[]): string[] {
  return DOCUMENTS.filter((text) => wanted.some((kind) => text.includes(`kind: ${kind}\n`)));
}

function document(group: string, kind: string, name: string, namespace: string, spec: object): string {
  return JSON.stringify({ apiVersion: `${group}/v1`, kind, metadata: { name, namespace }, spec });
}

function peerAuthentication(namespace: string, spec: object): string {
  return document("security.istio.io", "PeerAuthentication", "p", namespace, spec);
}

function authorization(spec: object, namespace = "messaging"): string {
  return document("security.istio.io", "AuthorizationPolicy", "a", namespace, spec);
}

const NATS = { matchLabels: { app: "nats" } };

describe("the mTLS mode of the client port", () => {
  const rest = kinds("Service", "StatefulSet", "WasmPlugin");

  it("is the workload's before the namespace's before the mesh's, and the port's before the general", () => {
    const mesh = peerAuthentication("istio-system", { mtls: { mode: "DISABLE" } });
    const namespace = peerAuthentication("messaging", { mtls: { mode: "PERMISSIVE" } });
    const workload = peerAuthentication("messaging", { selector: NATS, mtls: { mode: "STRICT" } });
    const elsewhere = peerAuthentication("messaging", {
      selector: { matchLabels: { app: "x" } },
      mtls: { mode: "DISABLE" },
    });
    const port = peerAuthentication("messaging", {
      selector: NATS,
      mtls: { mode: "STRICT" },
      portLevelMtls: { 4222: { mode: "DISABLE" } },
    });
    const unset = peerAuthentication("messaging", { selector: NATS, mtls: { mode: "UNSET" } });
    assert.deepEqual(ids(...rest), ["mtls-undeclared"]);
    assert.deepEqual(ids(...rest, mesh), ["mtls-disabled"]);
    assert.deepEqual(ids(...rest, mesh, namespace), ["mtls-permissive"]);
    assert.deepEqual(ids(...rest, mesh, namespace, workload, elsewhere), []);
    assert.deepEqual(ids(...rest, mesh, namespace, port), ["mtls-disabled"]);
    assert.deepEqual(ids(...rest, mesh, namespace, unset), ["mtls-permissive"]);
  });

  it("is judged by the plugin's selector where the pods are not among the files", () => {
    const permissive = peerAuthentication("messaging", { selector: NATS, mtls: { mode: "PERMISSIVE" } });
    assert.deepEqual(ids(...kinds("WasmPlugin"), permissive), ["mtls-permissive"]);
    assert.deepEqual(ids(...kinds("WasmPlugin"), permissive.replace('"messaging"', '"other"')), []);
  });
});

describe("an AuthorizationPolicy", () => {
  const open = DOCUMENTS.map((text) =>
    text.replace("containerPort: 4222 }", "containerPort: 4222 }, { containerPort: 6222 }"),
  );
  const broker = { source: { principals: ["cluster.local/ns/messaging/sa/nats"] } };
  const route = { operation: { ports: ["6222"] } };
  const client = { operation: { ports: ["4222"] } };

  it("is wanted for the routes' port", () => assert.deepEqual(ids(...open), ["broker-port-open"]));

  it("restricts a port when it allows it to some, or allows others only, or denies it", () => {
    for (const spec of [
      { selector: NATS, rules: [{ from: [broker], to: [route] }, { to: [client] }] },
      { selector: NATS, rules: [{ to: [client] }] },
      { rules: [{ to: [{ operation: { notPorts: ["6222"] } }] }] },
      { selector: NATS },
      { action: "DENY", rules: [{ from: [{ source: { notPrincipals: ["x"] } }], to: [route] }] },
    ])
      assert.deepEqual(ids(...open, authorization(spec)), [], JSON.stringify(spec));
    assert.deepEqual(ids(...open, authorization({ rules: [{ from: [broker] }] }, "istio-system")), []);
  });

  it("restricts nothing when it lets everybody in, is for other pods, on trial or a waypoint's", () => {
    for (const policy of [
      authorization({ selector: NATS, rules: [{}] }),
      authorization({ selector: NATS, rules: [{ from: [{ source: { principals: ["*"] } }], to: [route] }] }),
      authorization({ selector: { matchLabels: { app: "x" } }, rules: [{ from: [broker] }] }),
      authorization({ rules: [{ from: [broker] }] }, "shop"),
      authorization({ targetRefs: [{ kind: "Service", name: "nats" }], rules: [{ from: [broker] }] }),
      authorization({ action: "DENY", rules: [{ to: [client] }] }),
      authorization({ action: "AUDIT", rules: [{ to: [route] }] }),
      authorization({ rules: [{ from: [broker] }] }).replace(
        '"name":"a"',
        '"name":"a","annotations":{"istio.io/dry-run":"true"}',
      ),
    ])
      assert.deepEqual(ids(...open, policy), ["broker-port-open"], policy);
  });
});

describe("a waypoint", () => {
  const plugin = kinds("WasmPlugin").map((text) =>
    text
      .replace("selector: { matchLabels: { app: nats } }", 'targetRefs: [{ group: "", kind: Service, name: nats }]')
      .replace("trustDomains:", "identity: WAYPOINT\n    trustDomains:"),
  );

  it("frees the pods behind it from what is said of sidecars", () => {
    const pods = kinds("StatefulSet").map((text) => text.replace(/ {6}annotations:\n(?: {8}.*\n)+/, ""));
    const only = authorization({
      selector: NATS,
      rules: [{ from: [{ source: { principals: ["cluster.local/ns/messaging/sa/waypoint"] } }] }],
    });
    assert.deepEqual(ids(...kinds("Service"), ...pods, ...plugin, only), []);
    assert.deepEqual(ids(...kinds("Service"), ...pods, ...plugin), ["waypoint-bypass"]);
  });
});

describe("meshConfig", () => {
  const bare = DOCUMENTS.map((text) => text.replace(/ {6}annotations:\n(?: {8}.*\n)+/, ""));
  const defaults = { holdApplicationUntilProxyStarts: true, extraStatTags: STATS_TAGS };

  it("gives the pods what their annotations do not say", () => {
    assert.deepEqual(ids(...bare), ["proxy-not-held", "stats-tags-missing"]);
    const mesh = JSON.stringify({ defaultConfig: defaults });
    const map = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "istio", namespace: "istio-system" },
      data: { mesh },
    };
    assert.deepEqual(ids(...bare, JSON.stringify(map)), []);
    const operator = {
      apiVersion: "install.istio.io/v1alpha1",
      kind: "IstioOperator",
      metadata: { name: "i" },
      spec: { meshConfig: { defaultConfig: defaults } },
    };
    assert.deepEqual(ids(...bare, JSON.stringify(operator)), []);
  });
});
