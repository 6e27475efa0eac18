import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import { configuredHost, CONNECT, INFO, PING, policy, PONG, pub, publishViolation, stat, Wire } from "./wire.ts";

describe("a client that floods refused operations and does not read", () => {
  it("is held once the texts that wait for their PONG exceed limits.outstandingReplies, and released at half of it", () => {
    const host = configuredHost({ limits: { outstandingReplies: 1024 } });
    const wire = Wire.connected(host);
    const refused = pub("no.0123456789");
    let sent = 0;
    let forwarded = "";
    while (wire.connection.heldDownstream === 0) {
      forwarded += wire.client(refused);
      sent++;
      assert.ok(sent < 200, "it is never held");
    }
    const waiting = forwarded.length / PING.length;
    assert.equal(forwarded, PING.repeat(sent - 1));
    // What is held does not change, however much arrives.
    assert.equal(wire.client(refused), "");
    assert.equal(wire.client(pub("ok.1")), "");
    assert.equal(wire.connection.heldDownstream, 2 * refused.length + pub("ok.1").length);

    let answered = 0;
    while (wire.connection.heldDownstream > 0) {
      assert.equal(wire.server(PONG), publishViolation("no.0123456789"));
      answered++;
    }
    assert.ok(answered >= waiting / 2 - 1 && answered < waiting, `${answered} of ${waiting} were answered`);
    assert.equal(wire.released(), PING + PING + pub("ok.1"));
    assert.equal(wire.client(pub("ok.2")), pub("ok.2"));
    assert.equal(
      wire.server(PONG.repeat(waiting - answered + 2)),
      publishViolation("no.0123456789").repeat(waiting - answered + 2),
    );
  });

  it("is not held yet at exactly the limit, and is released at exactly half of it", () => {
    const limit = 1024;
    const wire = Wire.connected(configuredHost({ limits: { outstandingReplies: limit } }));
    // A record is four bytes longer than the name.
    const refused = pub("no.012345678");
    const full = limit / 16;
    assert.equal(wire.client(refused.repeat(full)), PING.repeat(full));
    assert.equal(wire.client(refused), PING);
    assert.equal(wire.client(pub("ok.1")), "");
    wire.server(PONG.repeat(full / 2));
    assert.equal(wire.released(), "");
    wire.server(PONG);
    assert.equal(wire.released(), pub("ok.1"));
  });

  it("is also held because of UNSUB maxima that wait for their PONG", () => {
    const rule = { publish: { allow: ["ok.>"] }, subscribe: { allow: ["ok.*"], deny: ["ok.no"] } };
    const wire = Wire.connected(configuredHost({ rule, limits: { outstandingReplies: 1024 } }));
    const count = 100;
    for (let sid = 1; sid <= count; sid++) wire.client(`SUB ok.* ${sid}\r\n`);
    let waiting = 0;
    while (wire.connection.heldDownstream === 0) {
      assert.ok(++waiting < count, "it is never held");
      wire.client(`UNSUB ${waiting} 1\r\n`);
    }
    assert.equal(wire.client(pub("ok.1")), "");
    for (let answered = 0; wire.connection.heldDownstream > 0; answered++) {
      assert.ok(answered < waiting, "it is held for ever");
      assert.equal(wire.server(PONG), "");
    }
    assert.equal(wire.released(), PING + pub("ok.1"));
  });

  it("gets every refusal in order, over 400,000 of them, while the memory stays bounded", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    const count = 400_000;
    const perChunk = 2000;
    let nextAnswer = 0;
    let owed = 0;
    const pingsIn = (bytes: string): number => bytes.length / PING.length;
    const answer = (): void => {
      // A slow reader: nats-server's answers come only while the client is held.
      const some = Math.min(owed, 1500);
      const text = wire.server(PONG.repeat(some));
      let expected = "";
      for (let i = 0; i < some; i++) expected += publishViolation(`no.${nextAnswer++}`);
      assert.equal(text, expected);
      owed += pingsIn(wire.released()) - some;
    };
    let pages = 0;
    for (let from = 0; from < count; from += perChunk) {
      let chunk = "";
      for (let i = from; i < from + perChunk; i++) chunk += pub(`no.${i}`, "x");
      owed += pingsIn(wire.client(chunk));
      while (wire.connection.heldDownstream > 500_000) answer();
      if (from === count / 4) pages = host.memoryPages;
    }
    while (owed > 0) answer();
    assert.equal(nextAnswer, count);
    assert.equal(host.memoryPages, pages);
    assert.equal(stat(host, "istio_nats_refusals_total", { reason: "not_allowed" }), count);
  });

  it("causes no other client to be held", () => {
    const host = configuredHost({ limits: { outstandingReplies: 1024 } });
    const flooding = Wire.connected(host);
    for (let i = 0; i < 200; i++) flooding.client(pub("no.1"));
    assert.ok(flooding.connection.heldDownstream > 0);
    const other = Wire.connected(host);
    assert.equal(other.client(pub("no.1") + pub("ok.1")), PING + pub("ok.1"));
  });

  it("is not held for ever by one record that is larger than the limit, whose payload is still to come", () => {
    const subject = `no.${"x".repeat(2000)}`;
    const host = configuredHost({ limits: { outstandingReplies: 1024 } });
    for (const cut of [`PUB ${subject} 10\r\n`.length, `PUB ${subject} 10\r\n`.length + 3, -1]) {
      const wire = Wire.connected(host);
      const whole = pub(subject, "0123456789");
      let sent = wire.client(whole.slice(0, cut));
      sent += wire.client(whole.slice(cut));
      assert.equal(sent, PING, `cut at ${cut}`);
      assert.equal(wire.server(PONG), publishViolation(subject));
    }
  });

  it("is released at the end of its stream: what was held is judged, and does not pass unread", () => {
    const wire = Wire.connected(configuredHost({ limits: { outstandingReplies: 1024 } }));
    let forwarded = "";
    while (wire.connection.heldDownstream === 0) forwarded += wire.client(pub("no.1"));
    assert.equal(wire.client(pub("no.2") + pub("ok.1"), true), PING + PING + pub("ok.1"));
    assert.match(forwarded, /^(PING\r\n)+$/);
  });

  it("is disconnected if the host holds more of its bytes than it has reported, which nobody has read", () => {
    const host = configuredHost({ limits: { outstandingReplies: 1024 } });
    const wire = Wire.connected(host);
    while (wire.connection.heldDownstream === 0) wire.client(pub("no.1"));
    wire.connection.visibleDownstream!.append(Buffer.from("P"));
    while (wire.connection.heldDownstream > 0) wire.server(PONG);
    assert.equal(wire.released(), "");
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "host" }), 1);
    assert.ok(wire.connection.closed);
  });

  it("is disconnected if the host holds fewer of its bytes than it has reported", () => {
    const host = configuredHost({ limits: { outstandingReplies: 1024 } });
    const wire = Wire.connected(host);
    while (wire.connection.heldDownstream === 0) wire.client(pub("no.1"));
    const held = wire.connection.visibleDownstream!;
    held.bytes = held.bytes.subarray(0, -1);
    while (wire.connection.heldDownstream > 0) wire.server(PONG);
    assert.equal(wire.released(), "");
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "host" }), 1);
    assert.ok(wire.connection.closed);
  });

  it("is disconnected if what was held breaks the protocol", () => {
    const wire = Wire.connected(configuredHost({ limits: { outstandingReplies: 1024 } }));
    while (wire.connection.heldDownstream === 0) wire.client(pub("no.1"));
    wire.client(`${pub("ok.1")}BOGUS\r\n${pub("ok.2")}`);
    while (wire.connection.heldDownstream > 0) wire.server(PONG);
    assert.equal(wire.released(), `${PING}${pub("ok.1")}?\r\n`);
    assert.equal(wire.client(pub("ok.3")), "");
  });
});

