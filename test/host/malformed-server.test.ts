import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { assertSame, configuredHost, msg, PONG, pub, stat, Wire } from "./wire.ts";

const AFTER = pub("ok.after", "2");

describe("malformed bytes of a server", () => {
  const BROKEN: [name: string, bytes: string][] = [
    ["HTTP", "HTTP/1.1 400 Bad Request\r\n"],
    ["TLS", "\x16\x03\x01"],
    ["a client's operation", "PUB ok.1 0\r\n\r\n"],
    ["a MSG without size", "MSG ok.1 1\r\n"],
    ["a MSG with too many arguments", "MSG ok.1 1 r 1 1\r\n"],
    ["a MSG with a size that is not a number", "MSG ok.1 1 x\r\n"],
    ["a MSG with a size of ten digits", "MSG ok.1 1 1234567890\r\n"],
    ["a MSG with an empty subject", "MSG  1 0\r\n"],
    ["a MSG without CR", "MSG ok.1 1 0\n\r\n"],
    ["an HMSG without header length", "HMSG ok.1 1 12\r\n"],
    ["an HMSG with more header bytes than payload", "HMSG ok.1 1 13 12\r\n"],
    ["an INFO that is not JSON", "INFO {broken\r\n"],
    ["a line without end", `-ERR ${"x".repeat(262_144)}`],
    ["a subject without end", `MSG ${"x".repeat(262_145)}`],
    ["an empty line", "\r\n"],
  ];

  for (const [name, bytes] of BROKEN) {
    it(`${name}: what came before reaches the client, then nothing does, and the next tick closes`, () => {
      const host = configuredHost();
      const wire = Wire.connected(host);
      wire.client("SUB ok.> 1\r\n");
      const before = "MSG ok.1 1 2\r\nhi\r\n";
      assert.equal(wire.server(before + bytes), before);
      assert.equal(wire.server(before), "");
      assert.equal(wire.client(AFTER), "");
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "server" }), 1);
      assert.equal(wire.connection.closedByFilter, true);
    });

    it(`${name}, in DRY_RUN: passes with everything that follows, and is counted`, () => {
      const host = configuredHost({ mode: "DRY_RUN" });
      const wire = Wire.connected(host);
      assert.equal(wire.server(bytes + PONG), bytes + PONG);
      assert.equal(wire.client(AFTER), AFTER);
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "server" }), 1);
      assert.equal(wire.connection.closed, false);
    });
  }
});

describe("a server that is no nats-server", () => {
  const BANNER = "220 mail.example ESMTP\r\n";
  const labels = { kind: "server", source_principal: "unknown" };

  it("is counted though its banner ends the connection before the client has sent anything", () => {
    const host = configuredHost();
    const wire = new Wire(host);
    assert.equal(wire.server(BANNER), "");
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { ...labels, mode: "ENFORCE" }), 1);
    assert.equal(wire.connection.closedByFilter, true);
    assert.equal(stat(host, "istio_nats_connections_active"), 0);
  });

  it("is counted in DRY_RUN, where its banner passes", () => {
    const host = configuredHost({ mode: "DRY_RUN" });
    const wire = new Wire(host);
    assert.equal(wire.server(BANNER), BANNER);
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { ...labels, mode: "DRY_RUN" }), 1);
  });
});

describe("what cannot be read of a server while its connection ends for the client's own nonsense", () => {
  it("is counted beside that, and the connection is closed with the next tick", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    wire.client("BOGUS\r\n");
    host.tick();
    assert.equal(wire.connection.closed, false);
    assert.equal(wire.server("what no nats-server says\r\n"), "");
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "unknown_operation" }), 1);
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "server" }), 1);
    assert.equal(wire.connection.closedByFilter, true);
  });
});

describe("a long line of a server", () => {
  const LONGEST = 4 * 65_536;

  /** A message whose line has this many bytes, without CR LF. */
  function message(bytes: number): string {
    return `MSG ok.${"x".repeat(bytes - "MSG ok. 1 0".length)} 1 0\r\n\r\n`;
  }

  for (const [how, pieces] of [
    ["at once", 1],
    ["in two pieces", 2],
  ] as const) {
    const sent = (wire: Wire, bytes: string): string => {
      const cut = Math.ceil(bytes.length / pieces);
      return Array.from({ length: pieces }, (_, i) => wire.server(bytes.slice(i * cut, (i + 1) * cut))).join("");
    };

    it(`passes with 262,144 bytes, and ends the connection with one more, if it comes ${how}`, () => {
      const host = configuredHost();
      const wire = Wire.connected(host);
      wire.client("SUB ok.> 1\r\n");
      assert.equal(sent(wire, message(LONGEST)), message(LONGEST));
      assert.equal(wire.connection.closed, false);
      assert.equal(sent(wire, message(LONGEST + 1)), "");
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "server" }), 1);
      assert.equal(wire.connection.closedByFilter, true);
    });
  }

  it("passes with 262,144 bytes wherever its end is cut, and the headers of a message without payload behind it", () => {
    const status = `HMSG ok.${"x".repeat(LONGEST - "HMSG ok. 1 16 16".length)} 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n`;
    for (const [sent, read] of [
      [message(LONGEST), message(LONGEST)],
      [message(LONGEST).replace("xx", "\tx"), ""],
      [status, status],
    ] as const) {
      for (let cut = LONGEST - 1; cut < sent.length; cut++) {
        const wire = Wire.connected(configuredHost());
        wire.client("SUB ok.> 1\r\n");
        assertSame(wire.server(sent.slice(0, cut)) + wire.server(sent.slice(cut)), read, `cut behind ${cut} bytes`);
        assert.equal(wire.server(msg("ok.a", "1")), msg("ok.a", "1"));
      }
    }
  });

  it("is not waited for where it is longer and lacks nothing but its LF", () => {
    for (const bytes of [LONGEST + 1, LONGEST + 100_000]) {
      const host = configuredHost();
      const wire = Wire.connected(host);
      assert.equal(wire.server(message(bytes).slice(0, bytes + 1)), "");
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "server" }), 1);
    }
  });
});
