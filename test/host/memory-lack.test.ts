import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Host } from "./host.ts";
import { exhaust, exhaustingSubs, fill, MEMORY } from "./memory.ts";
import {
  assertSame,
  auditOf,
  configuredHost,
  CONNECT,
  INFO,
  msg,
  PEER,
  PING,
  policy,
  PONG,
  pub,
  publishViolation,
  stat,
  VERBOSE_CONNECT,
  Wire,
  type Policy,
} from "./wire.ts";

const OTHER = "spiffe://cluster.local/ns/shop/sa/other";
const LONG = "x".repeat(4000);
/** What nats-server is told in place of what there is no room for, at which it closes the connection. */
const ILLEGAL = "?\r\n";
/** `limits.subscriptions`. */
const MOST = 100;
const limits = { memory: MEMORY, outstandingReplies: MEMORY };

/** What has ended connections of the usual peer, or made them pass unread. */
function endedFor(host: Host): string[] {
  return auditOf(host)
    .filter((record) => record["source_principal"] === PEER)
    .map(({ event, kind }) => `${String(event)} ${String(kind)}`)
    .filter((what) => /^(?:unreadable|revoked)/.test(what));
}

/** Makes so many subscriptions that the table of them need not grow for `exhaustingSubs`. */
function widen(wire: Wire): void {
  wire.client(Array.from({ length: 600 }, (_, i) => `SUB ok.1 ${1000 + i}\r\n`).join(""));
}

/**
 * So many refused publishes that the texts for their PONGs fill a block of 512 KiB: each takes its subject and 4 bytes. For a further
 * record that must become twice as large, and what is left to one callback is less.
 */
const REFUSED = 128;
const SUBJECT = `no.${"x".repeat(4089)}`;

/** `taken`: bytes of the block that other records have already. */
function fillRecords(wire: Wire, taken = 0): void {
  const last = SUBJECT.slice(0, SUBJECT.length - taken);
  assert.equal(wire.client(pub(SUBJECT).repeat(REFUSED - 1) + pub(last)), PING.repeat(REFUSED));
  fill(wire.host, OTHER);
}

/** A policy under which these subjects may be subscribed to. */
function subscribed(...allow: string[]): Policy {
  return { rule: { subscribe: { allow: [...allow, "ok.>"] } }, limits };
}

