import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { policyOf, tick, connected, ended, unsub } from "./changing-policy.ts";
import { CONNECT, msg, PING, PONG, pub } from "./wire.ts";

describe("a sid that was used again while it was live", () => {
  const publish = { allow: ["a.>"] };
  const both = policyOf({ publish, subscribe: { allow: ["a.1", "a.2"] } });
  const first = policyOf({ publish, subscribe: { allow: ["a.1"] } });

  it("ends with the next policy, because nobody knows which subject the server has for it", () => {
    const { host, wire } = connected(both);
    // The echo ends the first one at the server before it reads the second SUB.
    const lines = `SUB a.1 1\r\n${pub("a.1")}UNSUB 1 1\r\nSUB a.2 1\r\n`;
    assert.equal(wire.client(lines), lines);
    assert.equal(wire.server(msg("a.1", "1") + msg("a.2", "1")), msg("a.1", "1") + msg("a.2", "1"));
    host.configure(first);
    assert.equal(wire.server(msg("a.2", "1")), ended("a.1", "1"));
    assert.equal(wire.client(PING), `${unsub("1")}${PING}`);
    assert.equal(wire.server(PONG.repeat(2)), PONG);
  });

  it("ends then even if a maximum would end it that only the first one has reached", () => {
    const { host, wire } = connected(both);
    const lines = `SUB a.1 1\r\n${pub("a.1")}UNSUB 1 1\r\nSUB a.1 1\r\nSUB a.2 1\r\n`;
    wire.client(lines);
    wire.server(msg("a.1", "1").repeat(3));
    assert.equal(wire.client("UNSUB 1 2\r\n"), "UNSUB 1 2\r\n");
    host.configure(first);
    assert.equal(wire.client(PING), `${unsub("1")}${PING}`);
  });

  it("is not taken for ended because of messages of its former holder", () => {
    const { host, wire } = connected(both);
    wire.client(`SUB a.1 1\r\n${pub("a.1").repeat(3)}UNSUB 1\r\nSUB a.2 1\r\nUNSUB 1 3\r\n`);
    wire.server(msg("a.1", "1").repeat(3) + PONG);
    host.configure(first);
    assert.equal(wire.server(msg("a.2", "1")), ended("a.2", "1"));
    assert.equal(wire.client(PING), `${unsub("1")}${PING}`);
  });

  it("is not taken for ended because of messages from before a second CONNECT", () => {
    for (const mode of ["ENFORCE", "DRY_RUN"]) {
      const { host, wire } = connected(policyOf({ publish, subscribe: { allow: ["a.1", "a.2"] } }, { mode }));
      wire.client(`SUB a.1 1\r\n${pub("a.1")}${CONNECT}SUB a.2 1\r\nUNSUB 1 1\r\n`);
      wire.server(msg("a.1", "1") + (mode === "ENFORCE" ? PONG : ""));
      host.configure(first);
      assert.equal(wire.server(msg("a.2", "1")), ended("a.2", "1"), mode);
      assert.equal(wire.client(PING), `${unsub("1")}${PING}`);
    }
  });

  it("is known again after a second CONNECT in DRY_RUN, once nothing from before can be under way", () => {
    const rule = { publish, subscribe: { allow: ["a.1"] } };
    const limits = { subscriptions: 10 };
    const { host, wire } = connected(policyOf(rule, { mode: "DRY_RUN", limits }));
    wire.client(CONNECT);
    for (let second = 0; second <= 20; second++) {
      host.advance(1000);
      host.tick();
    }
    for (let sid = 1; sid <= 20; sid++) {
      wire.client(`SUB a.1 ${sid}\r\nUNSUB ${sid} 1\r\n`);
      wire.server(msg("a.1", String(sid)));
    }
    host.configure(policyOf(rule, { limits }));
    assert.equal(wire.client("SUB a.1 99\r\n"), "SUB a.1 99\r\n");
  });

  it("closes the connection if it may be a queue group member's, unless bytes of the client take its UNSUB along", () => {
    const { host, wire } = connected(both);
    wire.client(`SUB a.1 1\r\n${pub("a.1")}UNSUB 1 1\r\nSUB a.2 workers 1\r\n`);
    wire.server(msg("a.1", "1"));
    host.configure(first);
    tick(host);
    tick(host);
    assert.ok(wire.connection.closed);
  });

  it("continues with the same subject while the policy allows that, and ends like any other", () => {
    const { host, wire } = connected(both);
    const lines = `SUB a.1 1\r\n${pub("a.1")}UNSUB 1 1\r\nSUB a.1 1\r\n`;
    wire.client(lines);
    wire.server(msg("a.1", "1"));
    host.configure(first);
    assert.equal(wire.server(msg("a.1", "1")), msg("a.1", "1"));
    host.configure(policyOf({ publish, subscribe: { allow: ["a.2"] } }));
    assert.equal(wire.server(msg("a.1", "1")), ended("a.1", "1"));
    assert.equal(wire.client(PING), `${unsub("1")}${PING}`);
  });
});

