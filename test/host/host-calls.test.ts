import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import { FULL, FULL_DELIVERIES, FULL_OPERATIONS, HEADERS, SUBSCRIBE } from "./hot-messages.ts";
import { configuredHost, hmsg, hpub, msg, PING, PONG, pub, stat, Wire } from "./wire.ts";

/**
 * These tests count instead of measuring time, so they hold on any machine, however busy. `npm run bench:micro` measures the time.
 */

describe("host calls of a callback", () => {
  const READ = { proxy_get_buffer_bytes: 1 };
  /** Whatever is timed reads the clock once, however much there is. */
  const READ_AND_TIME = { ...READ, proxy_get_current_time_nanoseconds: 1 };
  const READ_AND_EDIT = { proxy_get_buffer_bytes: 1, proxy_set_buffer_bytes: 1 };

  function callsOf(host: Host, act: () => void): Record<string, number> {
    host.resetCounts();
    act();
    return Object.fromEntries(Object.entries(host.counts).filter(([, count]) => count > 0));
  }

  it("are one read for a chunk of allowed operations, however many there are", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    for (const chunk of [pub("ok.1", "x"), pub("ok.1", "x".repeat(100)).repeat(2000)]) {
      assert.deepEqual(
        callsOf(host, () => wire.client(chunk)),
        READ,
      );
    }
    const mixed = Array.from({ length: 500 }, (_, i) => {
      const subscriptions = `SUB ok.> 1\r\nSUB ok.9 2${i}\r\nUNSUB 2${i}\r\n`;
      return pub("ok.1", "x", "ok.r") + hpub("ok.2", HEADERS, "y") + subscriptions;
    });
    assert.deepEqual(
      callsOf(host, () => wire.client(mixed.join(""))),
      READ_AND_TIME,
    );
    assert.deepEqual(
      callsOf(host, () => wire.server(msg("ok.1", "1", "x").repeat(1000))),
      READ,
    );
  });

  it("are one read and at most one clock read under the bench's policy, however many messages of a class come", () => {
    const host = new Host(filterModule());
    assert.ok(host.configure(FULL).accepted);
    const wire = Wire.connected(host);
    wire.client(SUBSCRIBE);
    for (const count of [1, 1000]) {
      const untimed = FULL_OPERATIONS.filter((text) => text !== PING && !text.includes("_INBOX"));
      assert.deepEqual(
        callsOf(host, () => wire.client(untimed.join("").repeat(count))),
        READ,
      );
      assert.deepEqual(
        callsOf(host, () => wire.client(FULL_OPERATIONS.join("").repeat(count))),
        READ_AND_TIME,
      );
      assert.deepEqual(
        callsOf(host, () => wire.server(PONG.repeat(count) + FULL_DELIVERIES.join("").repeat(count))),
        READ_AND_TIME,
      );
    }
  });

  it("are one read in each direction for a PING and its PONG, and for a thousand", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    wire.client(PING);
    wire.server(PONG);
    for (const count of [1, 1000]) {
      assert.deepEqual(
        callsOf(host, () => wire.client(PING.repeat(count))),
        READ_AND_TIME,
      );
      assert.deepEqual(
        callsOf(host, () => wire.server(PONG.repeat(count))),
        READ_AND_TIME,
      );
    }
  });

  it("are one read for deliveries that a deny is checked for and that pass", () => {
    const host = configuredHost({ rule: { subscribe: { allow: ["ok.>"], deny: ["ok.secret"] } } });
    const wire = Wire.connected(host);
    wire.client("SUB ok.* 1\r\n");
    for (const delivery of [msg("ok.1", "1", "x"), hmsg("ok.1", "1", HEADERS, "x")]) {
      assert.deepEqual(
        callsOf(host, () => wire.server(delivery.repeat(1000))),
        READ,
      );
    }
  });

  it("are one read and one edit for deliveries that are kept back, and one clock read for the audit", () => {
    const host = configuredHost({
      rule: { subscribe: { allow: ["ok.>"], deny: ["ok.secret"] } },
      audit: { refusalsPerSecond: 1, burst: 1 },
    });
    const wire = Wire.connected(host);
    wire.client("SUB ok.* 1\r\n");
    const keptBack = msg("ok.secret", "1", "x") + hmsg("ok.secret", "1", HEADERS, "x");
    wire.server(keptBack);
    assert.deepEqual(
      callsOf(host, () => wire.server((keptBack + msg("ok.1", "1", "x")).repeat(500))),
      { ...READ_AND_EDIT, proxy_get_current_time_nanoseconds: 1 },
    );
  });

  it("are one read and no edit in DRY_RUN, whatever would be refused", () => {
    const host = configuredHost({
      mode: "DRY_RUN",
      rule: { subscribe: { allow: ["ok.>"], deny: ["ok.secret"] } },
      audit: { refusalsPerSecond: 1, burst: 1 },
    });
    const wire = Wire.connected(host);
    wire.client("SUB ok.* 1\r\n" + pub("no.1") + pub("ok.1"));
    wire.server(msg("ok.secret", "1"));
    const [allowed, delivered] = [pub("ok.1", "x"), msg("ok.1", "1", "x") + hmsg("ok.1", "1", HEADERS, "x")];
    for (const count of [1, 500]) {
      assert.deepEqual(
        callsOf(host, () => wire.client(allowed.repeat(count))),
        READ,
      );
      assert.deepEqual(
        callsOf(host, () => wire.client((allowed + pub("no.1", "x")).repeat(count))),
        READ_AND_TIME,
      );
      assert.deepEqual(
        callsOf(host, () => wire.server(delivered.repeat(count))),
        READ,
      );
      assert.deepEqual(
        callsOf(host, () => wire.server((delivered + msg("ok.secret", "1", "x")).repeat(count))),
        READ_AND_TIME,
      );
    }
  });

  it("are one read while the audit records one operation of very many", () => {
    const host = configuredHost({ audit: { sample: 1_000_000_000 } });
    const wire = Wire.connected(host);
    wire.client("SUB ok.> 1\r\n");
    assert.deepEqual(
      callsOf(host, () => wire.client((pub("ok.1", "x") + hpub("ok.1", HEADERS, "x")).repeat(500))),
      READ,
    );
    assert.deepEqual(
      callsOf(host, () => wire.server((msg("ok.1", "1", "x") + hmsg("ok.1", "1", HEADERS, "x")).repeat(500))),
      READ,
    );
  });

  it("are none while a payload fills the chunk", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    const payload = "x".repeat(900_000);
    const whole = pub("ok.1", payload);
    wire.client(whole.slice(0, 100));
    assert.deepEqual(
      callsOf(host, () => wire.client(whole.slice(100, 800_000))),
      {},
    );
    assert.deepEqual(
      callsOf(host, () => wire.client(whole.slice(800_000))),
      {},
    );
    const delivery = msg("ok.1", "1", payload);
    wire.server(delivery.slice(0, 100));
    assert.deepEqual(
      callsOf(host, () => wire.server(delivery.slice(100))),
      {},
    );
  });

  it("read a line and little more if large messages come one by one, and whole chunks again if small ones do", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    const large = "x".repeat(300_000);
    const readBy = (act: () => void): number => {
      const before = host.bufferBytesRead;
      act();
      return host.bufferBytesRead - before;
    };
    const read = (send: () => string, text: string): number => readBy(() => assert.equal(send(), text));
    const client = (text: string): number => read(() => wire.client(text), text);
    const server = (text: string): number => read(() => wire.server(text), text);
    const publishes = [pub("ok.1", large), pub("ok.1", large, "ok.r"), hpub("ok.1", HEADERS, large)];
    const deliveries = [msg("ok.1", "1", large), hmsg("ok.1", "1", HEADERS, large)];
    const smallOnes = pub("ok.1", "x".repeat(100)).repeat(2000);
    const smallDeliveries = msg("ok.1", "1", "x".repeat(100)).repeat(2000);
    client(publishes[0]!);
    server(deliveries[0]!);
    assert.deepEqual(publishes.map(client), [1024, 1024, 1024]);
    assert.deepEqual(deliveries.map(server), [1024, 1024]);
    // Two reads, and then one again.
    client(smallOnes);
    server(smallDeliveries);
    assert.equal(client(smallOnes), smallOnes.length);
    assert.equal(server(smallDeliveries), smallDeliveries.length);
  });

  it("are one read after a payload that began in an earlier chunk", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    const whole = pub("ok.1", "x".repeat(100_000));
    wire.client(whole.slice(0, 50_000));
    assert.deepEqual(
      callsOf(host, () => wire.client(whole.slice(50_000) + pub("ok.2"))),
      READ,
    );
  });

  it("are one read and one edit for a chunk that ends inside a control line, and for the one that brings its rest", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    // The longer one is as large as what Envoy buffers.
    for (const count of [100, 8500]) {
      const chunk = pub("ok.1", "x".repeat(100)).repeat(count);
      for (const text of [`${chunk}PUB ok.`, `1 1\r\nx\r\n${chunk}PUB ok.`, `1 1\r\nx\r\n${chunk}`]) {
        assert.deepEqual(
          callsOf(host, () => wire.client(text)),
          READ_AND_EDIT,
        );
      }
    }
  });

  it("are one read and one edit for such chunks of the server's, too", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    wire.client("SUB ok.* 1\r\n");
    for (const delivery of [msg("ok.1", "1", "x".repeat(100)), hmsg("ok.1", "1", HEADERS, "x".repeat(100))]) {
      const chunk = delivery.repeat(100);
      for (const text of [`${chunk}MSG ok.`, `1 1 1\r\nx\r\n${chunk}MSG ok.`, `1 1 1\r\nx\r\n${chunk}`]) {
        assert.deepEqual(
          callsOf(host, () => wire.server(text)),
          READ_AND_EDIT,
        );
      }
    }
  });

  it("are also one read and one edit if such a chunk begins inside a payload", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    const one = pub("ok.1", "x".repeat(1000));
    wire.client(one.slice(0, 500));
    assert.deepEqual(
      callsOf(host, () => wire.client(`${one.slice(500)}${one.repeat(10)}PUB ok.`)),
      READ_AND_EDIT,
    );
  });

  it("are also one read after an UNSUB with a maximum, which is not a payload's size", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    wire.client(pub("ok.1", "x") + "SUB ok.1 1\r\n");
    for (const unsub of ["UNSUB 1 999999\r\n", "UNSUB 2 999999\r\n"]) {
      wire.client(unsub);
      assert.deepEqual(
        callsOf(host, () => wire.client(pub("ok.1", "x").repeat(200))),
        READ,
      );
    }
  });

  it("are one read and one edit for a chunk with refusals, and one clock read for the audit", () => {
    const host = configuredHost({ audit: { refusalsPerSecond: 1, burst: 1 } });
    const wire = Wire.connected(host);
    wire.client(pub("no.1"));
    wire.server(PONG);
    assert.deepEqual(
      callsOf(host, () => wire.client((pub("no.1") + pub("ok.1")).repeat(500))),
      { ...READ_AND_EDIT, proxy_get_current_time_nanoseconds: 1 },
    );
    assert.deepEqual(
      callsOf(host, () => wire.server(PONG.repeat(500))),
      READ_AND_EDIT,
    );
  });

  it("for the stats come with the tick: one for each series that changed, however many messages there were", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    wire.client(pub("ok.1", "x"));
    host.tick();
    wire.client(pub("ok.1", "x").repeat(1000));
    const calls = callsOf(host, () => host.tick());
    assert.equal(calls["proxy_increment_metric"], 2);
    assert.equal(calls["proxy_define_metric"], undefined);
    assert.equal(stat(host, "istio_nats_messages_total", { operation: "PUB", verdict: "allowed" }), 1001);
    assert.equal(stat(host, "istio_nats_bytes_total", { operation: "PUB", verdict: "allowed" }), 1001);
  });
});