describe("a connection of whose PONGs no further one can be remembered, since the budget has no room,", () => {
  const filtered = { subscribe: { allow: ["ok.>"], deny: ["ok.secret"] } };

  for (const { of, begins = "", before, sends, reads = "" } of [
    { of: "a PING of the client's", sends: PING },
    {
      of: "the PING for one subscription too many",
      before: (wire: Wire) => wire.client(Array.from({ length: MOST }, (_, i) => `SUB ok.1 ${i}\r\n`).join("")),
      sends: "SUB ok.1 more\r\n",
    },
    {
      of: "the PING before a subscription whose sid another one had",
      before: (wire: Wire) => wire.client("SUB ok.1 1\r\nUNSUB 1\r\n"),
      sends: "SUB ok.2 1\r\n",
    },
    { of: "the PING behind a further CONNECT", sends: CONNECT, reads: CONNECT },
    {
      of: "the PING before an UNSUB in verbose mode",
      begins: VERBOSE_CONNECT,
      before: (wire: Wire) => wire.client("SUB ok.1 1\r\nUNSUB 1 1\r\n"),
      sends: pub("ok.1"),
    },
    {
      of: "the PING behind an UNSUB at a maximum that is counted here",
      before: (wire: Wire) => {
        wire.client("SUB ok.* 1\r\nUNSUB 1 1\r\n");
        wire.server(PONG);
      },
      sends: pub("ok.1"),
      reads: "UNSUB 1\r\n",
    },
    { of: "the PING for the text about a payload that is too large", sends: "PUB ok.1 9999999\r\n" },
  ]) {
    it(`ends with ${of}, which is not sent`, () => {
      const host = configuredHost({ rule: filtered, limits: { ...limits, subscriptions: MOST } });
      const wire = Wire.connected(host, { connect: begins === "" ? CONNECT : begins });
      before?.(wire);
      fillRecords(wire);
      // What makes an UNSUB due where there is one that waits for its maximum.
      wire.server(msg("ok.1", "1", "x"));
      assert.equal(wire.client(sends), reads + ILLEGAL);
      assert.equal(wire.client(pub("ok.1")), "");
      const kind = sends.startsWith("PUB ok.1 9") ? "payload_size" : "memory";
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind }), 1);
      // Nor is one of the client's counted as allowed.
      assert.equal(stat(host, "istio_nats_messages_total", { verdict: "allowed", operation: "PING" }), 0);
    });
  }

  it("sends the UNSUB of what a newer policy forbids alone, and never gets what that subscription brings", () => {
    const host = configuredHost(subscribed("old.*"));
    const wire = Wire.connected(host);
    wire.client("SUB old.* 1\r\n");
    fillRecords(wire);
    // What nobody knows a subscription for would pass by its own subject.
    host.configure(policy(subscribed("old.1")));
    assert.equal(wire.client(pub("ok.1")), `UNSUB 1\r\n${pub("ok.1")}`);
    assert.match(wire.server(msg("old.1", "1", "x")), /^-ERR '[^\r]*old\.\*" \(sid "1"\)'\r\n$/);
    assert.equal(wire.server(PONG.repeat(REFUSED)), publishViolation(SUBJECT).repeat(REFUSED));
    // All records are gone, and a client's PING has room again.
    assert.equal(wire.client(PING), PING);
    assert.equal(wire.server(PONG + msg("old.1", "1", "x")), PONG);
  });

  it("gives back what it holds of that subscription once the PONG behind the UNSUBs of a later policy comes", () => {
    const host = configuredHost(subscribed("old.>", "new.*"));
    const wire = Wire.connected(host);
    wire.client(`SUB old.${LONG} 1\r\nSUB new.* 2\r\n`);
    fillRecords(wire);
    host.configure(policy(subscribed("new.*")));
    assert.equal(wire.client(pub("ok.1")), `UNSUB 1\r\n${pub("ok.1")}`);
    wire.server(PONG.repeat(REFUSED));
    host.configure(policy(subscribed()));
    assert.equal(wire.client(pub("ok.1")), `UNSUB 2\r\n${PING}${pub("ok.1")}`);
    const held = stat(host, "istio_nats_memory_bytes");
    wire.server(PONG);
    assert.ok(stat(host, "istio_nats_memory_bytes") < held - LONG.length);
  });

  it("never gets that either once the PONG behind the UNSUBs of an earlier policy comes, which were sent before", () => {
    const host = configuredHost(subscribed("old.*", "new.*"));
    const wire = Wire.connected(host);
    wire.client("SUB old.* 1\r\nSUB new.* 2\r\n");
    host.configure(policy(subscribed("new.*")));
    assert.equal(wire.client(pub("ok.1")), `UNSUB 1\r\n${PING}${pub("ok.1")}`);
    fillRecords(wire, 4);
    host.configure(policy(subscribed("new.1")));
    assert.equal(wire.client(pub("ok.1")), `UNSUB 2\r\n${pub("ok.1")}`);
    wire.server(msg("new.1", "2", "x"));
    assert.equal(wire.server(PONG + msg("new.1", "2", "x")), "");
  });

  it("never gets that either once the PONG comes that shows that its SUB was read", () => {
    const host = configuredHost({ rule: { subscribe: { allow: ["old.*", "ok.>"], deny: ["ok.secret"] } }, limits });
    const wire = Wire.connected(host);
    assert.equal(wire.client("SUB ok.* 1\r\nUNSUB 1\r\nSUB old.* 1\r\n").split(PING).length, 2);
    fillRecords(wire, 13);
    host.configure(policy(subscribed("old.1")));
    assert.equal(wire.client(pub("ok.1")), `UNSUB 1\r\n${pub("ok.1")}`);
    wire.server(msg("old.1", "1", "x"));
    assert.equal(wire.server(PONG + msg("old.1", "1", "x")), "");
  });

  it("passes unread in DRY_RUN, since under a later policy its PONG would tell what it does not", () => {
    const host = configuredHost({ mode: "DRY_RUN", limits });
    const wire = Wire.connected(host);
    wire.client("SUB secret.> 1\r\n");
    widen(wire);
    fill(host, OTHER);
    // nats-server answers the PINGs, and then sends a message. The client reads none of it yet.
    const sent = exhaustingSubs(host) + PING + PING;
    assert.equal(wire.client(sent), sent);
    host.configure(policy({ limits }));
    wire.client("SUB ok.1 1\r\n");
    assert.equal(wire.server(PONG + PONG + msg("secret.x", "1", "x")), "");
    assert.deepEqual(endedFor(host), ["unreadable_passed memory", "revoked undefined"]);
    host.tick();
    assert.ok(wire.connection.closed);
  });
});