describe("a revoked subscription whose sid is used again", () => {
  const publish = { allow: ["a.>"] };
  const both = { publish, subscribe: { allow: ["a.>", "no.>"] } };
  const less = policyOf({ publish, subscribe: { allow: ["a.>"] } });

  it("has its messages withheld from the client as long as they may be under way", () => {
    const { host, wire } = connected(policyOf(both));
    wire.client("SUB no.x 9\r\n");
    host.configure(less);
    assert.equal(wire.client("SUB a.1 9\r\n"), `${unsub("9")}${PING}SUB a.1 9\r\n`);
    const notice = ended("no.x", "9");
    assert.equal(wire.server(msg("no.x", "9") + PONG.repeat(2) + msg("a.1", "9")), notice + msg("a.1", "9"));
  });

  it("is forgotten with the PONG behind its UNSUB also after a further CONNECT, so that its sid is free", () => {
    const { host, wire } = connected(policyOf(both));
    wire.client("SUB no.x 9\r\n");
    host.configure(less);
    assert.equal(wire.client(CONNECT), `${unsub("9")}${CONNECT}${PING}`);
    assert.equal(wire.server(PONG.repeat(2)), ended("no.x", "9"));
    assert.equal(wire.client("SUB a.1 9\r\n"), "SUB a.1 9\r\n");
  });

  it("makes way for one that began in DRY_RUN if the server has been informed of its end, even if another does not", () => {
    const deny = { publish, subscribe: { allow: ["a.>", "no.>"], deny: ["a.secret"] } };
    const { host, wire } = connected(policyOf(deny));
    wire.client(`${PING}SUB a.* 9\r\nSUB no.x 8\r\nUNSUB 9 1\r\n`);
    wire.server(PONG.repeat(2) + msg("a.1", "9"));
    assert.equal(wire.client(PING), `UNSUB 9\r\n${PING}${PING}`);
    wire.server(PONG + PONG);
    host.configure(policyOf(deny, { mode: "DRY_RUN" }));
    assert.equal(wire.client("SUB a.2 9\r"), "SUB a.2 9\r");
    host.configure(policyOf({ publish, subscribe: { allow: ["a.>"], deny: ["a.secret"] } }));
    assert.equal(wire.client("\n"), "\n");
    assert.equal(wire.server(msg("a.2", "9")), ended("no.x", "8") + msg("a.2", "9"));
  });

  it("is not replaced by a SUB that began in DRY_RUN, which the server ignores", () => {
    const { host, wire } = connected(policyOf(both, { mode: "DRY_RUN" }));
    wire.client("SUB no.x 9\r\nSUB a.1 9\r");
    host.configure(less);
    assert.equal(wire.client("\n"), "\n");
    assert.equal(wire.server(msg("no.x", "9")), ended("no.x", "9"));
    assert.equal(wire.client(PING), `${unsub("9")}${PING}`);
  });

  it("is forgotten with the PONG that begins the new one, whose messages pass though the client has ended it meanwhile", () => {
    const { host, wire } = connected(policyOf(both));
    wire.client("SUB no.x 9\r\n");
    host.configure(less);
    assert.equal(wire.client(PING), `${unsub("9")}${PING}`);
    assert.equal(wire.client("SUB a.1 9\r\n"), `${PING}SUB a.1 9\r\n`);
    assert.equal(wire.server(PONG), ended("no.x", "9"));
    assert.equal(wire.client("UNSUB 9\r\n"), "UNSUB 9\r\n");
    // What nats-server has delivered before it read the UNSUB, as a client waits for that drains its subscription.
    assert.equal(wire.server(PONG.repeat(2) + msg("a.1", "9", "x")), PONG + msg("a.1", "9", "x"));
  });
});
