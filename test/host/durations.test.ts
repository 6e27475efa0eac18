import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MEMORY, subs } from "./memory.ts";
import {
  configuredHost,
  CONNECT,
  hmsg,
  hpub,
  msg,
  PEER,
  policy,
  pub,
  stat,
  valuesOf,
  Wire,
  type Policy,
} from "./wire.ts";

const REQUEST = "istio_nats_request_duration_milliseconds";
const SERVICE = "istio_nats_service_duration_milliseconds";
const PING_RTT = "istio_nats_ping_rtt_milliseconds";
const UNANSWERED = "istio_nats_requests_unanswered_total";
const LEFT_OUT = "istio_nats_durations_left_out_total";
const NO_RESPONDERS = "HMSG _INBOX.1 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n";

const TELEMETRY = { subjects: [{ name: "ask", patterns: ["ok.ask.*"] }] };

function requester(telemetry: object = TELEMETRY, more: Policy = {}): Wire {
  const wire = Wire.connected(configuredHost({ telemetry, ...more }));
  wire.client("SUB _INBOX.> 1\r\n");
  return wire;
}

describe("a request's duration", () => {
  it("is the time from the publish to the first message on its reply subject, by the class of the request", () => {
    const wire = requester();
    const { host } = wire;
    wire.client(pub("ok.ask.a", "?", "_INBOX.1"));
    host.advance(25);
    wire.server(msg("_INBOX.1", "1", "!"));
    host.advance(25);
    wire.server(msg("_INBOX.1", "1", "once more"));
    wire.client(hpub("ok.b", "NATS/1.0\r\n\r\n", "?", "_INBOX.2"));
    host.advance(7);
    wire.server(msg("_INBOX.2", "1", "!"));
    assert.deepEqual(valuesOf(host, REQUEST, { subject: "ask" }), [25]);
    assert.deepEqual(valuesOf(host, REQUEST, { subject: "other" }), [7]);
    assert.equal(stat(host, UNANSWERED), 0);
  });

  it("is measured wherever the request and its answer are cut", () => {
    for (const request of [pub("ok.ask.a", "?", "_INBOX.1"), hpub("ok.ask.a", "NATS/1.0\r\n\r\n", "?", "_INBOX.1")]) {
      for (let at = 0; at < request.length; at++) {
        const wire = requester();
        wire.client(request.slice(0, at));
        wire.client(request.slice(at));
        wire.host.advance(3);
        const answer = msg("_INBOX.1", "1", "!");
        wire.server(answer.slice(0, at));
        wire.server(answer.slice(at));
        assert.deepEqual(valuesOf(wire.host, REQUEST, { subject: "ask" }), [3], `cut at ${at}`);
      }
    }
  });

  it("is rounded to the nearest millisecond", () => {
    const wire = requester();
    for (const [microseconds, reply] of [
      [400, "_INBOX.1"],
      [600, "_INBOX.2"],
      [1499, "_INBOX.3"],
    ] as const) {
      wire.client(pub("ok.ask.a", "?", reply));
      wire.host.advance(microseconds / 1000);
      wire.server(msg(reply, "1", "!"));
    }
    assert.deepEqual(valuesOf(wire.host, REQUEST), [0, 1, 1]);
  });

  it("is 0 where the host's clock is set back before the answer comes", () => {
    const wire = requester();
    wire.client(pub("ok.ask.a", "?", "_INBOX.1"));
    wire.host.advance(-3000);
    wire.server(msg("_INBOX.1", "1", "!"));
    assert.deepEqual(valuesOf(wire.host, REQUEST), [0]);
  });

  it("is reported for requests that overlap, in any order", () => {
    const wire = requester();
    const count = 500;
    for (let i = 0; i < count; i++) {
      wire.client(pub("ok.ask.a", "?", `_INBOX.x.${i}`));
      wire.host.advance(1);
    }
    for (let i = count - 1; i >= 0; i--) wire.server(msg(`_INBOX.x.${i}`, "1"));
    const expected = Array.from({ length: count }, (_, i) => i + 1);
    assert.deepEqual(
      valuesOf(wire.host, REQUEST).sort((a, b) => a - b),
      expected,
    );
  });

  it("is not measured if nats-server answers that nobody listens, which is counted, wherever that answer is cut", () => {
    for (let at = 0; at < NO_RESPONDERS.length; at++) {
      const wire = requester();
      wire.client(pub("ok.ask.a", "?", "_INBOX.1"));
      wire.host.advance(3);
      const read = wire.server(NO_RESPONDERS.slice(0, at)) + wire.server(NO_RESPONDERS.slice(at));
      assert.equal(read, NO_RESPONDERS);
      assert.equal(stat(wire.host, "istio_nats_no_responders_total", { subject: "ask" }), 1, `cut at ${at}`);
      assert.deepEqual(valuesOf(wire.host, REQUEST), []);
      wire.server(msg("_INBOX.1", "1", "later than the answer"));
      wire.connection.close();
      assert.deepEqual(valuesOf(wire.host, REQUEST), []);
      assert.equal(stat(wire.host, UNANSWERED), 0);
    }
  });

  it("is not measured with the subject that later servers add to that answer either, but is if there is a body", () => {
    const wire = requester();
    wire.client(pub("ok.ask.a", "?", "_INBOX.1") + pub("ok.ask.a", "?", "_INBOX.2"));
    const headers = "NATS/1.0 503\r\nNats-Subject: ok.ask.a\r\n\r\n";
    wire.server(`HMSG _INBOX.1 1 ${headers.length} ${headers.length}\r\n${headers}\r\n`);
    wire.server(`HMSG _INBOX.2 1 ${headers.length} ${headers.length + 1}\r\n${headers}x\r\n`);
    assert.equal(stat(wire.host, "istio_nats_no_responders_total"), 1);
    assert.deepEqual(valuesOf(wire.host, REQUEST), [0]);
  });

  it("is measured up to an answer with another status", () => {
    const wire = requester();
    wire.client(pub("ok.ask.a", "?", "_INBOX.1"));
    wire.server("HMSG _INBOX.1 1 16 16\r\nNATS/1.0 404\r\n\r\n\r\n");
    assert.equal(stat(wire.host, "istio_nats_no_responders_total"), 0);
    assert.deepEqual(valuesOf(wire.host, REQUEST), [0]);
  });

  it("is not measured for a refused request, nor for a pull, whose messages come with subjects of their own", () => {
    const wire = requester(TELEMETRY, {
      rule: { publish: { allow: ["$JS.>"] }, subscribe: { allow: ["_INBOX.>"] } },
    });
    wire.client("SUB _INBOX.> 1\r\n" + pub("ok.ask.a", "?", "_INBOX.1"));
    wire.client(pub("$JS.API.CONSUMER.MSG.NEXT.S.C", "{}", "_INBOX.2"));
    wire.client(pub("$JS.hub.API.CONSUMER.MSG.NEXT.S.C", "{}", "_INBOX.3"));
    wire.client(pub("$JS.API.STREAM.INFO.S", "{}", "_INBOX.4"));
    wire.connection.close();
    assert.equal(stat(wire.host, UNANSWERED, { reason: "closed" }), 1);
  });

  it("on one connection does not end with a message on another", () => {
    const wire = requester();
    const other = Wire.connected(wire.host);
    other.client("SUB _INBOX.> 1\r\n");
    wire.client(pub("ok.ask.a", "?", "_INBOX.1"));
    other.client(pub("ok.ask.a", "?", "_INBOX.9"));
    other.server(msg("_INBOX.1", "1", "!"));
    assert.deepEqual(valuesOf(wire.host, REQUEST), []);
    wire.server(msg("_INBOX.1", "1", "!"));
    assert.deepEqual(valuesOf(wire.host, REQUEST), [0]);
  });
});