describe("a connection that has nothing yet, and for which the budget has no room,", () => {
  it("ends without the text about a peer that may not connect", () => {
    const host = configuredHost({ rule: { from: [{ principals: ["cluster.local/ns/shop/sa/admitted"] }] }, limits });
    const wire = new Wire(host);
    exhaust(host);
    wire.server(INFO);
    assert.equal(wire.client(CONNECT), ILLEGAL);
    assert.equal(wire.server("-ERR 'Unknown Protocol Operation'\r\n"), "-ERR 'Unknown Protocol Operation'\r\n");
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "memory" }), 0);
  });

  it("ends with a line that it begins, of which nothing passes", () => {
    const host = configuredHost({ limits });
    const wire = Wire.connected(host);
    exhaust(host);
    assert.equal(wire.client(`${pub("ok.1")}PUB ok.`), pub("ok.1"));
    assert.equal(wire.client("1 0\r\n\r\n"), "");
    assert.deepEqual(endedFor(host), ["unreadable memory"]);
  });

  it("ends with a line that nats-server begins, of which nothing passes", () => {
    const host = configuredHost({ limits });
    const wire = Wire.connected(host);
    exhaust(host);
    assert.equal(wire.server(`${PONG}MSG ok.1`), PONG);
    assert.equal(wire.server(" 1 0\r\n\r\n"), "");
    assert.deepEqual(endedFor(host), ["unreadable memory"]);
  });

  it("ends once, though a line that nats-server begins meanwhile needs room as well", () => {
    const host = configuredHost({ limits });
    const wire = Wire.connected(host);
    exhaust(host);
    assert.equal(wire.client(PING), ILLEGAL);
    assert.equal(wire.server(`${PONG}MSG ok.1`), PONG);
    assert.equal(wire.server(" 1 0\r\n\r\n"), "");
    assert.deepEqual(endedFor(host), ["unreadable memory"]);
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "memory" }), 1);
  });

  for (const [side, begins, ends] of [
    ["the client", "PUB ok.", "1 0\r\n\r\n"],
    ["nats-server", "MSG ok.1", " 1 0\r\n\r\n"],
  ] as const) {
    it(`passes unread in DRY_RUN, all of a line that ${side} begins`, () => {
      const host = configuredHost({ mode: "DRY_RUN", limits });
      const wire = Wire.connected(host);
      exhaust(host);
      const passes = (text: string): string => (side === "the client" ? wire.client(text) : wire.server(text));
      assert.equal(passes(begins), begins);
      assert.equal(passes(ends), ends);
      assert.deepEqual(endedFor(host), ["unreadable_passed memory"]);
    });
  }

  it("gets a request that it may not answer, and stays open", () => {
    const rule = { publish: { allow: ["ok.>"] }, allow_responses: { max: 1, expires: "1m" } };
    const host = configuredHost({ rule, limits, telemetry: { requests: 0 } });
    const wire = Wire.connected(host);
    const silent = exhaust(host);
    const request = msg("ok.1", "1", "x", "r.1");
    assert.equal(wire.server(request), request);
    for (const { connection } of silent) connection.close("client");
    assert.equal(wire.client(pub("r.1") + pub("ok.1")), PING + pub("ok.1"));
    assert.deepEqual(endedFor(host), []);
  });
});

