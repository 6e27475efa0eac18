import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { configuredHost, CONNECT, hpub, msg, PING, PONG, pub, stat, VERBOSE_CONNECT, Wire } from "./wire.ts";

const FILTERED = { subscribe: { allow: ["ok.>", "box.*"], deny: ["ok.secret", "ok.work.x workers"] } };

describe("UNSUB with a maximum, while deliveries are filtered", () => {
  /** A connection whose deliveries are filtered, with a subscription that the deny partly covers. */
  function filtering(connect: string): Wire {
    const wire = Wire.connected(configuredHost({ rule: FILTERED }), { connect });
    wire.client("SUB ok.* 9\r\n");
    return wire;
  }

  it("counts the messages that reach the client; the server learns of the end only with the client's next bytes", () => {
    const withHeaders = hpub("ok.1", "NATS/1.0\r\n\r\n");
    for (const [next, forwarded] of [
      [pub("ok.1"), pub("ok.1")],
      [withHeaders, withHeaders],
      [pub("no.1"), PING],
    ] as const) {
      const wire = filtering(CONNECT);
      assert.equal(wire.client("UNSUB 9 2\r\n"), PING);
      assert.equal(wire.server(PONG), "");
      const two = msg("ok.1", "9") + msg("ok.2", "9");
      assert.equal(wire.server(msg("ok.secret", "9") + two + msg("ok.3", "9")), two);
      assert.equal(wire.client(next), `UNSUB 9\r\n${PING}${forwarded}`);
      assert.equal(wire.client(next), forwarded);
    }
  });

  it("has what comes beyond it counted, which is no refusal", () => {
    const wire = filtering(CONNECT);
    const { host } = wire;
    const beyond = (): number => stat(host, "istio_nats_over_maximum_total");
    const one = msg("ok.1", "9");
    wire.client("UNSUB 9 2\r\n");
    assert.equal(wire.server(PONG + one.repeat(2)), one.repeat(2));
    assert.equal(beyond(), 0);
    // Before nats-server is told, before its PONG shows that it knows, and while another one has the sid.
    assert.equal(wire.server(one), "");
    wire.client("UNSUB 9\r\n");
    assert.equal(wire.server(one), "");
    wire.client("SUB ok.* 9\r\n");
    assert.equal(wire.server(one), "");
    assert.equal(beyond(), 3);
    assert.equal(stat(host, "istio_nats_refusals_total"), 0);
    assert.equal(stat(host, "istio_nats_messages_total", { operation: "MSG" }), 2);
    assert.equal(wire.server(PONG.repeat(2) + one), one);
    assert.equal(beyond(), 3);
  });

  it("counts messages with a reply subject or a long subject like any other", () => {
    for (const [subject, reply] of [
      ["ok.1", "_INBOX.1"],
      [`ok.${"x".repeat(100)}`, ""],
    ] as const) {
      // Without a deny entry for a queue, which would make each delivery go the long way.
      const rule = { subscribe: { allow: ["ok.>"], deny: ["ok.secret"] } };
      const wire = Wire.connected(configuredHost({ rule }));
      wire.client("SUB ok.> 9\r\n");
      wire.client("UNSUB 9 2\r\n");
      wire.server(PONG);
      const one = msg(subject, "9", "x", reply);
      assert.equal(wire.server(one.repeat(3)), one.repeat(2));
      assert.equal(wire.client(PING), `UNSUB 9\r\n${PING}${PING}`);
    }
  });

  it("has counted what came before it, also many alike", () => {
    const rule = { subscribe: { allow: ["ok.>"], deny: ["ok.secret"] } };
    const wire = Wire.connected(configuredHost({ rule }));
    wire.client("SUB ok.> 9\r\n");
    const one = msg("ok.1", "9", "x");
    assert.equal(wire.server(one.repeat(5)), one.repeat(5));
    assert.equal(wire.client("UNSUB 9 7\r\n"), PING);
    assert.equal(wire.server(PONG + one.repeat(3)), one.repeat(2));
  });

  it("does not cut off what the server had delivered before it", () => {
    const wire = filtering(CONNECT);
    assert.equal(wire.client(`${pub("ok.1")}${pub("ok.1")}UNSUB 9 1\r\n`), pub("ok.1") + pub("ok.1") + PING);
    const two = msg("ok.1", "9") + msg("ok.1", "9");
    assert.equal(wire.server(`${two}${PONG}${msg("ok.1", "9")}`), two);
    assert.equal(wire.client(PING), `UNSUB 9\r\n${PING}${PING}`);
  });

  it("counts what the server had delivered before it, except what was withheld", () => {
    const wire = filtering(CONNECT);
    assert.equal(wire.client("UNSUB 9 2\r\n"), PING);
    const before = msg("ok.1", "9");
    assert.equal(wire.server(msg("ok.secret", "9") + before + PONG), before);
    assert.equal(wire.client(PING), PING);
    assert.equal(wire.server(msg("ok.2", "9") + msg("ok.3", "9")), msg("ok.2", "9"));
    assert.equal(wire.client(PING), `UNSUB 9\r\n${PING}${PING}`);
  });

  it("can be raised or lowered, in the order in which the server would have read it", () => {
    const wire = filtering(CONNECT);
    assert.equal(wire.client("UNSUB 9 1\r\nUNSUB 9 3\r\n"), PING + PING);
    assert.equal(wire.server(PONG + PONG + msg("ok.1", "9")), msg("ok.1", "9"));
    assert.equal(wire.client("UNSUB 9 2\r\n"), PING);
    assert.equal(wire.server(PONG + msg("ok.2", "9") + msg("ok.3", "9")), msg("ok.2", "9"));
    const reached = filtering(CONNECT);
    assert.equal(reached.client(`${pub("ok.1")}UNSUB 9 1\r\nUNSUB 9 3\r\n`), pub("ok.1") + PING + PING);
    const echo = msg("ok.1", "9");
    assert.equal(reached.server(`${echo}${PONG}${PONG}${msg("ok.2", "9")}`), echo);
  });

  it("has no effect after its subscription has ended, even if another one has the sid", () => {
    const wire = filtering(CONNECT);
    const lines = "UNSUB 9 1\r\nUNSUB 9\r\nSUB ok.* 9\r\n";
    assert.equal(wire.client(lines), `${PING}UNSUB 9\r\n${PING}SUB ok.* 9\r\n`);
    const three = msg("ok.1", "9") + msg("ok.2", "9") + msg("ok.3", "9");
    assert.equal(wire.server(PONG + PONG + three), three);
    assert.equal(wire.client(PING), PING);
  });

  it("ends nothing once more if the client has ended its subscription before the server has answered", () => {
    const wire = filtering(CONNECT);
    assert.equal(wire.client("UNSUB 9 1\r\nUNSUB 9\r\n"), `${PING}UNSUB 9\r\n`);
    assert.equal(wire.server(msg("ok.1", "9") + PONG), msg("ok.1", "9"));
    assert.equal(wire.client(PING), PING);
  });

  it("still holds for what the server delivers before it takes an UNSUB that ends the subscription sooner", () => {
    const [first, second, third] = [msg("ok.1", "9"), msg("ok.2", "9"), msg("ok.3", "9")];
    const taken = filtering(CONNECT);
    taken.client("UNSUB 9 2\r\n");
    assert.equal(taken.server(PONG + first), first);
    assert.equal(taken.client("UNSUB 9\r\n"), "UNSUB 9\r\n");
    assert.equal(taken.server(second + third), second);
    const pending = filtering(CONNECT);
    assert.equal(pending.client("UNSUB 9 1\r\nUNSUB 9\r\n"), `${PING}UNSUB 9\r\n`);
    assert.equal(pending.server(first + PONG + second), first);
  });

  it("which is reached before the server could read a larger one holds, though the client has ended the subscription", () => {
    const wire = filtering(CONNECT);
    const one = msg("ok.1", "9");
    wire.client("UNSUB 9 1\r\n");
    wire.server(PONG);
    assert.equal(wire.client("UNSUB 9 3\r\nUNSUB 9\r\n"), `${PING}UNSUB 9\r\n`);
    assert.equal(wire.server(one + PONG + one), one);
    const other = filtering(CONNECT);
    other.client("UNSUB 9 1\r\n");
    other.server(PONG);
    other.client("UNSUB 9 3\r\nUNSUB 9\r\n");
    assert.equal(other.server(PONG + one.repeat(4)), one.repeat(3));
  });

  it("that is raised or lowered at the server holds from where the server has read it, as the gauge says", () => {
    const live = (wire: Wire): number => stat(wire.host, "istio_nats_subscriptions_active");
    const counting = (lines: string): Wire => {
      const wire = Wire.connected(configuredHost());
      assert.equal(wire.client("SUB ok.1 8\r\nUNSUB 8 3\r\n"), "SUB ok.1 8\r\nUNSUB 8 3\r\n");
      assert.equal(wire.client(lines), lines.replaceAll("UNSUB", `${PING}UNSUB`));
      return wire;
    };
    const one = msg("ok.1", "8");
    // nats-server 2.15.2 has ended it before it reads `UNSUB 8 4`, and keeps it otherwise.
    const reached = counting("UNSUB 8 4\r\n");
    assert.equal(reached.server(one.repeat(3) + PONG), one.repeat(3));
    assert.equal(live(reached), 0);
    const raised = counting("UNSUB 8 4\r\n");
    assert.equal(raised.server(one.repeat(2) + PONG + one), one.repeat(3));
    assert.equal(live(raised), 1);
    assert.equal(raised.server(one), one);
    assert.equal(live(raised), 0);
    const lowered = counting("UNSUB 8 5\r\nUNSUB 8 2\r\n");
    assert.equal(lowered.server(one + PONG + PONG), one);
    assert.equal(live(lowered), 1);
    assert.equal(lowered.server(one), one);
    assert.equal(live(lowered), 0);
    const below = counting("UNSUB 8 5\r\nUNSUB 8 2\r\n");
    assert.equal(below.server(one.repeat(2) + PONG), one.repeat(2));
    assert.equal(live(below), 1);
    assert.equal(below.server(PONG), "");
    assert.equal(live(below), 0);
  });

  it("goes on to the server if that already counts, because the subscription existed before filtering began", () => {
    const wire = Wire.connected(configuredHost({ rule: FILTERED }));
    const first = "SUB ok.1 1\r\nUNSUB 1 2\r\nSUB ok.* 9\r\n";
    assert.equal(wire.client(`${first}UNSUB 1 3\r\n`), `${first}${PING}UNSUB 1 3\r\n`);
    assert.equal(wire.server(PONG), "");
    const four = msg("ok.1", "1").repeat(4);
    assert.equal(wire.server(four), four, "the server ends it; what still comes is what it had sent before");
    assert.equal(wire.client(PING), `UNSUB 1\r\n${PING}`, "in case an account imports it");
  });

  it("does not count messages of a former subscription with its sid, nor those from before a second CONNECT", () => {
    const former = filtering(CONNECT);
    const again = "UNSUB 9\r\nSUB ok.* 9\r\nUNSUB 9 1\r\n";
    assert.equal(former.client(pub("ok.1") + again), `${pub("ok.1")}UNSUB 9\r\n${PING}SUB ok.* 9\r\n${PING}`);
    const [first, second] = [msg("ok.1", "9"), msg("ok.2", "9")];
    assert.equal(former.server(first + PONG + PONG + second + msg("ok.3", "9")), first + second);
    assert.equal(former.client(PING), `UNSUB 9\r\n${PING}${PING}`);

    const anew = filtering(CONNECT);
    const lines = "SUB ok.* 9\r\nUNSUB 9 1\r\n";
    assert.equal(anew.client(pub("ok.1") + CONNECT + lines), `${pub("ok.1")}${CONNECT}${PING}SUB ok.* 9\r\n${PING}`);
    assert.equal(anew.server(first + PONG + PONG + second + msg("ok.3", "9")), first + second);
    assert.equal(anew.client(PING), `UNSUB 9\r\n${PING}${PING}`);
  });

  it("does not count nats-server's own no-responders answer, which nats-server does not count either", () => {
    const wire = filtering(CONNECT);
    const block = "NATS/1.0 503\r\n\r\n";
    const unheard = `HMSG ok.1 9 ${block.length} ${block.length}\r\n${block}\r\n`;
    assert.equal(wire.client("UNSUB 9 1\r\n"), PING);
    assert.equal(wire.server(PONG + unheard + msg("ok.1", "9") + msg("ok.2", "9")), unheard + msg("ok.1", "9"));
    assert.equal(wire.client(PING), `UNSUB 9\r\n${PING}${PING}`);
  });

  it("holds for what the server delivers before it takes the UNSUB, however long that is under way", () => {
    const host = configuredHost({ rule: FILTERED });
    const wire = Wire.connected(host);
    wire.client("SUB ok.* 9\r\nUNSUB 9 1\r\n");
    assert.equal(wire.server(PONG + msg("ok.1", "9")), msg("ok.1", "9"));
    assert.equal(wire.client(PING), `UNSUB 9\r\n${PING}${PING}`);
    for (let sid = 10; sid < 310; sid++) wire.client(`SUB ok.* ${sid}\r\nUNSUB ${sid}\r\n`);
    host.tick();
    host.advance(11_000);
    host.tick();
    assert.equal(wire.server(msg("ok.2", "9").repeat(2)), "");
    assert.equal(wire.server(PONG + PONG), PONG);
  });

  it("of a member of a queue group is left to the server, so that the group loses no message after it", () => {
    const wire = filtering(CONNECT);
    const first = "SUB box.1 workers 1\r\nUNSUB 1 2\r\n";
    assert.equal(wire.client(`${first}UNSUB 1 3\r\n`), `${first}${PING}UNSUB 1 3\r\n`);
    assert.equal(wire.server(PONG), "");
    const four = msg("box.1", "1").repeat(4);
    assert.equal(wire.server(four), four, "the server ends it; what still comes is what it had sent before");
    assert.equal(wire.client(PING), `UNSUB 1\r\n${PING}`);
  });

  it("of a member of a queue group also counts what is withheld, as the server counts it", () => {
    const wire = Wire.connected(configuredHost({ rule: FILTERED, limits: { subscriptions: 2 } }));
    wire.client("SUB ok.* 9\r\n");
    for (let sid = 10; sid < 20; sid++) {
      const lines = `SUB box.inbox workers ${sid}\r\nUNSUB ${sid} 1\r\n`;
      assert.equal(wire.client(lines), sid === 10 ? lines : `UNSUB ${sid - 1}\r\n${lines}`);
      assert.equal(wire.server(msg("ok.secret", String(sid))), "");
    }
    const late = "SUB box.1 workers 20\r\n";
    assert.equal(wire.client(late), `UNSUB 19\r\n${late}`);
    assert.equal(wire.server(msg("ok.secret", "20")), "");
    assert.equal(wire.client("UNSUB 20 1\r\nSUB box.2 21\r\n"), "UNSUB 20\r\nSUB box.2 21\r\n");
  });

  it("is answered with +OK in verbose mode, while the +OK for the filter's own UNSUB does not reach the client", () => {
    const wire = filtering(VERBOSE_CONNECT);
    assert.equal(wire.client("UNSUB 9 1\r\n"), PING);
    assert.equal(wire.server(PONG), "+OK\r\n");
    assert.equal(wire.server(msg("ok.1", "9")), msg("ok.1", "9"));
    assert.equal(wire.client(pub("ok.1")), `${PING}UNSUB 9\r\n${PING}${pub("ok.1")}`);
    assert.equal(wire.server(`${PONG}+OK\r\n${PONG}+OK\r\n`), "+OK\r\n");
  });

  it("ends the subscription at once if it is already reached, at the server too", () => {
    const wire = filtering(CONNECT);
    wire.server(msg("ok.1", "9") + msg("ok.2", "9"));
    assert.equal(wire.client("UNSUB 9 2\r\n"), "UNSUB 9\r\n");
  });

  it("ends a subscription whose sid may be taken again", () => {
    const wire = filtering(CONNECT);
    wire.client("UNSUB 9 1\r\n");
    wire.server(PONG + msg("ok.1", "9"));
    assert.equal(wire.client("SUB ok.9 9\r\n"), `UNSUB 9\r\n${PING}${PING}SUB ok.9 9\r\n`);
    assert.equal(wire.server(PONG + msg("ok.1", "9")), "", "of the former one, as far as anybody knows");
    assert.equal(wire.server(PONG + msg("ok.9", "9")), msg("ok.9", "9"));
  });

  it("goes to the server without the maximum if the sid is unknown here, so that nothing continues only there", () => {
    assert.equal(filtering(CONNECT).client("UNSUB 77 5\r\n"), "UNSUB 77\r\n");
  });

  it("takes effect at once if it is not a number, as at nats-server", () => {
    for (const max of ["x", "-1", "0", "1234567890"]) {
      const line = `UNSUB 9 ${max}\r\n`;
      assert.equal(filtering(CONNECT).client(line), line);
    }
  });
});
