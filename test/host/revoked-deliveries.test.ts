import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { policyOf, tick, connected, unsub } from "./changing-policy.ts";
import { auditOf, CONNECT, msg, PING, PONG, stat } from "./wire.ts";

describe("a delivery that a newer policy no longer allows, for a subscription that has ended,", () => {
  const before = { subscribe: { allow: ["ok.>", "gone.>"] } };
  const denies = { subscribe: { allow: ["ok.>"], deny: ["ok.secret.>"] } };
  const secret = msg("ok.secret.x", "1");

  it("does not reach a client that ended the subscription and has not read what waited for it", () => {
    for (const [subscribed, left] of [
      ["gone.>", "gone.x"],
      ["ok.>", "ok.secret.x"],
    ] as const) {
      const { host, wire } = connected(policyOf(before));
      wire.client(`SUB ${subscribed} 1\r\nUNSUB 1\r\n`);
      assert.equal(wire.server(msg(left, "1")), msg(left, "1"), "allowed until then");
      host.configure(policyOf(denies));
      assert.equal(wire.server(msg(left, "1").repeat(2)), "");
      tick(host);
      host.advance(20_000);
      tick(host);
      assert.equal(wire.server(msg(left, "1")), "", "later too");
      assert.equal(stat(host, "istio_nats_refusals_total"), 3);
      assert.equal(stat(host, "istio_nats_revoked_subscriptions_total"), 0, "the client has ended it");
      assert.ok(auditOf(host).every(({ event }) => event !== "revoked"));
    }
  });

  it("passes again once nats-server has answered after the UNSUB, if another subscription has the sid", () => {
    const { host, wire } = connected(policyOf(before));
    wire.client("SUB gone.> 1\r\nUNSUB 1\r\n");
    host.configure(policyOf(denies));
    assert.equal(wire.client("SUB ok.> 1\r\n"), `UNSUB 1\r\n${PING}${PING}SUB ok.> 1\r\n`);
    assert.equal(wire.server(msg("gone.x", "1") + PONG + PONG + msg("ok.x", "1")), msg("ok.x", "1"));
  });

  it("leaves no trace once nats-server has answered, so that what the client subscribes to then is remembered", () => {
    const publish = { allow: ["p"] };
    const { host, wire } = connected(policyOf({ publish, subscribe: { allow: ["no.1", "ok.1"] } }));
    wire.client("SUB no.1 1\r\nUNSUB 1\r\n");
    host.configure(policyOf({ publish, subscribe: { allow: ["ok.1"] } }));
    assert.equal(wire.client(PING), `${unsub("1")}${PING}`);
    wire.server(PONG.repeat(2));
    // Its memory is that of the former one, which must not be forgotten once more with what has ended.
    wire.client("SUB ok.1 2\r\n");
    for (let second = 0; second < 15; second++) {
      host.advance(1000);
      host.tick();
    }
    host.configure(policyOf({ publish, subscribe: { allow: ["other"] } }));
    assert.equal(wire.client(PING), `${unsub("2")}${PING}`);
  });

  it("is also stopped at nats-server by an UNSUB if a maximum was reached, because an import continues without one", () => {
    const { host, wire } = connected(policyOf(before));
    const lines = "SUB gone.> 1\r\nUNSUB 1 1\r\n";
    assert.equal(wire.client(lines), lines);
    assert.equal(wire.server(msg("gone.x", "1").repeat(2)), msg("gone.x", "1").repeat(2));
    host.advance(20_000);
    tick(host);
    host.configure(policyOf(denies));
    assert.equal(wire.server(msg("gone.x", "1")), "", "though ten seconds have passed");
    assert.equal(wire.client(PING).startsWith("UNSUB 1\r\n"), true);
  });

  it("is withheld if a further CONNECT has ended the subscription, until nats-server has read that CONNECT", () => {
    const { host, wire } = connected(policyOf(before));
    wire.client(`SUB gone.> 1\r\n${CONNECT}SUB ok.a 2\r\n`);
    host.configure(policyOf(denies));
    assert.equal(wire.server(msg("gone.x", "1") + msg("ok.a", "2")), msg("ok.a", "2"));
    assert.equal(wire.server(PONG + msg("ok.a", "2")), msg("ok.a", "2"));
  });

  it("is withheld between two further CONNECTs, until nats-server has read the second one", () => {
    const { host, wire } = connected(policyOf(before));
    wire.client(`${CONNECT}SUB gone.> 1\r\n${CONNECT}SUB ok.a 1\r\n`);
    host.configure(policyOf(denies));
    assert.equal(wire.server(PONG + msg("gone.x", "1") + msg("ok.a", "1")), msg("ok.a", "1"));
    // Now what comes for the sid is of the second subscription, of which nats-server alone decides.
    assert.equal(wire.server(PONG + msg("gone.x", "1")), msg("gone.x", "1"));
  });

  it("is withheld if another subscription has the sid by then, until nats-server has answered after the former one", () => {
    for (const again of ["UNSUB 1\r\n", CONNECT]) {
      const { host, wire } = connected(policyOf(before));
      wire.client(`SUB gone.> 1\r\n${again}SUB ok.a 1\r\n`);
      host.configure(policyOf(denies));
      assert.equal(wire.server(msg("gone.x", "1") + msg("ok.a", "1")), msg("ok.a", "1"), again);
    }
  });

  it("is withheld if nobody knows its subscription any more", () => {
    const { host, wire } = connected(policyOf(before));
    wire.client("SUB gone.> 1\r\nUNSUB 1\r\nSUB ok.a 2\r\n");
    host.advance(20_000);
    tick(host);
    host.advance(20_000);
    tick(host);
    assert.equal(wire.server(msg("gone.x", "1")), msg("gone.x", "1"));
    host.configure(policyOf(denies));
    for (const gone of [msg("gone.x", "1"), msg("gone.x", "1", "", "a.b"), msg(`gone.${"x".repeat(80)}`, "1")]) {
      assert.equal(wire.server(gone + msg("ok.a", "2")), msg("ok.a", "2"));
    }
  });

  it("is withheld if a CONNECT in DRY_RUN had dropped its subscription", () => {
    const { host, wire } = connected(policyOf(before, { mode: "DRY_RUN" }));
    wire.client(`SUB gone.> 1\r\n${CONNECT}SUB ok.a 2\r\n`);
    host.configure(policyOf(denies));
    assert.equal(wire.server(msg("gone.x", "1") + msg("ok.a", "2")), msg("ok.a", "2"));
  });

  it("counts for no maximum while nats-server has not answered after a further CONNECT, however long that takes", () => {
    const { host, wire } = connected(policyOf(before));
    wire.client(`SUB ok.a 1\r\n${CONNECT}SUB ok.b 1\r\nUNSUB 1 2\r\n`);
    for (let second = 0; second < 15; second++) {
      host.advance(1000);
      tick(host);
    }
    const old = msg("ok.a", "1").repeat(2);
    assert.equal(wire.server(old), old);
    assert.equal(wire.client(PING), PING);
    wire.server(PONG);
    const two = msg("ok.b", "1").repeat(2);
    assert.equal(wire.server(two), two);
    assert.equal(wire.client(PING), `UNSUB 1\r\n${PING}`);
  });

  it("is also filtered if the subscription comes after a further CONNECT that nats-server reads later", () => {
    for (const filtered of [false, true]) {
      const { host, wire } = connected(policyOf(before));
      if (filtered) {
        host.configure(policyOf({ subscribe: { allow: ["ok.>"], deny: ["ok.other.>"] } }));
        wire.client("SUB ok.> 1\r\n");
      }
      wire.client(`${CONNECT}SUB ok.> 1\r\n`);
      host.configure(policyOf(denies));
      assert.equal(wire.server(secret), "");
      wire.server(PONG);
      assert.equal(wire.server(secret + msg("ok.x", "1")), msg("ok.x", "1"), `filtered before: ${filtered}`);
      host.advance(20_000);
      tick(host);
      assert.equal(wire.server(secret), "");
    }
  });
});