describe("a service's duration", () => {
  it("is the time from the delivery of a request to the publish on its reply subject", () => {
    const rule = { allow_responses: { max: 1, expires: "1m" }, subscribe: { allow: ["ok.>"] } };
    const wire = Wire.connected(configuredHost({ telemetry: TELEMETRY, rule }));
    wire.client("SUB ok.ask.* 1\r\n");
    wire.server(msg("ok.ask.a", "1", "?", "_INBOX.1") + msg("ok.ask.b", "1", "?", "_INBOX.2"));
    wire.host.advance(12);
    wire.client(pub("_INBOX.1", "!"));
    wire.host.advance(30);
    wire.client(pub("_INBOX.2", "!"));
    assert.deepEqual(valuesOf(wire.host, SERVICE, { subject: "ask" }), [12, 42]);
    assert.deepEqual(valuesOf(wire.host, REQUEST), []);
  });

  it("is also measured where the lists allow the answer, so that no delivery grants it", () => {
    const rule = { publish: { allow: ["_INBOX.>"] }, subscribe: { allow: ["ok.>"] } };
    const wire = Wire.connected(configuredHost({ telemetry: TELEMETRY, rule }));
    wire.client("SUB ok.ask.* 1\r\n");
    const headers = "NATS/1.0\r\n\r\n";
    wire.server(msg("ok.ask.a", "1", "?", "_INBOX.1") + hmsg("ok.ask.b", "1", headers, "?", "_INBOX.2"));
    wire.host.advance(12);
    wire.client(pub("_INBOX.1", "!"));
    wire.host.advance(30);
    wire.client(hpub("_INBOX.2", headers, "!"));
    assert.deepEqual(valuesOf(wire.host, SERVICE, { subject: "ask" }), [12, 42]);
  });

  it("is not measured for an answer that comes behind telemetry.requestTimeout", () => {
    const rule = { allow_responses: { max: 1, expires: "1m" }, subscribe: { allow: ["ok.>"] } };
    const wire = Wire.connected(configuredHost({ telemetry: TELEMETRY, rule }));
    wire.client("SUB ok.ask.* 1\r\n");
    wire.server(msg("ok.ask.a", "1", "?", "_INBOX.1"));
    wire.host.advance(10_500);
    wire.host.tick();
    assert.equal(wire.client(pub("_INBOX.1", "!")), pub("_INBOX.1", "!"));
    assert.deepEqual(valuesOf(wire.host, SERVICE), []);
  });

  it("is not measured for what JetStream itself waits for: acknowledgements, flow control, the parts of a backup", () => {
    const rule = { publish: { allow: ["$JS.>"] }, subscribe: { allow: ["ok.>"] } };
    const wire = Wire.connected(configuredHost({ telemetry: TELEMETRY, rule }));
    wire.client("SUB ok.ask.* 1\r\n");
    for (const reply of [
      "$JS.ACK.ORDERS.billing.1.2.3.4.5",
      "$JS.ACK._.HASH.ORDERS.billing.1.2.3.4.5",
      "$JS.FC.ORDERS.billing.x",
      "$JS.SNAPSHOT.ACK.ORDERS.x.131072.1",
    ]) {
      assert.equal(wire.server(msg("ok.ask.a", "1", "?", reply)), msg("ok.ask.a", "1", "?", reply));
      assert.equal(wire.client(pub(reply, "+ACK")), pub(reply, "+ACK"));
    }
    assert.deepEqual(valuesOf(wire.host, SERVICE), []);
  });

  it("is not measured for a delivery that is never answered, which is no unanswered request either", () => {
    const wire = requester();
    wire.server(msg("ok.ask.a", "1", "?", "_INBOX.1"));
    wire.host.advance(60_000);
    wire.host.tick();
    wire.connection.close();
    assert.deepEqual(valuesOf(wire.host, SERVICE), []);
    assert.equal(stat(wire.host, UNANSWERED), 0);
  });
});

