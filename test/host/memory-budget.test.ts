import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Host } from "./host.ts";
import { fill, LINE, MEMORY, subs } from "./memory.ts";
import { configuredHost, CONNECT, msg, PING, policy, PONG, pub, publishViolation, stat, Wire } from "./wire.ts";

describe("limits.memory, the budget of a VM", () => {
  it("ends a connection that asks for more than an eighth of it, and leaves the others alone", () => {
    const host = configuredHost({ limits: { memory: MEMORY } });
    const quiet = Wire.connected(host);
    quiet.client("SUB ok.1 1\r\n");
    const greedy = Wire.connected(host);
    let subscribed = 0;
    while (stat(host, "istio_nats_protocol_errors_total", { kind: "memory" }) === 0) {
      for (let i = 0; i < 10; i++) greedy.client(`${LINE} ${subscribed++}\r\n`);
      assert.ok(subscribed < 4000, "the budget never ends");
    }
    assert.equal(greedy.client(pub("ok.1")), "");
    const fitting = MEMORY / 8 / LINE.length;
    assert.ok(subscribed > fitting * 0.8 && subscribed < fitting * 1.2, `${subscribed} subscriptions fit`);
    assert.equal(quiet.client(pub("no.1") + pub("ok.1")), PING + pub("ok.1"));
    assert.equal(quiet.server(PONG + "MSG ok.1 1 0\r\n\r\n"), `${publishViolation("no.1")}MSG ok.1 1 0\r\n\r\n`);
  });

  it("counts as allowed no subscription for which it has no room, since nats-server does not get it", () => {
    const host = configuredHost({ limits: { memory: MEMORY } });
    const greedy = Wire.connected(host);
    let passed = 0;
    while (greedy.client(`${LINE} ${passed}\r\n`) === `${LINE} ${passed}\r\n`) passed++;
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "memory" }), 1);
    assert.equal(stat(host, "istio_nats_messages_total", { operation: "SUB", verdict: "allowed" }), passed);
  });

  it("counts as allowed no subscription whose line began in DRY_RUN, and with which a newer policy ends the connection", () => {
    const limits = { memory: MEMORY };
    const host = configuredHost({ mode: "DRY_RUN", limits });
    const greedy = Wire.connected(host);
    // One that holds more than an eighth may subscribe to nothing more. What it holds has a little beside it.
    for (let sid = 0; stat(host, "istio_nats_memory_bytes") < MEMORY / 8 + 1.5 * LINE.length; sid++) {
      greedy.client(`${LINE} ${sid}\r\n`);
    }
    const counted = (): number => stat(host, "istio_nats_messages_total", { operation: "SUB", verdict: "allowed" });
    const before = counted();
    assert.equal(greedy.client("SUB ok.1 mo"), "SUB ok.1 mo");
    host.configure(policy({ limits }));
    assert.equal(greedy.client("re\r\n"), "");
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "memory" }), 1);
    assert.equal(counted(), before);
  });

  it("counts as allowed no maximum that it has no room to count, since nats-server does not get it", () => {
    const rule = { subscribe: { allow: ["ok.>"], deny: ["ok.secret"] } };
    const host = configuredHost({ rule, limits: { memory: MEMORY, outstandingReplies: MEMORY } });
    const greedy = Wire.connected(host);
    const sid = "x".repeat(4000);
    greedy.client(`SUB ok.* 1\r\nSUB ok.1 ${sid}\r\n`);
    let sent = 0;
    while (greedy.client(`UNSUB ${sid} ${sent + 1}\r\n`) === PING) sent++;
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "memory" }), 1);
    assert.equal(stat(host, "istio_nats_messages_total", { operation: "UNSUB", verdict: "allowed" }), sent);
  });

  describe("and reply subjects, whose length others choose", () => {
    const replies = { publish: { allow: ["ok.>"] }, allow_responses: { max: 1, expires: "1m" } };
    const LONG = "x".repeat(4000);
    const reply = (i: number): string => `r.${i}.${LONG}`;
    const responder = (host: Host): Wire => {
      const wire = Wire.connected(host);
      wire.client("SUB ok.1 1\r\n");
      return wire;
    };

    it("gives them a thirty-second of it: beyond that the oldest are forgotten, and their connection stays open", () => {
      const host = configuredHost({ limits: { memory: MEMORY }, rule: replies, telemetry: { requests: 0 } });
      const wire = responder(host);
      const before = stat(host, "istio_nats_memory_bytes");
      for (let i = 0; i < 4000; i++) wire.server(msg("ok.1", "1", "", reply(i)));
      const held = stat(host, "istio_nats_memory_bytes") - before;
      assert.ok(held < MEMORY / 32 && held > MEMORY / 64, `${held} bytes are held`);
      assert.equal(wire.client("SUB ok.2 2\r\n"), "SUB ok.2 2\r\n");
      assert.equal(wire.client(pub(reply(0)) + pub(reply(3999))), PING + pub(reply(3999)));
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "memory" }), 0);
    });

    it("forgets them if they are most of what the largest connection holds, and ends no connection for them", () => {
      const host = configuredHost({ limits: { memory: MEMORY }, rule: replies, telemetry: { requests: 0 } });
      const wires = Array.from({ length: 40 }, () => responder(host));
      for (const wire of wires) for (let i = 0; i < 80; i++) wire.server(msg("ok.1", "1", "", reply(i)));
      const full = stat(host, "istio_nats_memory_bytes");
      for (let i = 0; i < 40; i++) host.tick();
      const held = stat(host, "istio_nats_memory_bytes");
      assert.ok(full > MEMORY * 0.8 && held < MEMORY * 0.91, `${full} bytes, then ${held}`);
      for (const wire of wires) {
        assert.equal(wire.connection.closed, false);
        assert.equal(wire.client(pub("ok.2")), pub("ok.2"));
      }
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "memory" }), 0);
    });
  });

  it("is free again once the connections have ended", () => {
    const host = configuredHost({ limits: { memory: MEMORY } });
    let pages = 0;
    for (let round = 0; round < 20; round++) {
      const wires = Array.from({ length: 7 }, () => Wire.connected(host));
      for (const wire of wires) {
        for (let i = 0; i < 200; i++) assert.notEqual(wire.client(`${LINE} ${i}\r\n`), "");
      }
      for (const wire of wires) wire.connection.close("client");
      if (round === 4) pages = host.memoryPages;
    }
    assert.equal(stat(host, "istio_nats_protocol_errors_total"), 0);
    assert.equal(host.memoryPages, pages);
  });

  it("loses nothing to peers whose certificate has a URI of 300,000 bytes, once their connections have ended", () => {
    const host = configuredHost();
    let pages = 0;
    for (let i = 0; i < 100; i++) {
      const wire = new Wire(host, `spiffe://cluster.local/${"x".repeat(300_000)}`);
      wire.client(pub("ok.1"));
      wire.connection.close("client");
      if (i === 20) pages = host.memoryPages;
    }
    assert.equal(host.memoryPages, pages);
  });

  it("bounds what connections that send half lines hold, however many there are", () => {
    const host = configuredHost({ limits: { memory: MEMORY } });
    const half = `PUB ok.${"x".repeat(4000)}`;
    const wires: Wire[] = [];
    for (let i = 0; i < 4000; i++) {
      const wire = Wire.connected(host);
      wire.client(half);
      wires.push(wire);
    }
    assert.ok(host.memoryPages < 20 + (3 * MEMORY) / 65_536, `${host.memoryPages} pages`);
    const refused = stat(host, "istio_nats_protocol_errors_total", { kind: "memory" });
    assert.ok(refused > 500, `${refused} were ended`);
    // A tick closes some of them. Envoy closes them one inside the other (test/e2e/hostile-crowd.test.ts).
    for (let i = 0; i < 200; i++) host.tick();
    const ended = stat(host, "istio_nats_protocol_errors_total", { kind: "memory" });
    assert.equal(wires.filter((wire) => wire.connection.closed).length, ended);
    // Closing stops as soon as a tenth is free for others.
    const held = stat(host, "istio_nats_memory_bytes");
    assert.ok(held < MEMORY * 0.9 && held > MEMORY * 0.85, `${held} bytes are held`);
    // The first connections continue as if nothing had happened.
    assert.equal(wires[0]!.client(" 0\r\n\r\n"), `${half} 0\r\n\r\n`);
  });

  it("is not held for a longest line of nats-server's any more when shorter ones follow, of which no read ends behind one", () => {
    const host = configuredHost({ limits: { memory: MEMORY } });
    const before = stat(host, "istio_nats_memory_bytes");
    const wires = Array.from({ length: 40 }, () => Wire.connected(host));
    const held = (): number => stat(host, "istio_nats_memory_bytes") - before;
    // As a topic of MQTT with 65,535 dots makes it.
    const long = msg(`ok.${"/".repeat(131_070)}`, "1", "x");
    const short = msg("ok.1", "1", "x");
    for (const wire of wires) {
      wire.client("SUB ok.> 1\r\n");
      wire.server(long.slice(0, 131_000));
    }
    assert.ok(held() > wires.length * 131_000, `${held()} bytes are held for lines that have begun`);
    for (const wire of wires) assert.equal(wire.server(long.slice(131_000) + short.slice(0, 6)), long);
    assert.ok(held() < wires.length * 1000, `${held()} bytes are held`);
    for (const wire of wires) assert.equal(wire.server(short.slice(6) + long), short + long);
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "memory" }), 0);
  });

  it("when used up, ends a connection whose begun line cannot be kept, and loses no part of a line", () => {
    const host = configuredHost({ limits: { memory: MEMORY, controlLine: 65_536 } });
    let large = Wire.connected(host);
    let sid = 0;
    const begun = `PUB ok.${"x".repeat(60_000)}`;
    const rest = " 0\r\n\r\n";
    const outcomes = new Set<string>();
    // Each takes a little more of the last tenth than the one before, in steps smaller than the line.
    for (let count = 100; count < 220; count += 8) {
      // Connections that hold more, and so are ended first when room is needed.
      while (stat(host, "istio_nats_memory_bytes") < MEMORY * 0.89) {
        if (++sid % 230 === 0) large = Wire.connected(host);
        large.client(`${LINE} ${sid}\r\n`);
      }
      const wire = Wire.connected(host);
      wire.client(subs(count) + begun);
      outcomes.add(wire.client(rest));
      wire.connection.close("client");
    }
    assert.deepEqual(outcomes, new Set([begun + rest, ""]));
  });

  it("when used up, ends a subscription that has reached its maximum together with its connection", () => {
    const rule = { subscribe: { allow: ["ok.>"], deny: ["ok.secret"] } };
    const host = configuredHost({ rule, limits: { memory: MEMORY } });
    const wire = Wire.connected(host);
    // Their UNSUBs are as long as their sids, and take more than the last tenth together.
    const sids = Array.from({ length: 240 }, (_, i) => `${i}${"x".repeat(4000)}`);
    for (const sid of sids) {
      wire.client(`SUB ok.* ${sid}\r\nUNSUB ${sid} 1\r\n`);
      wire.server(PONG);
    }
    const others = fill(host);
    // One cannot be remembered. If the filter forgot it, the server would continue a subscription that has ended here.
    const twice = (sid: string): string => msg("ok.a", sid, "x") + msg("ok.b", sid, "x");
    const passed = wire.server(sids.map(twice).join(""));
    const count = passed.split("MSG ok.a ").length - 1;
    assert.ok(count > 100 && count < sids.length, `${count} of ${sids.length} passed`);
    assert.ok(!passed.includes("ok.b"));
    assert.equal(wire.server(msg("ok.a", sids.at(-1)!, "x")), "");
    host.tick();
    assert.ok(wire.connection.closed);
    // The client has not got the message with which it ends.
    assert.equal(stat(host, "istio_nats_messages_total", { operation: "MSG", verdict: "allowed" }), count);
    assert.ok(others.every(({ connection }) => !connection.closed));
  });

  it("when used up, also ends one whose maximum was reached before nats-server could read it with its connection", () => {
    const rule = { subscribe: { allow: ["ok.>"], deny: ["ok.secret"] } };
    const host = configuredHost({ rule, limits: { memory: MEMORY, outstandingReplies: MEMORY } });
    const wire = Wire.connected(host);
    const sids = Array.from({ length: 140 }, (_, i) => `${i}${"x".repeat(4000)}`);
    wire.client(sids.map((sid) => `SUB ok.* ${sid}\r\n`).join(""));
    assert.equal(wire.client(sids.map((sid) => `UNSUB ${sid} 1\r\n`).join("")), PING.repeat(sids.length));
    const reached = sids.map((sid) => msg("ok.a", sid, "x")).join("");
    assert.equal(wire.server(reached), reached);
    fill(host);
    assert.equal(wire.server(PONG.repeat(sids.length) + msg("ok.b", sids.at(-1)!, "x")), "");
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "memory" }), 1);
    assert.ok(wire.connection.closed);
  });

  for (const [what, line, connect] of [
    ["publishes", "PUB no.SUBJECT 0\r\n\r\n", CONNECT],
    ["publishes in pedantic mode", "PUB no.SUBJECT 0\r\n\r\n", "CONNECT {}\r\n"],
    ["subscriptions", "SUB no.SUBJECT 1\r\n", CONNECT],
    ["members of queue groups", "SUB no.SUBJECT q 1\r\n", CONNECT],
  ] as const) {
    it(`when used up, ends a connection whose refused ${what} cannot be remembered, and lets none of them pass`, () => {
      const host = configuredHost({ limits: { memory: MEMORY } });
      const wire = Wire.connected(host, { connect });
      fill(host);
      const out = wire.client(line.replace("SUBJECT", "x".repeat(4000)).repeat(250));
      assert.match(out, /^(?:PING\r\n){100,249}\?\r\n$/);
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "memory" }), 1);
    });
  }
});
