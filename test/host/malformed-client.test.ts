import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LONG, MALFORMED, SILENT, UNKNOWN, UNKNOWN_CONNECT, WITH_TEXT } from "./malformed.ts";
import { assertSame, auditOf, CONNECT, configuredHost, INFO, PING, PONG, pub, stat, Wire } from "./wire.ts";

const BEFORE = pub("ok.before", "1");
const AFTER = pub("ok.after", "2");
/** Kinds of input that is not NATS from its first byte on. Such a connection is refused. */
const OTHER_PROTOCOLS = ["tls", "http", "proxy_protocol"];

describe("malformed bytes of a client, in ENFORCE", () => {
  for (const { name, bytes, kind, becomes, first } of MALFORMED) {
    it(`${name}: nats-server reads ${JSON.stringify(becomes)} instead, and nothing that follows`, () => {
      const host = configuredHost();
      const wire = new Wire(host);
      wire.server(INFO);
      const start = first ? "" : CONNECT + BEFORE;
      assert.equal(wire.client(start + bytes + AFTER), start + becomes);
      assert.equal(wire.client(AFTER), "");
      assert.equal(wire.client(AFTER, true), "");
      assert.equal(stat(host, "istio_nats_protocol_errors_total"), 1);
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind }), 1);
      const verdict = OTHER_PROTOCOLS.includes(kind) ? "refused" : "allowed";
      assert.equal(stat(host, "istio_nats_connections_opened_total", { verdict }), 1);
      const [record, ...further] = auditOf(host).filter(({ event }) => event === "unreadable");
      assert.equal(record?.["kind"], kind);
      assert.ok(String(record["remedy"]).length > 10);
      assert.deepEqual(further, []);
      // nats-server closes. If it does not, the tick does after two seconds.
      assert.equal(wire.connection.closed, false);
      host.advance(2000);
      host.tick();
      assert.equal(wire.connection.closedByFilter, true);
      const other = Wire.connected(host);
      assert.equal(other.client(AFTER), AFTER);
    });
  }

  it("are left out where nats-server skips them, behind PING and PONG", () => {
    const wire = Wire.connected(configuredHost());
    assert.equal(wire.client(`PONG \0x\r\n${AFTER}pOnG\n${PING}`), `${PONG}${AFTER}pOnG\n${PING}`);
    assert.equal(wire.client(`PINGx \r\n${AFTER}`), PING + AFTER);
  });

  it("ends the connection within seconds also where the host's clock is set back by an hour meanwhile", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    wire.client("?\r\n");
    host.advance(-3_600_000);
    host.advance(2000);
    host.tick();
    assert.equal(wire.connection.closedByFilter, true);
  });

  it("the client's last line is nats-server's text for a control line that is too long", () => {
    const wire = Wire.connected(configuredHost());
    assert.equal(wire.client(`${pub("no.1")}SUB ${LONG}\r\n`), PING + WITH_TEXT);
    assert.equal(
      wire.server(`${PONG}${PONG}-ERR 'Unknown Protocol Operation'\r\n`),
      "-ERR 'Permissions Violation for Publish to \"no.1\"'\r\n-ERR 'maximum control line exceeded'\r\n",
    );
    assert.equal(wire.server("MSG ok.1 1 0\r\n\r\n"), "");
  });

  it("the client's last line is nats-server's text for a payload that is too large", () => {
    const wire = Wire.connected(configuredHost());
    assert.equal(wire.client("PUB ok.1 1048577\r\n"), WITH_TEXT);
    assert.equal(wire.server(`${PONG}-ERR 'Unknown Protocol Operation'\r\n`), "-ERR 'Maximum Payload Violation'\r\n");
  });

  describe("before authentication, when nats-server reads no line beyond its first byte unless that is a C,", () => {
    const AUTH_INFO = 'INFO {"auth_required":true,"max_payload":1048576}\r\n';

    function unauthenticated(): Wire {
      const wire = new Wire(configuredHost());
      wire.server(AUTH_INFO);
      return wire;
    }

    it("a CONNECT that is too long becomes a PING, and the answer is that text, however long a CONNECT nats-server takes", () => {
      // Where only `$SYS` has users, it says `auth_required` and answers the PING.
      for (const answer of ["-ERR 'Authorization Violation'\r\n", `${PONG}-ERR 'Unknown Protocol Operation'\r\n`]) {
        for (const verb of ["CONNECT ", "connect\t"]) {
          const wire = unauthenticated();
          assert.equal(wire.client(`${verb}${LONG}\r\n`), WITH_TEXT);
          assert.equal(wire.server(answer), "-ERR 'maximum control line exceeded'\r\n");
          assert.equal(wire.client(AFTER), "");
        }
      }
    });

    it("another error of nats-server's, such as that it had no CONNECT in time, reaches the client and is counted", () => {
      const wire = unauthenticated();
      assert.equal(wire.client(`CONNECT ${LONG}\r\n`), WITH_TEXT);
      const timeout = "-ERR 'Authentication Timeout'\r\n";
      assert.equal(wire.server(timeout), timeout);
      assert.equal(wire.server("-ERR 'Authorization Violation'\r\n"), "-ERR 'maximum control line exceeded'\r\n");
      const errors = (kind: string): number => stat(wire.host, "istio_nats_server_errors_total", { kind });
      assert.deepEqual([errors("authentication_timeout"), errors("authorization_violation")], [1, 0]);
    });

    it("an Authorization Violation for what came before that CONNECT stays what it is", () => {
      for (const before of [PING, "CONNECT {}\r\n"]) {
        const wire = unauthenticated();
        assert.equal(wire.client(`${before}CONNECT ${LONG}\r\n`), before + WITH_TEXT);
        assert.equal(wire.server("-ERR 'Authorization Violation'\r\n"), "-ERR 'Authorization Violation'\r\n");
      }
    });

    it("another line that is too long becomes a PING, at which nats-server refuses the client", () => {
      const wire = unauthenticated();
      assert.equal(wire.client(`SUB ${LONG}\r\n`), WITH_TEXT);
      assert.equal(wire.server("-ERR 'Authorization Violation'\r\n"), "-ERR 'Authorization Violation'\r\n");
    });

    it("+OK passes, at which nats-server refuses the client", () => {
      assert.equal(unauthenticated().client("+OK\r\n"), "+OK\r\n");
    });

    it("a client is told the same that does not wait for INFO, with which nats-server says that it does so", () => {
      const early = (sent: string): { wire: Wire; passed: string } => {
        const wire = new Wire(configuredHost());
        const passed = wire.client(sent);
        wire.server(AUTH_INFO);
        return { wire, passed };
      };
      const { wire, passed } = early(`CONNECT ${LONG}\r\n`);
      assert.equal(passed, WITH_TEXT);
      assert.equal(wire.server("-ERR 'Authorization Violation'\r\n"), "-ERR 'maximum control line exceeded'\r\n");
      assert.equal(early("+OK\r\n").passed, "+OK\r\n");
    });

    it("a verb that begins like CONNECT, and no other, is still answered as an unknown operation", () => {
      for (const verb of ["CX", "connex", "CONNECT \n"]) assert.equal(unauthenticated().client(verb), UNKNOWN_CONNECT);
      for (const verb of ["X", "PX", "SUB\n"]) assert.equal(unauthenticated().client(verb), UNKNOWN);
    });
  });

  it("a refused payload that does not end with CR LF makes nats-server answer as it would have anyway", () => {
    for (const end of ["xx", "\rx", "\n\r", "x\n"]) {
      const host = configuredHost();
      const wire = Wire.connected(host);
      assert.equal(wire.client(`${pub("no.1", "a")}PUB no.2 3\r\nabc${end}${AFTER}`), PING + UNKNOWN);
      assert.equal(wire.client(AFTER), "");
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "payload_end" }), 1);
      // The refusal before it is answered. The broken one never became one.
      assert.equal(
        wire.server(`${PONG}-ERR 'Unknown Protocol Operation'\r\n`),
        "-ERR 'Permissions Violation for Publish to \"no.1\"'\r\n-ERR 'Unknown Protocol Operation'\r\n",
      );
    }
  });

  it("an HPUB without headers in CONNECT, or in INFO, closes without a word", () => {
    const noHeaders = 'CONNECT {"verbose":false,"headers":false}\r\n';
    const oldServer = 'INFO {"max_payload":1048576}\r\n';
    for (const options of [{ connect: noHeaders }, { info: oldServer }]) {
      const host = configuredHost();
      const wire = Wire.connected(host, options);
      assert.equal(wire.client(`HPUB ok.1 12 12\r\nNATS/1.0\r\n\r\n\r\n${AFTER}`), SILENT);
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "headers_unsupported" }), 1);
    }
  });

  it("a CONNECT may turn headers on or off until the first SUB, and say again behind it what it has said", () => {
    const sub = "SUB ok.1 1\r\n";
    const says = (headers?: boolean | null): string => `CONNECT ${JSON.stringify({ verbose: false, headers })}\r\n`;
    const [on, off] = [says(true), says(false)];
    const allowed = [on + off + sub + off, off + on + pub("ok.1") + sub + on + says(null) + says() + on];
    for (const bytes of allowed) {
      assert.equal(Wire.connected(configuredHost(), { connect: "" }).client(bytes).replaceAll(PING, ""), bytes);
    }
    const refused: [string, string][] = [
      [sub, on],
      [`${on}${sub}UNSUB 1\r\n`, off],
      [off + sub + off, on],
    ];
    for (const [begin, last] of refused) {
      const wire = Wire.connected(configuredHost(), { connect: "" });
      assert.equal(wire.client(begin + last + AFTER).replaceAll(PING, ""), begin + UNKNOWN);
      assert.equal(wire.client(AFTER), "");
    }
  });

  it("a SUB that is refused is none behind which a CONNECT could not turn headers off", () => {
    const wire = Wire.connected(configuredHost());
    const off = 'CONNECT {"headers":false}\r\n';
    assert.equal(wire.client(`SUB no.1 1\r\n${off}`), PING + off + PING);
  });

  it("a frame that the end of the stream or a reset cuts off is dropped; a cut by the end of the stream is counted", () => {
    for (const half of ["PUB ok.1 5\r\nab", "PUB ok.1", "SU", "PUB no.1 5\r\nab", 'CONNECT {"verb']) {
      const host = configuredHost();
      const wire = Wire.connected(host);
      wire.client(half);
      wire.client("", true);
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "unfinished" }), 1, half);
      const reset = Wire.connected(host);
      reset.client(half);
      reset.connection.close("client");
      assert.equal(stat(host, "istio_nats_connections_closed_total"), 1, half);
      assert.equal(Wire.connected(host).client(AFTER), AFTER);
    }
  });
});