describe("a request without an answer", () => {
  it("is `expired` after telemetry.requestTimeout", () => {
    const wire = requester({ ...TELEMETRY, requestTimeout: "250ms" });
    wire.client(pub("ok.ask.a", "?", "_INBOX.1"));
    wire.host.advance(249);
    assert.equal(stat(wire.host, UNANSWERED), 0);
    wire.host.advance(1);
    assert.equal(stat(wire.host, UNANSWERED, { subject: "ask", reason: "expired" }), 1);
    wire.server(msg("_INBOX.1", "1", "late"));
    assert.deepEqual(valuesOf(wire.host, REQUEST), []);
  });

  it("is `expired` too, and keeps no later one from it, where the host's clock was set back by an hour behind it", () => {
    const wire = requester({ ...TELEMETRY, requestTimeout: "250ms" });
    wire.client(pub("ok.ask.a", "?", "_INBOX.1"));
    wire.host.advance(-3_600_000);
    wire.client(pub("ok.ask.a", "?", "_INBOX.2"));
    wire.host.advance(250);
    assert.equal(stat(wire.host, UNANSWERED, { subject: "ask", reason: "expired" }), 2);
  });

  it("is `evicted`, the oldest first, if more than telemetry.requests wait over all connections", () => {
    const wire = requester({ ...TELEMETRY, requests: 100 });
    const other = Wire.connected(wire.host);
    for (let i = 0; i < 100; i++) wire.client(pub("ok.ask.a", "?", `_INBOX.${i}`));
    for (let i = 0; i < 30; i++) other.client(pub("ok.b", "?", `_INBOX.${i}`));
    assert.equal(stat(wire.host, UNANSWERED, { subject: "ask", reason: "evicted" }), 30);
    for (let i = 0; i < 100; i++) wire.server(msg(`_INBOX.${i}`, "1"));
    assert.equal(valuesOf(wire.host, REQUEST, { subject: "ask" }).length, 70);
  });

  it("is `closed` when its connection ends", () => {
    const wire = requester();
    const other = Wire.connected(wire.host);
    other.client("SUB _INBOX.> 1\r\n" + pub("ok.ask.a", "?", "_INBOX.7"));
    for (let i = 0; i < 10; i++) wire.client(pub("ok.ask.a", "?", `_INBOX.${i}`));
    wire.connection.close();
    assert.equal(stat(wire.host, UNANSWERED, { subject: "ask", reason: "closed" }), 10);
    other.server(msg("_INBOX.7", "1"));
    assert.equal(valuesOf(wire.host, REQUEST).length, 1);
  });

  it("never exists if telemetry.requests is 0: nothing is timed then, and the clock is not read", () => {
    const wire = requester({ ...TELEMETRY, requests: 0 });
    wire.host.resetCounts();
    wire.client(pub("ok.ask.a", "?", "_INBOX.1"));
    wire.server(msg("_INBOX.1", "1", "!", "_INBOX.8"));
    assert.equal(wire.host.counts["proxy_get_current_time_nanoseconds"], 0);
    wire.connection.close();
    assert.equal(stat(wire.host, UNANSWERED), 0);
    assert.deepEqual(valuesOf(wire.host, REQUEST), []);
  });

  it("takes no memory beyond the bound: a million of them do not change it", () => {
    const wire = requester({ requests: 1000 });
    let pages = 0;
    for (let i = 0; i < 1_000_000; i += 500) {
      let chunk = "";
      for (let j = i; j < i + 500; j++) chunk += pub("ok.ask.a", "", `_INBOX.${j}`);
      wire.client(chunk);
      if (i === 100_000) pages = wire.host.memoryPages;
    }
    assert.equal(wire.host.memoryPages, pages);
    assert.equal(stat(wire.host, UNANSWERED, { reason: "evicted" }), 999_000);
  });

  it("is counted if the VM's memory has no room for it", () => {
    const wire = requester({ requests: 1_048_576 }, { limits: { memory: 8 << 20 } });
    const count = 200_000;
    for (let i = 0; i < count; i += 1000) {
      let chunk = "";
      for (let j = i; j < i + 1000; j++) chunk += pub("ok.ask.a", "", `_INBOX.${j}`);
      wire.client(chunk);
    }
    const evicted = stat(wire.host, UNANSWERED, { reason: "evicted" });
    assert.ok(evicted > 0);
    wire.connection.close();
    assert.equal(evicted + stat(wire.host, UNANSWERED, { reason: "closed" }), count);
  });

  it("is counted too if the VM's memory has never had room for one", () => {
    const wire = requester(TELEMETRY, { limits: { memory: MEMORY } });
    for (let i = 0; i < 5; i++) Wire.connected(wire.host).client(subs(220));
    assert.ok(stat(wire.host, "istio_nats_memory_bytes") > MEMORY / 2);
    for (let i = 0; i < 10; i++) wire.client(pub("ok.ask.a", "", `_INBOX.${i}`));
    assert.equal(stat(wire.host, UNANSWERED, { reason: "evicted" }), 10);
  });
});

