import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { FILTER_LABELS, LABELS, PEER_LABELS, STATS } from "../../assembly/telemetry/stats.ts";
import { inRoot } from "../../tools/paths.ts";
import { filterWasm } from "../../tools/wasm.ts";
import { configuredHost, CONNECT, msg, PONG, pub, rawNames, Wire } from "./wire.ts";

const NODE = { "xds.node.metadata.WORKLOAD_NAME": "nats", "xds.node.metadata.NAMESPACE": "messaging" };

describe("the table of stats", () => {
  it("has no label whose name is the end of another's, because Istio's expressions are not anchored", () => {
    const names = LABELS.map(({ name }) => name);
    for (const name of names) {
      for (const other of names) assert.ok(name === other || !other.endsWith(name), `${other} ends with ${name}`);
    }
  });

  const known = new Set(LABELS.map(({ name }) => name));

  it("names each stat and each label once", () => {
    assert.equal(new Set(STATS.map(({ name }) => name)).size, STATS.length);
    assert.equal(known.size, LABELS.length);
  });

  it("uses no label that it does not list", () => {
    for (const { labels } of STATS)
      for (const label of [...labels, ...PEER_LABELS, ...FILTER_LABELS]) assert.ok(known.has(label), label);
  });

  it("follows Prometheus' naming conventions", () => {
    for (const { name, kind } of STATS) {
      assert.ok(["counter", "gauge", "histogram"].includes(kind));
      assert.equal(name.endsWith("_total"), kind === "counter", name);
      assert.equal(name.endsWith("_milliseconds"), kind === "histogram", name);
    }
  });

  it("matches the filter's series, label for label, and lists nothing else", () => {
    const rule = { allow_responses: true, subscribe: { allow: ["ok.>", "_INBOX.>"], deny: ["ok.secret"] } };
    const host = configuredHost({ rule, telemetry: { principals: 1 } }, { properties: NODE });
    const wire = Wire.connected(host);
    wire.client("PING\r\n");
    wire.server(PONG);
    wire.client("SUB ok.> 1\r\n" + pub("no.a") + [1, 2, 3].map((i) => pub("ok.a", "x", `_INBOX.${i}`)).join(""));
    host.tick();
    wire.server(PONG + msg("ok.a", "1", "x", "r.1") + "HMSG _INBOX.1 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n");
    wire.server(msg("_INBOX.2", "1"));
    wire.server("-ERR 'Stale Connection'\r\n");
    wire.client(pub("r.1") + "NONSENSE\r\n");
    wire.connection.close();
    new Wire(host, "spiffe://cluster.local/ns/a/sa/b").client(CONNECT);
    assert.ok(!host.configure({}).accepted);
    for (const raw of rawNames(host)) {
      const parts = raw.split(";.;");
      const name = parts.pop()!;
      const row = STATS.find((entry) => entry.name === name);
      assert.ok(row, name);
      const labels = parts.map((part) => part.split("=.=")[0]!);
      assert.deepEqual(labels.sort(), [...(row.filterWide ? FILTER_LABELS : PEER_LABELS), ...row.labels].sort(), name);
    }
    const met = new Set(rawNames(host).map((raw) => raw.split(";.;").at(-1)));
    // Stats that need a change of policy, a flood, a DRY_RUN or another server are covered elsewhere.
    const elsewhere = /policy_changes|revoked|audit_suppressed|left_out|dry_run|untested|over_maximum/;
    assert.deepEqual(
      STATS.map(({ name }) => name).filter((name) => !met.has(name) && !elsewhere.test(name)),
      [],
    );
  });

  it("is not compiled into the module, except for its names", () => {
    const wasm = readFileSync(filterWasm);
    const holds = (text: string): boolean => wasm.includes(Buffer.from(text, "utf16le"));
    assert.deepEqual(
      STATS.filter(({ name }) => !holds(name)).map(({ name }) => name),
      [],
    );
    assert.deepEqual([...STATS.map(({ help }) => help), ...LABELS.map(({ about }) => about)].filter(holds), []);
  });

  it("matches what extraStatTags lists in deploy/", () => {
    const patch = parse(readFileSync(inRoot("deploy", "stats-tags.yaml"), "utf8")) as {
      spec: { template: { metadata: { annotations: Record<string, string> } } };
    };
    const tags = patch.spec.template.metadata.annotations["sidecar.istio.io/extraStatTags"];
    assert.equal(tags, LABELS.map(({ name }) => name).join(","));
  });
});
