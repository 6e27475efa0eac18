import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  configuredHost,
  CONNECT,
  hpub,
  INFO,
  PING,
  PONG,
  publishViolation,
  subscriptionViolation,
  Wire,
} from "./wire.ts";

describe("a publish with headers on which nats-server acts", () => {
  /** The subject, the header lines, and what is refused because of them: a publish or (`SUB`) a subscription. */
  const REFUSED: [subject: string, lines: string[], refused: string, what?: "SUB"][] = [
    ["ok.1", ["Nats-Trace-Dest: no.1"], "no.1"],
    // nats-server takes these, and writes what it cannot read into its log.
    ["ok.1", ["Nats-Trace-Dest: no 1"], "no 1"],
    ["ok.1", ["Nats-Trace-Dest: ok.*"], "ok.*"],
    ["ok.1", ["Nats-Trace-Dest: trace disable"], "trace disable"],
    ["ok.1", ["traceparent: 00-1-2-01", "Nats-Trace-Origin-Account: x"], "ok.1"],
    ["ok.1", ["Nats-Schedule-Target: no.1"], "no.1"],
    ["ok.1", ["Nats-Schedule-Source: no.1"], "no.1", "SUB"],
    ["ok.1", ["Nats-Scheduler: no.1"], "no.1"],
    ["ok.1", ["Nats-Scheduler: ok.*"], "ok.*"],
    ["ok.1", ["Nats-Consumer-Stalled: no.1"], "no.1"],
    // JetStream refuses these, but not of a schedule that it does not see at first.
    ["ok.1", ["Nats-Schedule-Target: ok.*"], "ok.*"],
    ["ok.1", ["Nats-Schedule-Target: ok.2 x"], "ok.2 x"],
    ["ok.1", ["Nats-Schedule-Source: ok.*"], "ok.*", "SUB"],
    ["ok.1", ["Nats-Schedule-Rollup: all"], "ok.1"],
    ["ok.1", ["Nats-Schedule-Rollup: all\t"], "ok.1"],
    ["ok.1", ["Nmqtt-Subject: no.1"], "no.1"],
    ["ok.1", ["Nats-Rollup: all"], "ok.1"],
    ["ok.1", ["Nats-Rollup: sub", "Nats-Rollup: ALL"], "ok.1"],
    ["ok.*", ["Nats-Rollup: sub"], "ok.*"],
    ["ok.>", ["Nats-Rollup: sub"], "ok.>"],
    ["ok.>", ["Nats-Incr: 0"], "ok.>"],
    ["ok.*", ["Nats-Schedule: @every 1m"], "ok.*"],
    // A stream's `subject_transform` may make tokens of parts of these.
    ["ok.->", ["Nats-Rollup: sub"], "ok.->"],
    ["ok.x*", ["Nats-TTL: 1s"], "ok.x*"],
    ["ok.1", ["Nats-Schedule-Target: ok.-*"], "ok.-*"],
    ["ok.1", ["Nats-Scheduler: ok.-*"], "ok.-*"],
    // In whatever order: what the first is for is told in header-uses.ts.
    ["ok.1", ["Nats-Request-Info: {}", "Nats-Trace-Dest: ok.2"], "ok.1"],
    ["ok.1", ["Nats-Trace-Dest: ok.2", "A: Nats-Request-InfoNats-Request-Info", "Nats-Request-Info: {}"], "ok.1"],
    ["ok.1", ["Nats-Request-Info: {}", "Nats-Trace-Dest: ok.2", "Nats-Scheduler: no.1"], "no.1"],
    // JetStream removes the first line after its check, and what that line hid then ends the stream.
    ["ok.1", ["Nats-Request-Info: Nats-TTLNats-TTL", "Nats-TTL: x"], "ok.1"],
    ["ok.1", ["Nats-TTL: 1s", "Nats-Rollup: Nats-TTL.Nats-TTL", "Nats-TTL: x"], "ok.1"],
    ["ok.1", ["A: Nats-Stream-SourceNats-Stream-Source", "Nats-TTL: 1s"], "ok.1"],
    // A stream that has this one as a source removes the second line, and with it the third one ceases to be a line.
    ["ok.1", ["A: x\nNats-Expected-y", "Nats-TTL: 1s", "Nats-TTL: x"], "ok.1"],
    // JetStream writes the subject into a header, before others that it adds.
    ["ok.Nats-TTLNats-TTL", ["Nats-TTL: 1s"], "ok.Nats-TTLNats-TTL"],
    [
      "ok.Nats-Counter-Sources.Nats-Counter-Sources",
      ["A: b", "Nats-Incr: 1"],
      "ok.Nats-Counter-Sources.Nats-Counter-Sources",
    ],
    ["ok.Nats-TTLNats-TTL", ["A: b", "Nats-Schedule: @every 1m"], "ok.Nats-TTLNats-TTL"],
    ["ok.Nats-TTL.Nats-TTL.x", ["A: b", "Nats-Schedule: @every 1m"], "ok.Nats-TTL.Nats-TTL.x"],
    ["ok.1", ["Nats-Stream-Source: S 1000 > > s.1"], "ok.1"],
    // What is due when nats-server's clock of nanoseconds has ended is due at once, again and again.
    ["ok.1", ["A: b", "Nats-Schedule: @every 2562047h"], "ok.1"],
    ["ok.1", ["A: b", "Nats-Schedule: @every 876600h0.9m1s"], "ok.1"],
    ["ok.1", ["A: b", "Nats-Schedule: @every 800000h4600000m"], "ok.1"],
    ["ok.1", ["A: b", "Nats-Schedule: @every 3155760000001ms"], "ok.1"],
    ["ok.1", ["A: b", "Nats-Schedule: @every 3155760000000001us"], "ok.1"],
    ["ok.1", ["A: b", "Nats-Schedule: @every 9000000000000000\xc2\xb5s"], "ok.1"],
    ["ok.1", ["A: b", "Nats-Schedule: @every 9000000000000000\xce\xbcs"], "ok.1"],
    ["ok.1", ["A: b", "Nats-Schedule: @every 1h8000000000000000us"], "ok.1"],
    ["ok.1", ["A: b", "Nats-Schedule: @every 3155760001000000000ns"], "ok.1"],
    // Each message to a counter of so many digits takes the stream and its store long.
    ["ok.1", ["A: b", `Nats-Incr: ${"9".repeat(129)}`], "ok.1"],
    // Thousands of numbers are read for each message.
    ["ok.1", ["A: b", `Nats-Schedule: ${"1,".repeat(251)}2 * * * * *`], "ok.1"],
    // A replicated stream ends where its last message has another id.
    ["ok.1", ["Nats-Expected-Last-Msg-Id: x"], "ok.1"],
    ["ok.1", ["Nats-Expected-Last-Msg-Id: sub"], "ok.1"],
    // Nor is the second one traced where it is stored. Such a stream removes the first, and then the copy is.
    ["ok.1", ["Nats-Expected-y", "Nats-Trace-Dest: ok.2", "Nats-Trace-Only: 1"], "ok.1"],
    ["ok.1", ["Nats-Counter-Sources: {\r}", "Nats-Incr: 1"], "ok.1"],
    ["ok.1", ["Nats-Counter-Sources: sub"], "ok.1"],
    // No second fits, and nats-server tries those of five years.
    ["ok.1", ["A: b", "Nats-Schedule: , * * * * *"], "ok.1"],
    ["ok.1", ["Nats-TTL: 1s", "Nats-Schedule: @every 1m", "Nats-Schedule: 0 ,, * * * *"], "ok.1"],
    // A file that is none of a zone may take nats-server sixteen times as long to read.
    ["ok.1", ["Nats-Schedule-Time-Zone: tzdata.zi"], "ok.1"],
    // The first header decides, except for a trace destination, which nats-server checks before the subject. The others follow.
    ["ok.1", ["Nats-Scheduler: no.1", "Nats-Schedule-Target: no.2"], "no.1"],
    ["ok.1", ["Nats-Scheduler: no.1", "Nats-Trace-Dest: no.2"], "no.2"],
    ["no.1", ["Nats-Trace-Dest: no.2"], "no.2"],
    ["no.1", ["Nats-Scheduler: no.2"], "no.1"],
  ];
  const PASSES: [subject: string, lines: string[]][] = [
    ["ok.1", ["Nats-Trace-Dest: ok.2"]],
    // By this nats-server has a message traced no more. Clients may send on what they have received.
    ["ok.1", ["Nats-Trace-Dest: trace disabled"]],
    ["ok.1", ["Nats-Schedule-Target: ok.2", "Nats-Schedule-Source: ok.3", "Nats-Scheduler: ok.4"]],
    ["ok.1", ["Nats-Expected-Last-Subject-Sequence-Subject: no.1"]],
    // Nothing is expected.
    ["ok.1", ["Nats-Expected-Last-Msg-Id:  ", "Nats-Expected-Last-Sequence: 5"]],
    ["ok.1", ["Nats-Rollup: sub"]],
    ["ok.1", ["Nats-Incr: +1"]],
    ["ok.1", [`Nats-Incr: ${"9".repeat(128)}`]],
    ["ok.1", ["Nats-Request-Info: {}"]],
    ["ok.1", ["Nats-Schedule: @every 1m"]],
    ["ok.Nats-TTL.xNats-TTL", ["Nats-Schedule: @every 1m"]],
    ["ok.Nats-TTLNats-T", ["Nats-Schedule: @every 1m"]],
    ["ok.Nats-TTLNats-TTL", ["Nats-Msg-Id: 1"]],
    ["ok.1", ["Nats-Schedule: @every 876599h59m59.9s"]],
    ["ok.1", ["Nats-Schedule: @every 99999999999us99999999999ns1m"]],
    ["ok.1", ["Nats-Schedule: @every 3155759999999999999ns"]],
    ["ok.1", [`Nats-Schedule: ${"1,".repeat(250)}2 * * * * *`]],
    ["ok.1", ["Nats-Schedule: 0,30 */5 * 1,15 * mon,fri"]],
    ["ok.1", ["Nats-Schedule: 0 0 9 * * *", "Nats-Schedule-Time-Zone: America/New_York"]],
    ["ok.1", ["Nats-Schedule-Rollup: sub"]],
    // One word: nats-server reads no stream and no sequence in it (stream.go `streamAndSeq`).
    ["ok.1", ["Nats-Stream-Source: sub"]],
    ["ok.1", ["Nats-TTL: 1s", "Nats-TTL: 1s", "Nats-Msg-Id: Nats-TTL"]],
    // Nothing that acts, so nothing to hide.
    ["ok.1", []],
  ];
  const publish = (subject: string, lines: string[]): string =>
    hpub(subject, `NATS/1.0\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`, "x");

  for (const [subject, lines, refused, what] of REFUSED) {
    it(`on ${subject} with ${lines.join(" and ")} is refused for ${refused}`, () => {
      const wire = Wire.connected(configuredHost());
      assert.equal(wire.client(publish(subject, lines)), PING);
      const text = what === "SUB" ? subscriptionViolation(refused) : publishViolation(refused);
      assert.equal(wire.server(PONG), text);
    });
  }

  it("is refused for any trace destination behind a status, which JetStream takes away", () => {
    const wire = Wire.connected(configuredHost());
    assert.equal(wire.client(hpub("ok.1", "NATS/1.0 100 x\r\nNats-Trace-Dest: no.1\r\n\r\n", "x")), PING);
    assert.equal(wire.server(PONG), publishViolation("no.1"));
    for (const other of ["", "Nats-Trace-Dest: trace disabled\r\n"]) {
      const own = hpub("ok.1", `NATS/1.0 503 x\r\n${other}Nats-Trace-Dest: ok.2\r\n\r\n`, "x");
      assert.equal(wire.client(own), PING);
      assert.equal(wire.server(PONG), publishViolation("ok.1"));
    }
  });

  it("is refused for a trace destination in a message of a fast batch, which a replicated stream would take though it is only traced", () => {
    const wire = Wire.connected(configuredHost());
    const block = "NATS/1.0\r\nNats-Trace-Dest: ok.2\r\nNats-Trace-Only: true\r\n\r\n";
    const reply = "_INBOX.b.10.ok.1.0.$FI";
    assert.equal(wire.client(hpub("ok.1", block, "x", reply)), PING);
    assert.equal(wire.server(PONG), publishViolation("ok.1"));
    const others = [hpub("ok.1", block, "x", "_INBOX.b.$FIX"), hpub("ok.1", block, "x", "_INBOX.$F")];
    const untraced = ["NATS/1.0\r\nA: b\r\n\r\n", "NATS/1.0\r\nNats-Trace-Dest: trace disabled\r\n\r\n"];
    for (const own of [...others, ...untraced.map((headers) => hpub("ok.1", headers, "x", reply))]) {
      assert.equal(wire.client(own), own);
    }
  });

  it("is refused for a message of a fast batch that is one of an atomic batch, too, which it would begin", () => {
    const wire = Wire.connected(configuredHost());
    const block = "NATS/1.0\r\nNats-Batch-Id: b\r\nNats-Batch-Sequence: 1\r\n\r\n";
    assert.equal(wire.client(hpub("ok.1", block, "x", "_INBOX.u.10.ok.1.0.$FI")), PING);
    assert.equal(wire.server(PONG), publishViolation("ok.1"));
    for (const reply of ["_INBOX.u.10.ok.1.0.$FIX", "_INBOX.u"]) {
      const own = hpub("ok.1", block, "x", reply);
      assert.equal(wire.client(own), own);
    }
  });

  it("is refused for a trace destination in a message of an atomic batch, which would be stored though it is only traced", () => {
    const wire = Wire.connected(configuredHost());
    const traced = ["Nats-Trace-Dest: ok.2", "Nats-Trace-Only: true"];
    for (const id of ["Nats-Batch-Id: b", "Nats-Batch-Id:b"]) {
      const lines = [...traced, id];
      for (const own of [lines, lines.toReversed()]) {
        assert.equal(wire.client(publish("ok.1", own)), PING);
        assert.equal(wire.server(PONG), publishViolation("ok.1"), own.join());
      }
      for (const own of [publish("ok.1", [id]), publish("ok.1", [id, "Nats-Trace-Dest: trace disabled"])]) {
        assert.equal(wire.client(own), own);
      }
    }
    for (const other of ["Nats-Batch-Ids: b", "Nats-Batch-I: b", "nats-batch-id: b", "X-Nats-Batch-Id: b"]) {
      const own = publish("ok.1", [...traced, other]);
      assert.equal(wire.client(own), own);
    }
  });

  it("is refused for a compressed trace to a subject that the peer may not read, by which nats-server can end", () => {
    const wire = Wire.connected(configuredHost({ rule: { publish: { allow: ["ok.>", "ask"] } } }));
    const lines = (destination: string, encoding: string): string[] => [`Nats-Trace-Dest: ${destination}`, encoding];
    for (const encoding of ["Accept-Encoding: snappy", "Accept-Encoding:x", "A: b\nAccept-Encoding: gzip"]) {
      for (const own of [lines("ask", encoding), lines("ask", encoding).toReversed()]) {
        assert.equal(wire.client(publish("ok.1", own)), PING);
        assert.equal(wire.server(PONG), publishViolation("ok.1"), own.join());
      }
      // As `nats trace` asks for it.
      const own = publish("ok.1", lines("ok.2", encoding));
      assert.equal(wire.client(own), own);
    }
    const own = [publish("ok.1", ["Accept-Encoding: gzip"])];
    for (const other of ["accept-encoding: gzip", "Accept-Encodin: gzip", "A: Accept-Encoding: gzip"]) {
      own.push(publish("ok.1", lines("ask", other)));
    }
    for (const each of own) assert.equal(wire.client(each), each);
  });

  it("needs nothing more for a trace that is disabled, which no server traces: neither room, nor a block without a status", () => {
    const wire = Wire.connected(configuredHost(), { info: `INFO {"headers":true,"max_payload":1024} \r\n` });
    const lines = ["Nats-Trace-Dest: trace disabled", "Nats-Trace-Dest: \t trace disabled \t"];
    for (const line of [...lines, `Nats-Request-Info: {}\r\n${lines[0]}`]) {
      for (const status of ["", " 503 x"]) {
        const block = `NATS/1.0${status}\r\n${line}\r\n\r\n`;
        const largest = hpub("ok.1", block, "x".repeat(1024 - block.length));
        assert.ok(wire.client(largest) === largest, block);
      }
    }
    // Only this very value is, and only where it is the one that counts.
    for (const value of ["Trace disabled", "trace disabled\r", "ok.2", "ok.2\r\nNats-Trace-Dest: trace disabled"]) {
      const block = `NATS/1.0\r\nNats-Trace-Dest: ${value}\r\n\r\n`;
      assert.equal(wire.client(hpub("ok.1", block, "x".repeat(1024 - block.length))), PING, value);
      assert.match(wire.server(PONG), /^-ERR 'Permissions Violation for Publish to/);
    }
  });

  it("is refused for a trace if headers that servers add would make more than `max_payload` of it", () => {
    const traced = "NATS/1.0\r\nNats-Trace-Dest: ok.2\r\n\r\n";
    const other = "NATS/1.0\r\nNats-Trace-Hop: ok.2\r\n\r\n";
    // Most that a traced message may have, by `max_payload`.
    const bounds: [number, number][] = [
      [1_048_576, 1_048_576 - 4096],
      [65_536, 65_536 - 4096],
      [1024, 1024 - 64],
      [-1, 2_000_000],
    ];
    for (const [maxPayload, most] of bounds) {
      const wire = Wire.connected(configuredHost(), { info: `INFO {"headers":true,"max_payload":${maxPayload}} \r\n` });
      const largest = hpub("ok.1", traced, "x".repeat(most - traced.length));
      assert.ok(wire.client(largest) === largest, `${most} of ${maxPayload}`);
      if (maxPayload < 0) continue;
      assert.equal(wire.client(hpub("ok.1", traced, "x".repeat(most + 1 - traced.length))), PING);
      assert.equal(wire.server(PONG), publishViolation("ok.1"));
      const untraced = hpub("ok.1", other, "x".repeat(maxPayload - other.length));
      assert.ok(wire.client(untraced) === untraced, `all of ${maxPayload}`);
    }
  });

  const traced = hpub("ok.1", "NATS/1.0\r\nNats-Trace-Dest: ok.2\r\n\r\n", "x".repeat(1000));

  it("is refused for a trace if it leaves no room below `limits.payload`", () => {
    const limited = Wire.connected(configuredHost({ limits: { payload: 1100 } }));
    assert.equal(limited.client(traced), PING);
  });

  it("is refused for a trace if nats-server has not told its `max_payload` yet", () => {
    const early = new Wire(configuredHost());
    assert.equal(early.client(CONNECT + traced), CONNECT + PING);
    early.server(INFO + PONG);
    assert.equal(early.client(traced), traced);
  });

  it("is refused if its headers do not begin with the version and end with an empty line, as libraries' do", () => {
    const wire = Wire.connected(configuredHost({ rule: { rollup: "ALL" } }));
    const lines = ["Nats-Schedule-Target: ok.2", "Nats-Schedule-Source: ok.3", "Nats-TTL: 10s", "Nats-Rollup: sub"];
    for (const line of [...lines, "Nats-Expected-Stream: S"]) {
      for (const end of ["", "\r\n", "\r\n\r", "\r\n\r\nA"]) {
        assert.equal(wire.client(hpub("ok.1", `NATS/1.0\r\n${line}${end}`, "\r\n")), PING, line + end);
        assert.equal(wire.server(PONG), publishViolation("ok.1"));
      }
    }
    const statuses = ["NATS/1.0 100 x", "NATS/1.0 100 \n\n", "NATS/1.0 503 x", "nats/1.0 503 x"];
    const names = ["\r\nNats-Expected-Stream: S", "NATS/1.0\r\na: b\r\n", "Nats-TTL: 1s\r\n\r"];
    const others = ["Nats-Scheduler: x\r\n\r\n", "xNats-Scheduler: x\r\n\r\n", "nats/1.0\r\nA: b\r\n\r\n"];
    for (const block of [...statuses, ...names, ...others, "xyz", "\r\n\r\n", "abcd\r\n\r\n", "NATS/1.\r\n\r\n"]) {
      assert.equal(wire.client(hpub("ok.1", block)), PING, block);
      assert.equal(wire.server(PONG), publishViolation("ok.1"));
    }
  });

  it("is refused if a value hides headers that JetStream adds, though nats-server acts on none of its own", () => {
    const wire = Wire.connected(configuredHost());
    const twice = ["Nats-SchedulerNats-Scheduler", "Nats-Stream-Source Nats-Stream-Source"];
    for (const value of [...twice, "b\nNats-Schedule", "b\r\nNats-Expected-x"]) {
      assert.equal(wire.client(hpub("ok.1", `NATS/1.0\r\nA: ${value}\r\n\r\n`)), PING, value);
      assert.equal(wire.server(PONG), publishViolation("ok.1"));
    }
    const harmless = hpub("ok.1", "NATS/1.0\r\nA: Nats-Scheduler, Nats-Scheduler\r\nNats-Msg-Id: 1\r\n\r\n");
    assert.equal(wire.client(harmless), harmless);
  });

  it("is refused if client libraries read the status 100 in it, however they part its lines", () => {
    const wire = Wire.connected(configuredHost({ rule: { rollup: "ALL" } }));
    const spaced = ["A: b\r \fStatus \v:  100 ", "\n\tStatus: 100\nA: b", "A: b\r \n  \tStatus: 100"];
    const lines = ["Status: 100", "A: b\r\nStatus:100", "A: b\nStatus:\t100", ...spaced].map((line) => `\r\n${line}`);
    const inline = [" 100 Idle Heartbeat", "100", "\t\r100", "\u00a0100 FlowControl Request", "..Status: 100"];
    // JetStream takes a status away up to the first CR.
    inline.push(" x\r 100 Idle Heartbeat", " x\r.Status: 100");
    for (const line of [...inline, ...lines]) {
      for (const payload of ["", "x"]) {
        const block = `NATS/1.0${line}\r\n\r\n`;
        assert.equal(wire.client(hpub("ok.1", block, payload)), PING, block);
        assert.equal(wire.server(PONG), publishViolation("ok.1"));
      }
    }
    // nats-py does not ask what the first eight bytes are. Here they must be the version.
    for (const block of ["........ 100 Idle", "..........Status: 100", "..........\r\nStatus: 100"]) {
      assert.equal(wire.client(hpub("ok.1", `${block}\r\n\r\n`)), PING, block);
      assert.equal(wire.server(PONG), publishViolation("ok.1"));
    }
    // What is behind the block is none of it.
    for (const block of ["NATS/1.0\r\n\r\n", ""]) {
      for (const payload of [" 100 Idle", "Status: 100", "100"]) {
        const whole = hpub("ok.1", block, payload);
        assert.equal(wire.client(whole), whole);
      }
    }
  });

  it("is refused with any status if jnats, which strips names and compares no dash, reads in it where to publish", () => {
    const wire = Wire.connected(configuredHost({ rule: { rollup: "ALL" } }));
    const names = [
      "Nats-Consumer-Stalled",
      "Nats_Consumer-Stalled",
      "Nats-Consumer-Stalled ",
      "\tNats-Consumer-Stalled",
    ];
    for (const name of names) {
      for (const status of [" 404 x", " +100 Idle Heartbeat", " 0100", " \u0661\u0660\u0660"]) {
        const block = `NATS/1.0${status}\r\n${name}: ok.2\r\n\r\n`;
        assert.equal(wire.client(hpub("ok.1", block)), PING, block);
        assert.equal(wire.server(PONG), publishViolation("ok.1"));
      }
    }
    const own = hpub("ok.1", "NATS/1.0\r\nNats_Consumer-Stalled: ok.2\r\n\r\n");
    assert.equal(wire.client(own), own);
    const inPayload = hpub("ok.1", "NATS/1.0 404 x\r\nA: b\r\n\r\n", "-Stalled");
    assert.equal(wire.client(inPayload), inPayload);
  });

  it("passes if it has another status", () => {
    const wire = Wire.connected(configuredHost());
    const lines = [
      "Status: 200",
      "Status: 1000",
      "Status: 10",
      "Status 100",
      "XStatus: 100",
      "A: Status: 100",
      "Status",
    ];
    const statuses = [...lines, "A:  Status: 100", "Stat: 100", "S"].map((line) => `NATS/1.0\r\n${line}\r\n\r\n`);
    const blocks = [
      "NATS/1.0 404 No Messages\r\n\r\n",
      "NATS/1.0\r\n100: a\r\n\r\n",
      "NATS/1.0\r\n\r\n",
      "NATS/1.0 200\r\nA: 100\r\n\r\n",
    ];
    for (const block of [...statuses, ...blocks]) {
      const whole = hpub("ok.1", block);
      assert.equal(wire.client(whole), whole, block);
    }
  });

  it("is refused with headers of one byte, by which nats-server ends, and of two", () => {
    const wire = Wire.connected(configuredHost());
    for (const block of ["x", "hi", "\r\n"]) {
      assert.equal(wire.client(hpub("ok.1", block)), PING, block);
      assert.equal(wire.server(PONG), publishViolation("ok.1"));
    }
  });

  it("passes with the shortest headers of libraries, and with none", () => {
    const wire = Wire.connected(configuredHost());
    for (const block of ["", "NATS/1.0\r\n\r\n", "NATS/1.0 503\r\n\r\n"]) {
      const whole = hpub("ok.1", block);
      assert.equal(wire.client(whole), whole, block);
    }
  });

  it("passes if the client has the right to do what the header makes of it", () => {
    const wire = Wire.connected(configuredHost());
    for (const [subject, lines] of PASSES) {
      const whole = publish(subject, lines);
      assert.equal(wire.client(whole), whole, whole);
    }
  });

  it("passes with a rollup of everything that it covers, under a rule that allows it", () => {
    const wire = Wire.connected(configuredHost({ rule: { rollup: "ALL" } }));
    for (const [subject, lines] of REFUSED.filter(([, [line]]) =>
      /^Nats-(Rollup|Schedule|Incr|Expected-Last-Msg-Id):/.test(line!),
    )) {
      const whole = publish(subject, lines);
      assert.equal(wire.client(whole), whole, whole);
    }
  });
});
