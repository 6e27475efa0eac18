import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, it } from "node:test";
import { parse } from "yaml";
import { inRoot } from "../../tools/paths.ts";
import { STATS_TAGS } from "../stand/stats-tags.ts";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import { auditOf, CONNECT, hpub, INFO, msg, PING, PONG, pub, stat, Wire } from "./wire.ts";

interface Patch {
  spec: { template: { metadata: { annotations: Record<string, string> } } };
}

function manifest(...path: string[]): unknown {
  return parse(readFileSync(inRoot("deploy", ...path), "utf8"));
}

const plugin = manifest("sidecar", "wasmplugin.yaml") as { spec: { pluginConfig: object } };

const ORDERS_API = "spiffe://cluster.local/ns/shop/sa/orders-api";
const WORKERS = "spiffe://cluster.local/ns/shop/sa/workers";
const BILLING = "spiffe://cluster.local/ns/finance/sa/billing";
const AUDITOR = "spiffe://cluster.local/ns/audit/sa/anybody";
const OPERATOR = "spiffe://cluster.local/ns/messaging/sa/nats-operator";

const ROLLUP = "NATS/1.0\r\nNats-Rollup: all\r\n\r\n";

interface Decision {
  who: string;
  operation: string;
  passes: boolean;
}

const DECISIONS: Decision[] = [
  { who: ORDERS_API, operation: pub("orders.eu.created"), passes: true },
  { who: ORDERS_API, operation: pub("orders.admin.purge"), passes: false },
  { who: ORDERS_API, operation: pub("orders.eu.created", "", "_INBOX.a.1"), passes: true },
  { who: ORDERS_API, operation: pub("orders.eu.created", "", "orders.admin.purge"), passes: false },
  { who: ORDERS_API, operation: hpub("orders.eu.created", ROLLUP), passes: false },
  { who: ORDERS_API, operation: "SUB _INBOX.a.* 1\r\n", passes: true },
  { who: ORDERS_API, operation: "SUB orders.> 1\r\n", passes: false },
  { who: ORDERS_API, operation: pub("$SYS.REQ.SERVER.PING"), passes: false },
  { who: WORKERS, operation: "SUB orders.> workers 1\r\n", passes: true },
  { who: WORKERS, operation: "SUB orders.> 1\r\n", passes: false },
  { who: WORKERS, operation: pub("orders.eu.created"), passes: false },
  { who: BILLING, operation: pub("$JS.API.CONSUMER.MSG.NEXT.ORDERS.billing", "", "_INBOX.b.1"), passes: true },
  { who: BILLING, operation: pub("$JS.API.CONSUMER.MSG.NEXT.ORDERS.other", "", "_INBOX.b.1"), passes: false },
  { who: BILLING, operation: pub("$JS.API.STREAM.DELETE.ORDERS", "", "_INBOX.b.1"), passes: false },
  { who: BILLING, operation: pub("$JS.ACK.ORDERS.billing.1.2.3.4.5", "+ACK"), passes: true },
  { who: AUDITOR, operation: "SUB orders.> 1\r\n", passes: true },
  { who: AUDITOR, operation: "SUB orders.eu.card 1\r\n", passes: false },
  { who: AUDITOR, operation: pub("orders.eu.created"), passes: false },
  { who: OPERATOR, operation: pub("$JS.API.STREAM.CREATE.ORDERS", "{}", "anything"), passes: true },
  { who: OPERATOR, operation: "SUB $SYS.> 1\r\n", passes: true },
  { who: OPERATOR, operation: hpub("orders.eu.created", ROLLUP), passes: true },
];

describe("the policy of deploy/sidecar", () => {
  let host: Host;

  before(() => {
    host = new Host(filterModule());
    // Shipped in DRY_RUN, which lets everything pass. The tests check what it decides.
    const { accepted, logs } = host.configure({ ...plugin.spec.pluginConfig, mode: "ENFORCE" });
    assert.ok(accepted, JSON.stringify(logs));
  });

  function connected(who: string): Wire {
    const wire = new Wire(host, who);
    wire.server(INFO);
    assert.equal(wire.client(CONNECT), CONNECT);
    return wire;
  }

  it("decides as the comments of the shipped policy say", () => {
    for (const { who, operation, passes } of DECISIONS) {
      const expected = passes ? operation : PING;
      assert.equal(connected(who).client(operation), expected, `${who}: ${JSON.stringify(operation)}`);
    }
  });

  it("lets a worker answer each request once, within five seconds", () => {
    const wire = connected(WORKERS);
    wire.client("SUB orders.> workers 1\r\n");
    const request = msg("orders.eu.quote", "1", "?", "_INBOX.x.1");
    const answer = pub("_INBOX.x.1", "4.20");
    assert.equal(wire.server(request), request);
    assert.equal(wire.client(answer), answer);
    assert.equal(wire.client(answer), PING);
    wire.server(PONG);
    const late = msg("orders.eu.quote", "1", "?", "_INBOX.x.2");
    assert.equal(wire.server(late), late);
    host.advance(5001);
    assert.equal(wire.client(pub("_INBOX.x.2")), PING);
  });

  it("withholds a card's data from the auditors", () => {
    const wire = connected(AUDITOR);
    wire.client("SUB orders.> 1\r\n");
    const created = msg("orders.eu.created", "1", "3 lemons");
    assert.equal(wire.server(msg("orders.eu.card", "1", "4111 1111") + created), created);
  });

  it("only counts what the rule on trial would refuse", () => {
    const wire = connected(ORDERS_API);
    const old = pub("orders.v1.created");
    const labels = { operation: "PUB", reason: "denied", source_principal: ORDERS_API };
    const before = stat(host, "istio_nats_dry_run_refusals_total", labels);
    assert.equal(wire.client(old), old);
    assert.equal(stat(host, "istio_nats_dry_run_refusals_total", labels), before + 1);
    const record = auditOf(host).at(-1)!;
    assert.deepEqual([record["event"], record["rule"]], ["would_refuse", "old-subjects"]);
  });

  it("refuses connections of peers that no rule names, and of peers without a certificate", () => {
    for (const who of ["spiffe://cluster.local/ns/web/sa/storefront", "spiffe://partner.example/ns/audit/sa/x", null]) {
      const wire = new Wire(host, who);
      wire.server(INFO);
      assert.equal(wire.client(CONNECT), `${PING}?\r\n`);
      assert.equal(wire.server(PONG), "-ERR 'Authorization Violation'\r\n");
    }
  });

  it("has stats whose labels are all Prometheus labels by stats-tags.yaml", () => {
    const { annotations } = (manifest("stats-tags.yaml") as Patch).spec.template.metadata;
    const tags: string[] = (annotations["sidecar.istio.io/extraStatTags"] ?? "").split(",");
    assert.equal(tags.join(), STATS_TAGS.join());
    host.tick();
    const used = new Set([...host.metrics.keys()].flatMap((raw) => raw.match(/\w+(?==\.=)/g) ?? []));
    for (const needed of ["source_principal", "verdict", "reason"]) assert.ok(used.has(needed), needed);
    assert.deepEqual(
      [...used].filter((label) => !tags.includes(label)),
      [],
    );
  });
});