describe("connections that are to be closed while their clients do not read", () => {
  it("do not keep others from being closed, however many they are", () => {
    const host = configuredHost();
    const unread = Array.from({ length: 200 }, () => Wire.connected(host));
    for (const wire of unread) {
      wire.connection.reads = false;
      wire.client("?\r\n");
    }
    const wire = Wire.connected(host);
    wire.client("?\r\n");
    host.advance(3000);
    for (let i = 0; i < 5; i++) host.tick();
    assert.equal(wire.connection.closed, true);
    assert.ok(unread.every(({ connection }) => connection.closedByFilter));
    host.tick();
    assert.equal(host.tickPeriod, 500);
  });
});

describe("a peer that may not connect", () => {
  it("is answered at its first bytes and closed, and none of its bytes reaches the server", () => {
    const host = configuredHost();
    for (const peer of [null, "spiffe://elsewhere.example/ns/shop/sa/orders-api"]) {
      const wire = new Wire(host, peer);
      assert.equal(wire.server(INFO), INFO);
      assert.equal(wire.client(CONNECT + pub("ok.1")), `${PING}?\r\n`);
      assert.equal(wire.client(pub("ok.1")), "");
      assert.equal(wire.server(`${PONG}-ERR 'Unknown Protocol Operation'\r\n`), "-ERR 'Authorization Violation'\r\n");
      host.advance(2000);
      host.tick();
      assert.ok(wire.connection.closedByFilter);
    }
    assert.equal(stat(host, "istio_nats_connections_opened_total", { verdict: "refused" }), 2);
    assert.equal(stat(host, "istio_nats_refusals_total", { operation: "CONNECT", reason: "unauthenticated" }), 2);
  });

  it("is one whose certificate's bytes are no UTF-8, though a lenient reader makes a name of them that has rights", () => {
    const host = new Host(filterModule());
    const name = "spiffe://cluster.local/ns/shop/sa/orders";
    const from = [{ principals: [name.slice("spiffe://".length)] }];
    assert.ok(host.configure(policy({ rule: { from } })).accepted);
    assert.equal(new Wire(host, name).client(CONNECT), CONNECT);
    const overlong = [...Buffer.from(name.slice(0, -1)), 0xc1, 0xb3];
    const cutOff = [...Buffer.from(name), 0xc3];
    for (const bytes of [overlong, cutOff]) {
      assert.equal(new Wire(host, Uint8Array.from(bytes)).client(CONNECT), `${PING}?\r\n`);
    }
  });
});