describe("a budget that a callback uses up", () => {
  for (const mode of ["ENFORCE", "DRY_RUN"] as const) {
    const end = mode === "ENFORCE" ? "ends a connection with" : "lets a connection in DRY_RUN pass unread from";
    it(`${end} a subscription that cannot be recorded`, () => {
      const host = configuredHost({ mode, limits });
      const wire = Wire.connected(host);
      widen(wire);
      fill(host, OTHER);
      const subs = exhaustingSubs(host);
      const one = "SUB ok.1 1\r\n";
      assertSame(wire.client(subs + one), subs + (mode === "ENFORCE" ? ILLEGAL : one), "what nats-server reads");
      assert.deepEqual(endedFor(host), [mode === "ENFORCE" ? "unreadable memory" : "unreadable_passed memory"]);
    });
  }

  it("ends a connection to which nats-server's second INFO must come later than it does, and lets it not pass", () => {
    const rule = { publish: { allow: ["ok.>"] }, allow_responses: { max: 100, expires: "1m" } };
    const host = configuredHost({ rule, limits, telemetry: { requests: 0 } });
    const wire = Wire.connected(host);
    // The UNSUBs of so many that have reached their maximum need 512 KiB, and so many requests another 160. The INFO needs 256.
    const sids = Array.from({ length: 100 }, (_, i) => `${i}${LONG}`);
    for (const sid of sids) wire.client(`SUB ok.1 ${sid}\r\nUNSUB ${sid} 1\r\n`);
    assert.equal(wire.client(pub("no.1")), PING);
    fill(host, OTHER);
    const messages = sids.map((sid) => msg("ok.1", sid, "x"));
    messages.push(...Array.from({ length: 40 }, (_, i) => msg("ok.1", "other", "x", `r.${i}.${LONG}`)));
    const info = `INFO {"connect_info":true,"x":"${"x".repeat(200_000)}"} \r\n`;
    const before = messages.join("");
    const read = wire.server(before + PONG + info + msg("ok.1", "other", "x"));
    assertSame(read, before + publishViolation("no.1"), "what the client reads");
    assert.deepEqual(endedFor(host), ["unreadable memory"]);
    assert.equal(wire.client(pub("ok.1")), "");
  });

  it("ends subscriptions that a newer policy forbids without the texts for which it has no room", () => {
    const host = configuredHost({ rule: { subscribe: { allow: ["old.>", "ok.>"] } }, limits });
    const wire = Wire.connected(host);
    // Behind some 60 of these texts they need 512 KiB, of which half is taken then, and their UNSUBs have as much.
    const subs = Array.from({ length: 70 }, (_, i) => ({
      subject: `old.${LONG.slice(2600)}`,
      sid: `${100 + i}${LONG.slice(1500)}`,
    }));
    for (const { subject, sid } of subs) wire.client(`SUB ${subject} ${sid}\r\n`);
    fill(host, OTHER);
    host.configure(policy({ limits }));
    const unsubs = new Set(subs.map(({ sid }) => `UNSUB ${sid}`));
    assert.deepEqual(new Set(wire.client(PING.repeat(2)).split("\r\n")), new Set([...unsubs, "PING", ""]));
    const told = wire.server(PONG.repeat(3)).split("-ERR ").length - 1;
    assert.ok(told > 50 && told < subs.length, `${told} of ${subs.length} are told`);
    for (const { subject, sid } of subs) assert.equal(wire.server(msg(subject, sid, "x")), "");
    assert.equal(wire.client(pub("ok.1")), pub("ok.1"));
  });

  it("ends a connection with the message for which a newer policy judges a subscription, and counts it as refused", () => {
    const rule = { subscribe: { allow: ["o", "ok.>"] } };
    // Two times 64 take a slice where the clock goes so fast. Their UNSUBs fill 512 KiB, and the last one needs twice that.
    const sids = Array.from({ length: 129 }, (_, i) => `${100 + i}${"x".repeat(4089)}`);
    /** How many messages are counted as refused where one comes for each of these, in this order. */
    const refused = (order: readonly string[]): number => {
      const host = configuredHost({ rule, limits }, { clockStep: 6_000_000n });
      const wire = Wire.connected(host);
      fill(host, OTHER, 0.82);
      // The client has ended them, so that nothing is written about their ends.
      for (const sid of sids) wire.client(`SUB o ${sid}\r\nUNSUB ${sid}\r\n`);
      host.configure(policy({ limits }));
      assert.equal(wire.server(order.map((sid) => msg("o", sid, "x")).join("")), "");
      // Where the clock goes fast, a tick defines one stat.
      for (let i = 0; i < 10; i++) host.tick();
      const counted = (verdict: string): number =>
        stat(host, "istio_nats_messages_total", { operation: "MSG", verdict, source_principal: PEER });
      assert.equal(counted("allowed"), 0);
      assert.equal(stat(host, "istio_nats_revoked_connections_total"), 1);
      assert.ok(wire.connection.closed);
      return counted("refused");
    };
    // All up to that of the last one, whichever that is, and from the other side all down to it.
    assert.equal(refused(sids) + refused(sids.toReversed()), sids.length + 1);
  });
});