describe("malformed bytes of a client, cut anywhere", () => {
  const host = configuredHost();
  for (const { name, bytes, becomes, first } of MALFORMED) {
    it(`${name}: nats-server reads the same`, () => {
      const start = first ? "" : CONNECT + BEFORE;
      const step = Math.max(1, Math.floor(bytes.length / 60));
      for (let at = 1; at < bytes.length; at += step) {
        const wire = new Wire(host);
        wire.server(INFO);
        const sent = wire.client(start + bytes.slice(0, at)) + wire.client(bytes.slice(at)) + wire.client(AFTER);
        assertSame(sent, start + becomes, `cut at ${at}`);
        wire.connection.close("client");
      }
    });
  }
});

describe("malformed bytes of a client, in DRY_RUN", () => {
  for (const { name, bytes, kind, first } of MALFORMED) {
    it(`${name}: passes with everything that follows, and is counted`, () => {
      const host = configuredHost({ mode: "DRY_RUN" });
      const wire = new Wire(host);
      wire.server(INFO);
      const start = first ? "" : CONNECT + BEFORE;
      assert.equal(wire.client(start + bytes + AFTER), start + bytes + AFTER);
      assert.equal(wire.client(AFTER), AFTER);
      assert.equal(wire.server(`${PONG}garbage\r\n`), `${PONG}garbage\r\n`);
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind }), 1);
      assert.equal(stat(host, "istio_nats_connections_opened_total", { verdict: "allowed" }), 1);
      host.advance(5000);
      host.tick();
      assert.equal(wire.connection.closed, false);
      wire.connection.close("client");
      assert.deepEqual(
        auditOf(host).map(({ event }) => event),
        ["connected", "unreadable_passed", "disconnected"],
      );
    });
  }
});