describe("requests that wait for their answer", () => {
  it("take no more than half of limits.memory, over all plugins of the VM, since no connection could give that back", () => {
    const config = { limits: { memory: 8 << 20 }, telemetry: { ...TELEMETRY, requests: 1_048_576 } };
    const host = configuredHost(config);
    const { root } = host.configure(policy(config), "another");
    for (const wire of [Wire.connected(host), new Wire(host, PEER, root)]) {
      wire.client(CONNECT);
      wire.client("SUB ok.ask.a 1\r\n");
      for (let i = 0; i < 100_000; i += 500) {
        const replies = Array.from({ length: 500 }, (_, j) => `_INBOX.${i + j}`);
        wire.client(replies.map((reply) => pub("ok.ask.a", "", reply)).join(""));
        wire.server(replies.map((reply) => msg("ok.ask.a", "1", "", reply)).join(""));
      }
    }
    const held = stat(host, "istio_nats_memory_bytes");
    assert.ok(held < 4 << 20 && held > 1 << 20, `${held} bytes are held`);
  });

  it("take no more for each policy that has left a connection behind, on which as many have waited", () => {
    const host = configuredHost();
    const held = Array.from({ length: 5 }, (_, number) => {
      assert.ok(host.configure(policy({ limits: { subscriptions: 100 + number } })).accepted);
      const wire = Wire.connected(host);
      wire.client("SUB ok.x 1\r\n");
      wire.server(Array.from({ length: 16_384 }, (_, i) => msg("ok.x", "1", "", `_INBOX.${i}`)).join(""));
      // None is answered, and all are given up after ten seconds.
      host.advance(11_000);
      return stat(host, "istio_nats_memory_bytes");
    });
    assert.ok(held[4]! < held[0]! + 65_536, held.join(", "));
  });

  it("take nothing once the plugin is gone with its connections", () => {
    const config = policy();
    const host = configuredHost();
    const { root } = host.configure(config, "another");
    const before = stat(host, "istio_nats_memory_bytes");
    const wire = new Wire(host, PEER, root);
    wire.client(CONNECT);
    for (let i = 0; i < 1000; i++) wire.client(pub("ok.x", "", `_INBOX.${i}`));
    wire.connection.close();
    assert.ok(stat(host, "istio_nats_memory_bytes") > before);
    host.deleteRoot(root);
    assert.equal(stat(host, "istio_nats_memory_bytes"), before);
    // It comes again, and its requests are timed as before.
    const again = new Wire(host, PEER, host.configure(config, "another").root);
    again.client(CONNECT + "SUB _INBOX.> 1\r\n" + pub("ok.x", "", "_INBOX.1"));
    again.server(msg("_INBOX.1", "1"));
    assert.equal(valuesOf(host, REQUEST).length, 1);
  });
});

