import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OTHER_PEER, only, policyOf, vm, tick, connected, assertOnly } from "./changing-policy.ts";
import { stepCountingModule, stepsOf } from "./steps.ts";
import { auditOf, CONNECT, INFO, msg, PING, PONG, pub, stat, Wire } from "./wire.ts";

const counting = await stepCountingModule();

describe("a connection that a newer policy leaves nothing", () => {
  const nobody = {
    trustDomains: ["cluster.local"],
    rules: [{ name: "x", from: [{ namespaces: ["none"] }], publish: { allow: ["x"] } }],
  };

  it("is closed by the tick, forwards nothing until then, and is refused when it comes again", () => {
    const { host, wire } = connected(only("a"));
    host.configure(nobody);
    assert.equal(wire.client(pub("a.x")), "");
    assert.equal(wire.server(msg("_INBOX.1", "1", "x")), "");
    tick(host);
    assert.ok(wire.connection.closed);
    const { reason, subject } = auditOf(host).find(({ event }) => event === "revoked")!;
    assert.deepEqual({ reason, subject }, { reason: "no_rule", subject: undefined });
    const again = new Wire(host);
    again.server(INFO);
    assert.equal(again.client(CONNECT), `${PING}?\r\n`);
    assert.equal(again.server(PONG), "-ERR 'Authorization Violation'\r\n");
  });

  it("passes nothing of a line, in either direction, whose beginning passed in DRY_RUN", () => {
    const { host, wire } = connected(only("a", { mode: "DRY_RUN" }));
    const [publish, delivery] = [pub("a.x", "x"), msg("_INBOX.1", "1", "x")];
    assert.equal(wire.client(publish.slice(0, 5)), publish.slice(0, 5));
    assert.equal(wire.server(delivery.slice(0, 5)), delivery.slice(0, 5));
    host.configure(nobody);
    assert.equal(wire.client(publish.slice(5)), "");
    assert.equal(wire.server(delivery.slice(5)), "");
    assert.equal(wire.server(delivery), "");
    tick(host);
    assert.ok(wire.connection.closed);
  });

  it("is ended though the policy allows its peer all, if it passed unread in DRY_RUN: nobody knows where a line begins", () => {
    const { host, wire } = connected(only("a", { mode: "DRY_RUN" }));
    const unreadable = "no operation\r\n";
    assert.equal(wire.client(unreadable), unreadable);
    host.configure(only("a"));
    assert.equal(wire.client(pub("a.x")), "");
    assert.equal(wire.server(msg("_INBOX.1", "1", "x")), "");
    tick(host);
    assert.ok(wire.connection.closedByFilter);
    assert.equal(stat(host, "istio_nats_revoked_connections_total"), 1);
  });

  it("is one of 5,000 that are closed 64 at a time, in ticks that come faster and are short, within 2 s", () => {
    const host = vm(undefined, {}, counting);
    host.configure(only("a", { audit: { refusalsPerSecond: 1, burst: 1 } }));
    const wires = Array.from({ length: 5000 }, () => Wire.connected(host));
    host.configure({ ...nobody, audit: { refusalsPerSecond: 1, burst: 1 } });
    let milliseconds = 0;
    let most = 0;
    const open = (): number => wires.filter(({ connection }) => !connection.closed).length;
    for (let left = 5000; left > 0 && milliseconds < 5000;) {
      const period = host.shortestTickPeriod;
      milliseconds += period;
      host.advance(period);
      most = Math.max(
        most,
        stepsOf(host, () => host.tick()),
      );
      const now = open();
      assert.ok(left - now <= 64 * 2, `${left - now} in one tick of two roots`);
      left = now;
    }
    assert.equal(open(), 0);
    assert.ok(milliseconds <= 2000, `${milliseconds} ms`);
    assert.ok(most < 2000 * 5000, `${most} steps in one tick, for 5,000 connections`);
    assert.equal(stat(host, "istio_nats_revoked_connections_total"), 5000);
  });

  it("stays if it had a certificate that only now belongs to a trust domain", () => {
    const foreign = "spiffe://other.domain/ns/shop/sa/x";
    const host = vm();
    host.configure(only("a", { trustDomains: ["cluster.local", "other.domain"] }));
    const wire = new Wire(host, foreign);
    wire.server(INFO);
    wire.client(CONNECT);
    assertOnly(wire, "a", ["b"]);
    host.configure(only("b", { trustDomains: ["new.domain", "other.domain"] }));
    assertOnly(wire, "b", ["a"]);
    host.configure(only("c", { trustDomains: ["new.domain"] }));
    tick(host);
    assert.ok(wire.connection.closed);
    assert.equal(auditOf(host).find(({ event }) => event === "revoked")!["reason"], "unauthenticated");
  });

  it("is judged by another source of identity if the policy names one, also by the tick", () => {
    const host = vm();
    host.configure(policyOf({ publish: { allow: ["a.>"] } }));
    const wire = Wire.connected(host);
    wire.connection.properties.set("filter_state.io.istio.peer_principal", OTHER_PEER);
    const rules = [
      { name: "peer", from: [{ serviceAccounts: ["shop/orders-api"] }], publish: { allow: ["a.>"] } },
      { name: "other", from: [{ serviceAccounts: ["shop/other"] }], publish: { allow: ["b.>"] } },
    ];
    host.configure({ trustDomains: ["cluster.local"], identity: "WAYPOINT", rules });
    tick(host);
    assertOnly(wire, "b", ["a"]);
    assert.ok(stat(host, "istio_nats_messages_total", { reporter: "waypoint", source_principal: OTHER_PEER }) > 0);
  });
});