describe("durations on their way to the host", () => {
  it("take no host call for each message: the tick reports them", () => {
    const wire = requester();
    wire.host.resetCounts();
    for (let i = 0; i < 1000; i++) {
      wire.client(pub("ok.ask.a", "?", `_INBOX.${i}`));
      wire.server(msg(`_INBOX.${i}`, "1"));
    }
    assert.equal(wire.host.counts["proxy_record_metric"], 0);
    assert.equal(wire.host.counts["proxy_get_current_time_nanoseconds"], 2000);
    assert.equal(valuesOf(wire.host, REQUEST).length, 1000);
  });

  /** Requests with their answers, a hundred at a time. Each hundred takes a given number of milliseconds. */
  function ask(wire: Wire, from: number, to: number, milliseconds = 0): void {
    for (let i = from; i < to; i += 100) {
      const each = Array.from({ length: Math.min(100, to - i) }, (_, j) => `_INBOX.${i + j}`);
      wire.client(each.map((reply) => pub("ok.ask.a", "?", reply)).join(""));
      wire.host.advance(milliseconds);
      wire.server(each.map((reply) => msg(reply, "1")).join(""));
    }
  }

  it("are all reported if no more than 8,192 come between two ticks", () => {
    const wire = requester();
    ask(wire, 0, 8192);
    wire.host.tick();
    ask(wire, 8192, 16_384);
    assert.equal(valuesOf(wire.host, REQUEST, { subject: "ask" }).length, 16_384);
    assert.equal(stat(wire.host, LEFT_OUT), 0);
  });

  /**
   * How many of one half are in the sample, if `drawn` of `all` are drawn, each at most once. The variance of the hypergeometric
   * distribution is a quarter of `drawn`, times the share that is left out. A correct filter exceeds the bound once in 500 million
   * draws.
   */
  function sixDeviations(drawn: number, all: number): number {
    return 6 * Math.sqrt((drawn / 4) * ((all - drawn) / (all - 1)));
  }

  it("are 8,192 fairly drawn ones if more come, and the others are counted", () => {
    const wire = requester();
    ask(wire, 0, 20_000, 1);
    ask(wire, 20_000, 40_000, 2);
    const told = valuesOf(wire.host, REQUEST, { subject: "ask" });
    assert.equal(told.length, 8192);
    assert.equal(stat(wire.host, LEFT_OUT, { subject: "ask", kind: "request" }), 40_000 - 8192);
    const slow = told.filter((value) => value === 2).length;
    assert.ok(Math.abs(slow - 4096) < sixDeviations(8192, 40_000), `${slow} of the second half`);
  });

  it("are drawn with the same chance, whatever they measure, and however many came before the last tick", () => {
    for (const before of [0, 20_000]) {
      const wire = requester();
      ask(wire, 0, before);
      const toldBefore = valuesOf(wire.host, REQUEST).length;
      ask(wire, before, before + 10_000);
      for (let i = 0; i < 10_000; i++) {
        wire.client("PING\r\n");
        wire.server("PONG\r\n");
      }
      const requests = valuesOf(wire.host, REQUEST).length;
      const told = { pings: valuesOf(wire.host, PING_RTT).length, requests: requests - toldBefore };
      assert.equal(told.pings + told.requests, 8192);
      assert.ok(Math.abs(told.pings - 4096) < sixDeviations(8192, 20_000), JSON.stringify(told));
      assert.equal(stat(wire.host, LEFT_OUT, { kind: "ping", subject: "unknown" }), 10_000 - told.pings);
      assert.equal(stat(wire.host, LEFT_OUT, { kind: "request" }), before + 10_000 - requests);
    }
  });

  it("and counts are not lost if a connection, or the whole plugin, ends without a further tick", () => {
    const host = configuredHost({ telemetry: TELEMETRY });
    const wire = Wire.connected(host);
    wire.client("SUB _INBOX.> 1\r\n" + pub("ok.ask.a", "?", "_INBOX.1"));
    wire.server(msg("_INBOX.1", "1"));
    wire.connection.close();
    const told = [...host.histograms].filter(([raw]) => raw.endsWith(REQUEST)).flatMap(([, values]) => values);
    assert.deepEqual(told, [0]);
    const messages = [...host.metrics].filter(
      ([raw]) => raw.includes("operation=.=PUB;.;") && raw.endsWith("messages_total"),
    );
    assert.deepEqual(
      messages.map(([, value]) => value),
      [1],
    );
  });
});

describe("requests that wait when a connection passes unread in DRY_RUN", () => {
  it("count nowhere, whether the client or nats-server is what cannot be read, since nobody sees their answers", () => {
    for (const from of ["client", "server"] as const) {
      const wire = requester(TELEMETRY, { mode: "DRY_RUN" });
      const { host } = wire;
      wire.client(pub("ok.ask.a", "?", "_INBOX.1") + pub("ok.ask.a", "?", "_INBOX.2"));
      wire.server(msg("_INBOX.1", "1", "!"));
      assert.equal(wire[from]("NONSENSE\r\n"), "NONSENSE\r\n");
      const answer = msg("_INBOX.2", "1", "!");
      assert.equal(wire.server(answer), answer);
      host.advance(120_000);
      assert.equal(stat(host, UNANSWERED), 0);
      wire.connection.close();
      assert.equal(stat(host, UNANSWERED), 0);
      assert.equal(valuesOf(host, REQUEST).length, 1);
    }
  });

  it("count as closed where the line had begun in DRY_RUN, for which ENFORCE closes the connection", () => {
    const wire = requester(TELEMETRY, { mode: "DRY_RUN" });
    const { host } = wire;
    wire.client(`${pub("ok.ask.a", "?", "_INBOX.1")}PUB ok.a 1`);
    host.configure(policy({ telemetry: TELEMETRY }));
    wire.client(" 2 x\r\n");
    host.advance(500);
    host.tick();
    assert.equal(wire.connection.closedByFilter, true);
    wire.connection.close();
    assert.equal(stat(host, UNANSWERED, { subject: "ask", reason: "closed" }), 1);
  });
});
