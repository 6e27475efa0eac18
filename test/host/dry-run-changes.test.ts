import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { policyOf, vm, tick, connected } from "./changing-policy.ts";
import type { Host } from "./host.ts";
import { auditOf, CONNECT, INFO, msg, PING, PONG, pub, publishViolation, stat, VERBOSE_CONNECT, Wire } from "./wire.ts";

describe("what only a queue entry allows, after a further CONNECT,", () => {
  const subscribe = { allow: ["work.* q"] };
  const enforced = policyOf({ subscribe });
  const observed = policyOf({ subscribe }, { mode: "DRY_RUN" });
  const SUB = "SUB work.* q 1\r\n";
  const one = msg("work.1", "1");

  it("is withheld until the PONG for a client's PING shows that nats-server has read a CONNECT sent in DRY_RUN", () => {
    const { host, wire } = connected(observed);
    wire.client(PING + CONNECT + PING + SUB);
    host.configure(enforced);
    // It may belong to a subscription from before the CONNECT, with the same sid and without the queue.
    assert.equal(wire.server(one + PONG + one), PONG);
    assert.equal(wire.server(PONG + one), PONG + one);
  });

  it("passes after the PONG for a PING that the client sends only once the policy is enforced", () => {
    const { host, wire } = connected(observed);
    wire.client(CONNECT + SUB);
    host.configure(enforced);
    assert.equal(wire.server(one), "");
    assert.equal(wire.client(PING), PING);
    assert.equal(wire.server(PONG + one), PONG + one);
  });

  it("passes after the PONG for that PING even if the texts of refusals come with it", () => {
    const { host, wire } = connected(observed);
    wire.client(CONNECT + SUB);
    host.configure(enforced);
    wire.client(PING + pub("no").repeat(2));
    assert.equal(wire.server(PONG.repeat(3) + one), PONG + publishViolation("no").repeat(2) + one);
  });

  it("passes even if the PONG for the filter's own PING came in DRY_RUN", () => {
    const { host, wire } = connected(enforced);
    assert.equal(wire.client(CONNECT + pub("no")), CONNECT + PING.repeat(2));
    host.configure(observed);
    assert.equal(wire.server(PONG), "");
    wire.client(SUB);
    host.configure(enforced);
    wire.client(PING);
    assert.equal(wire.server(PONG + one), publishViolation("no") + one);
  });

  it("is withheld before that PONG, however long DRY_RUN lasts", () => {
    const { host, wire } = connected(enforced);
    wire.client(CONNECT);
    host.configure(observed);
    wire.client(SUB);
    for (let second = 0; second < 15; second++) {
      host.advance(1000);
      host.tick();
    }
    host.configure(enforced);
    assert.equal(wire.server(one), "");
    assert.equal(wire.server(PONG + one), one);
  });

  it("is withheld after yet another CONNECT too, though time has settled the first one", () => {
    const { host, wire } = connected(observed);
    wire.client(CONNECT);
    for (let second = 0; second < 15; second++) {
      host.advance(1000);
      host.tick();
    }
    wire.client(CONNECT + SUB);
    tick(host);
    host.configure(enforced);
    assert.equal(wire.server(one), "");
  });

  it("is still withheld after a PONG from before yet another CONNECT", () => {
    const { host, wire } = connected(observed);
    wire.client(CONNECT + PING + CONNECT + SUB);
    wire.server(PONG);
    host.configure(enforced);
    assert.equal(wire.server(one), "");
  });
});

describe("what only a queue entry allows, for a sid that was used again in DRY_RUN,", () => {
  const subscribe = { allow: ["work.* q"] };
  const enforced = policyOf({ subscribe });
  const observed = policyOf({ subscribe }, { mode: "DRY_RUN" });
  /** The former one is not allowed: it has no queue. */
  const FORMER = "SUB work.* 1\r\nUNSUB 1\r\n";
  const SUB = "SUB work.* q 1\r\n";
  const one = msg("work.1", "1");

  it("is withheld until the PONG for a client's PING behind it, before which messages of the former one come", () => {
    const { host, wire } = connected(observed);
    wire.client(FORMER + PING + SUB + PING);
    host.configure(enforced);
    assert.equal(wire.server(one + PONG + one), PONG);
    assert.equal(wire.server(PONG + one), PONG + one);
  });

  it("passes after that PONG even if it came in DRY_RUN, and further PINGs are under way", () => {
    const { host, wire } = connected(observed);
    wire.client(FORMER + SUB + PING);
    wire.server(PONG);
    host.configure(enforced);
    wire.client(PING);
    assert.equal(wire.server(one), one);
  });

  it("passes after the PONG for a PING that the client sends only once the policy is enforced", () => {
    const { host, wire } = connected(observed);
    wire.client(FORMER + SUB);
    host.configure(enforced);
    for (let second = 0; second < 15; second++) {
      host.advance(1000);
      host.tick();
    }
    // No time bounds how long messages of the former one may be under way.
    assert.equal(wire.server(one), "");
    wire.client(PING);
    assert.equal(wire.server(PONG + one), PONG + one);
  });

  it("passes though the sid was used again when only half of the SUB had come before the policy was enforced", () => {
    const { host, wire } = connected(observed);
    wire.client(`${SUB}UNSUB 1\r\n${SUB.slice(0, -1)}`);
    host.configure(enforced);
    assert.equal(wire.client(SUB.slice(-1) + PING), SUB.slice(-1) + PING);
    assert.equal(wire.server(one), "");
    assert.equal(wire.server(PONG + one), PONG + one);
  });
});

describe("a connection that is ending when DRY_RUN begins", () => {
  const rule = { publish: { allow: ["ok.>"] } };

  it("ends, and passes nothing, even if it had to wait for DRY_RUN with half a line", () => {
    const { host, wire } = connected(policyOf(rule));
    wire.client("PUB ok.a 1");
    host.configure(policyOf(rule, { mode: "DRY_RUN" }));
    tick(host);
    wire.client("\rX");
    assert.equal(wire.client("\r\nz\r\nPUB secret.x 1\r\na\r\n"), "");
    for (let i = 0; i < 10; i++) tick(host);
    assert.equal(wire.connection.closed, true);
  });
});

describe("subscriptions of DRY_RUN beyond limits.subscriptions", () => {
  const limits = { subscriptions: 1 };
  const rule = { publish: { allow: ["a.1"] }, subscribe: { allow: ["a.1"] } };
  const dry = policyOf(rule, { mode: "DRY_RUN", limits });
  const enforced = policyOf(rule, { limits });

  it("are reported and counted, since ENFORCE would refuse them", () => {
    const { host, wire } = connected(dry);
    wire.client("SUB a.1 1\r\nSUB a.1 2\r\nSUB a.1 3\r\n");
    const labels = { operation: "SUB", reason: "too_many_subscriptions" };
    assert.equal(stat(host, "istio_nats_dry_run_refusals_total", labels), 2);
    assert.equal(stat(host, "istio_nats_messages_total", { operation: "SUB", verdict: "allowed" }), 3);
    const records = auditOf(host).filter(({ event }) => event === "would_refuse");
    assert.deepEqual(
      records.map(({ reason, rule, subject }) => [reason, rule, subject]),
      Array(2).fill(["too_many_subscriptions", null, "a.1"]),
    );
  });

  it("are refused once, for what the lists say, if those do not allow them either", () => {
    const { host, wire } = connected(dry);
    wire.client("SUB a.1 1\r\nSUB secret 2\r\n");
    assert.equal(stat(host, "istio_nats_dry_run_refusals_total"), 1);
    assert.equal(stat(host, "istio_nats_dry_run_refusals_total", { operation: "SUB", reason: "not_allowed" }), 1);
  });

  it("pass unrecorded, so the connection is closed when the policy is to be enforced", () => {
    const { host, wire } = connected(dry);
    const lines = "SUB a.1 1\r\nSUB secret 2\r\n";
    assert.equal(wire.client(lines), lines);
    host.configure(enforced);
    assert.equal(wire.server(msg("secret", "2")), "");
    tick(host);
    assert.ok(wire.connection.closed);
    const { reason } = auditOf(host).find(({ event }) => event === "revoked")!;
    assert.equal(reason, "too_many_subscriptions");
  });

  it("do no harm if the line ends after DRY_RUN has returned", () => {
    const { host, wire } = connected(dry);
    wire.client("SUB a.1 1\r\nSUB a.2");
    host.configure(enforced);
    wire.server(PING);
    host.configure(dry);
    assert.equal(wire.client(` 2\r\n${PING}`), ` 2\r\n${PING}`);
    assert.equal(wire.client(pub("a.3")), pub("a.3"));
  });

  it("do no harm if another policy in DRY_RUN follows, under which their messages pass and are counted", () => {
    const { host, wire } = connected(dry);
    wire.client("SUB a.1 1\r\nSUB secret 2\r\n");
    host.configure(policyOf({ publish: { allow: ["b.1"] } }, { mode: "DRY_RUN", limits }));
    const one = msg("secret", "2");
    assert.equal(wire.server(one), one);
    assert.equal(stat(host, "istio_nats_messages_total", { operation: "MSG", verdict: "allowed" }), 1);
    assert.equal(stat(host, "istio_nats_revoked_connections_total"), 0);
  });

  it("count even if their line ends after the switch", () => {
    const { host, wire } = connected(dry);
    wire.client("SUB a.1 1\r\nSUB secret");
    host.configure(enforced);
    wire.client(" 2\r\n");
    assert.equal(wire.server(msg("secret", "2")), "");
    tick(host);
    assert.ok(wire.connection.closed);
  });

  it("do no harm once a further CONNECT has ended them all", () => {
    const { host, wire } = connected({ ...policyOf({ subscribe: { allow: ["ok.>"] } }, { mode: "DRY_RUN" }), limits });
    wire.client(`SUB ok.1 1\r\nSUB ok.2 2\r\n${CONNECT}SUB ok.3 3\r\n`);
    host.configure({ ...policyOf({ subscribe: { allow: ["ok.>"] } }), limits });
    tick(host);
    assert.equal(wire.connection.closed, false);
    assert.equal(wire.server(msg("ok.3", "3")), msg("ok.3", "3"));
  });
});

describe("a maximum that is counted here when DRY_RUN begins", () => {
  const rule = { publish: { allow: ["x"] }, subscribe: { allow: ["ok.*"], deny: ["ok.no"] } };
  const enforced = policyOf(rule);
  const observed = policyOf(rule, { mode: "DRY_RUN" });

  /** A client that has set a maximum. The server has not answered yet. */
  function limited(): { host: Host; wire: Wire } {
    const { host, wire } = connected(enforced);
    assert.equal(wire.client("SUB ok.* 1\r\nUNSUB 1 2\r\n"), `SUB ok.* 1\r\n${PING}`);
    return { host, wire };
  }

  it("is passed on to the server, which alone counts it from then on", () => {
    const { host, wire } = limited();
    assert.equal(wire.server(PONG + msg("ok.a", "1")), msg("ok.a", "1"));
    host.configure(observed);
    assert.equal(wire.client(PING), `UNSUB 1 2\r\n${PING}`);
    assert.equal(wire.server(msg("ok.b", "1")), msg("ok.b", "1"));
    assert.equal(wire.client(PING), PING);
  });

  it("is passed on plus what was withheld, which the server has counted", () => {
    const { host, wire } = limited();
    assert.equal(wire.server(PONG + msg("ok.no", "1").repeat(3)), "");
    host.configure(observed);
    assert.equal(wire.client(PING), `UNSUB 1 5\r\n${PING}`);
    const two = msg("ok.a", "1") + msg("ok.b", "1");
    assert.equal(wire.server(two), two);
    assert.equal(wire.client(PING), PING);
  });

  it("holds no more for a subscription that the client has ended, whose messages pass and are counted", () => {
    const { host, wire } = connected(enforced);
    assert.equal(wire.client(`${PING}SUB ok.* 1\r\nUNSUB 1 2\r\n`), `${PING}SUB ok.* 1\r\n${PING}`);
    assert.equal(wire.server(PONG + PONG + msg("ok.a", "1")), PONG + msg("ok.a", "1"));
    assert.equal(wire.client("UNSUB 1\r\n"), "UNSUB 1\r\n");
    host.configure(observed);
    const two = msg("ok.b", "1") + msg("ok.c", "1");
    assert.equal(wire.server(two), two);
    assert.equal(stat(host, "istio_nats_messages_total", { operation: "MSG", verdict: "allowed" }), 3);
  });

  it("is passed on without withheld no-responders answers, which the server does not count", () => {
    const { host, wire } = limited();
    const block = "NATS/1.0 503\r\nNats-Subject: x\r\n\r\n";
    assert.equal(wire.server(`${PONG}HMSG ok.no 1 ${block.length} ${block.length}\r\n${block}\r\n`), "");
    host.configure(observed);
    assert.equal(wire.client(PING), `UNSUB 1 2\r\n${PING}`);
  });

  it("is passed on with all of its digits, of which nats-server reads nine at most", () => {
    for (const [maximum, told] of [
      [9, 12],
      [98, 101],
      [999_999_990, 999_999_993],
      [999_999_999, 999_999_999],
    ] as const) {
      const { host, wire } = connected(enforced);
      wire.client(`SUB ok.* 1\r\nUNSUB 1 ${maximum}\r\n`);
      assert.equal(wire.server(PONG + msg("ok.no", "1").repeat(3)), "");
      host.configure(observed);
      assert.equal(wire.client(PING), `UNSUB 1 ${told}\r\n${PING}`);
    }
  });

  it("is passed on plus what was withheld even after ENFORCE has returned", () => {
    const { host, wire } = limited();
    wire.server(PONG);
    host.configure(observed);
    wire.server(PING);
    host.configure(enforced);
    assert.equal(wire.server(msg("ok.no", "1").repeat(2)), "");
    assert.equal(wire.client(PING), `UNSUB 1 4\r\n${PING}`);
    const two = msg("ok.a", "1") + msg("ok.b", "1");
    assert.equal(wire.server(two), two);
    assert.equal(wire.client(PING), `UNSUB 1\r\n${PING}`);
  });

  it("still holds for a client that is silent then, until its next bytes inform the server", () => {
    const { host, wire } = limited();
    wire.server(PONG);
    host.configure(observed);
    const two = msg("ok.a", "1") + msg("ok.b", "1");
    assert.equal(wire.server(two + msg("ok.c", "1")), two);
    assert.equal(wire.client(PING), `UNSUB 1\r\n${PING}${PING}`);
  });

  it("is passed on to the server even if the PONG for it has not come yet", () => {
    const { host, wire } = limited();
    host.configure(observed);
    assert.equal(wire.server(msg("ok.a", "1") + PONG), msg("ok.a", "1"));
    assert.equal(wire.client(PING), `UNSUB 1 2\r\n${PING}`);
  });

  it("is passed on as the client last set it, even if a raise was under way", () => {
    const { host, wire } = limited();
    assert.equal(wire.server(PONG), "");
    assert.equal(wire.client("UNSUB 1 5\r\n"), PING);
    host.configure(observed);
    assert.equal(wire.server(msg("ok.a", "1")), msg("ok.a", "1"));
    assert.equal(wire.client(PING), PING);
    assert.equal(wire.server(PONG), "");
    assert.equal(wire.client(PING), `UNSUB 1 5\r\n${PING}`);
  });

  it("is passed on as the client last set it, even if that was while DRY_RUN waited for the PONG of the first", () => {
    const { host, wire } = limited();
    host.configure(observed);
    assert.equal(wire.client("UNSUB 1 5\r\n"), PING);
    assert.equal(wire.server(PONG + PONG), "");
    assert.equal(wire.client(PING), `UNSUB 1 5\r\n${PING}`);
  });

  it("still holds if ENFORCE returns before the server was informed", () => {
    const { host, wire } = limited();
    wire.server(PONG);
    host.configure(observed);
    assert.equal(wire.server(PING), PING);
    host.configure(enforced);
    const two = msg("ok.a", "1") + msg("ok.b", "1");
    assert.equal(wire.server(two + msg("ok.c", "1")), two);
    assert.equal(wire.client(PING), `UNSUB 1\r\n${PING}${PING}`);
  });

  it("ends a subscription there that had already received that many messages", () => {
    const { host, wire } = limited();
    host.configure(observed);
    const two = msg("ok.a", "1") + msg("ok.b", "1");
    assert.equal(wire.server(two + PONG), two);
    assert.equal(wire.client(PING), `UNSUB 1\r\n${PING}${PING}`);
  });
});

describe("a maximum that nats-server was told under ENFORCE and that is reached in DRY_RUN", () => {
  const rights = (...allow: string[]): object => ({ publish: { allow: ["p"] }, subscribe: { allow } });

  it("ends the connection if its sid is used again under ENFORCE, since an import may go on under it", () => {
    const { host, wire } = connected(policyOf(rights("a.1", "b.1")));
    assert.equal(wire.client("SUB a.1 7\r\nUNSUB 7 1\r\n"), "SUB a.1 7\r\nUNSUB 7 1\r\n");
    host.configure(policyOf(rights("a.1", "b.1"), { mode: "DRY_RUN" }));
    assert.equal(wire.server(msg("a.1", "7")), msg("a.1", "7"));
    // Which makes it forgotten.
    for (let second = 0; second < 15; second++) {
      host.advance(1000);
      host.tick();
    }
    host.configure(policyOf(rights("b.1")));
    wire.client("SUB b.1 7\r\n");
    assert.equal(wire.server(msg("a.1", "7", "secret")), "");
    tick(host);
    assert.equal(wire.connection.closedByFilter, true);
  });
});

describe("DRY_RUN, which edits nothing,", () => {
  const filtered = { publish: { allow: ["a"] }, subscribe: { allow: ["a.>"], deny: ["a.secret"] } };
  const observed = policyOf(filtered, { mode: "DRY_RUN" });

  it("begins after a delivery that is being withheld", () => {
    const { host, wire } = connected(policyOf(filtered));
    wire.client("SUB a.* 1\r\n");
    const kept = msg("a.secret", "1", "0123456789");
    assert.equal(wire.server(kept.slice(0, -8)), "");
    host.configure(observed);
    assert.equal(wire.server(kept.slice(-8, -4)), "");
    assert.equal(wire.server(kept.slice(-4) + msg("a.1", "1")), msg("a.1", "1"));
    assert.equal(wire.server(kept), kept);
  });

  it("begins at once behind a delivery that was withheld", () => {
    const { host, wire } = connected(policyOf(filtered));
    wire.client("SUB a.* 1\r\n");
    assert.equal(wire.server(msg("a.secret", "1", "0123456789")), "");
    host.configure(observed);
    assert.equal(wire.client("+OK\r\n"), "+OK\r\n");
  });

  it("begins after a line of which a part is held, in either direction, so that the whole of it passes", () => {
    const { host, wire } = connected(policyOf(filtered));
    wire.client("SUB a.* 1\r\n");
    const line = pub("a", "x");
    assert.equal(wire.client(line.slice(0, 5)), "");
    host.configure(observed);
    assert.equal(wire.client(line.slice(5)), line);
    // What DRY_RUN lets pass, and only that.
    assert.equal(wire.client("+OK\r\n"), "+OK\r\n");
    host.configure(policyOf(filtered));
    const message = msg("a.1", "1", "x");
    assert.equal(wire.server(message.slice(0, 5)), "");
    host.configure(observed);
    assert.equal(wire.server(message.slice(5)), message);
    assert.equal(wire.client("+OK\r\n"), "+OK\r\n");
  });

  it("begins at once in the middle of a line whose beginning passed in an earlier DRY_RUN, in either direction", () => {
    for (const side of ["client", "server"] as const) {
      const { host, wire } = connected(observed);
      const line = side === "client" ? pub("no", "x") : msg("a.1", "1", "x");
      wire[side](line.slice(0, 5));
      host.configure(policyOf(filtered));
      tick(host);
      host.configure(observed);
      const rest = `${line.slice(5)}garbage\r\n${line.slice(0, 5)}`;
      assert.equal(wire[side](rest), rest);
      assert.equal(wire[side](rest), rest);
    }
  });

  it("lets a peer without rights in that speaks before its INFO has come whole, part of which was held under ENFORCE", () => {
    const nobody = { from: [{ namespaces: ["none"] }], ...filtered };
    const host = vm();
    host.configure(policyOf(nobody));
    const wire = new Wire(host);
    assert.equal(wire.server(INFO.slice(0, 20)), "");
    host.configure(policyOf(nobody, { mode: "DRY_RUN" }));
    assert.equal(wire.client(CONNECT + pub("no")), CONNECT + pub("no"));
    assert.equal(wire.server(INFO.slice(20)), INFO);
    tick(host);
    assert.ok(!wire.connection.closed);
  });

  it("begins after the text of a refusal that waits for its PONG, even after the client's own", () => {
    const { host, wire } = connected(policyOf(filtered));
    assert.equal(wire.client(PING + pub("no")), PING + PING);
    host.configure(observed);
    assert.equal(wire.server(PONG + PONG), PONG + publishViolation("no"));
    assert.equal(wire.client(pub("no")), pub("no"));
  });

  it("begins after the +OK for an UNSUB of the filter's own", () => {
    const { host, wire } = connected(policyOf(filtered), VERBOSE_CONNECT);
    wire.client("SUB a.* 1\r\nUNSUB 1 1\r\n");
    wire.server(`+OK\r\n+OK\r\n${PONG}`);
    assert.equal(wire.server(msg("a.1", "1")), msg("a.1", "1"));
    assert.equal(wire.client("PONG\r\n"), `${PING}UNSUB 1\r\n${PING}PONG\r\n`);
    assert.equal(wire.server(PONG), "");
    host.configure(observed);
    assert.equal(wire.server("+OK\r\n" + PONG), "");
    assert.equal(wire.server("+OK\r\n"), "+OK\r\n");
  });

  it("begins after the +OK for an UNSUB of the filter's own behind which it sends no PING", () => {
    const { host, wire } = connected(policyOf(filtered), VERBOSE_CONNECT);
    wire.client(`${PING}SUB a.1 1\r\nUNSUB 1 1\r\n`);
    wire.server(`${PONG}+OK\r\n+OK\r\n${msg("a.1", "1")}`);
    assert.equal(wire.client("PONG\r\n"), `${PING}UNSUB 1\r\nPONG\r\n`);
    assert.equal(wire.server(PONG), "");
    host.configure(observed);
    assert.equal(wire.server("+OK\r\n"), "");
    assert.equal(wire.server("+OK\r\n"), "+OK\r\n");
  });

  it("begins after the UNSUB of a maximum that is reached, beyond which nothing passes until then", () => {
    const { host, wire } = connected(policyOf(filtered));
    const message = msg("a.1", "1");
    wire.client(`${PING}SUB a.* 1\r\nUNSUB 1 1\r\n`);
    assert.equal(wire.server(PONG + PONG + message), PONG + message);
    host.configure(observed);
    tick(host);
    assert.equal(wire.server(message), "");
    assert.equal(wire.client(PING), `UNSUB 1\r\n${PING}${PING}`);
  });

  it("begins after the INFO that waits for the client's own first PONG", () => {
    const { host, wire } = connected(policyOf(filtered));
    const info = INFO.replace("{", '{"connect_info":true,');
    wire.client(pub("no"));
    assert.equal(wire.server(PONG + info), publishViolation("no"));
    host.configure(observed);
    assert.equal(wire.client(PING), PING);
    assert.equal(wire.server(PONG), PONG + info);
    assert.equal(wire.client(pub("no") + "+OK\r\n"), `${pub("no")}+OK\r\n`);
  });

  describe("begins after the INFO that is still to come behind the PONG of the filter's PING,", () => {
    const CONNECT_INFO = 'INFO {"connect_info":true,"headers":true,"max_payload":1048576} \r\n';

    /** A client whose first PING follows a refusal, once nats-server has answered only that. */
    function answered(info: string, connect: string): { host: Host; wire: Wire } {
      const host = vm();
      host.configure(policyOf(filtered));
      const wire = Wire.connected(host, { info, connect });
      assert.equal(wire.client(pub("no") + PING), PING + PING);
      host.configure(observed);
      assert.equal(wire.server(PONG), publishViolation("no"));
      return { host, wire };
    }

    it("so that it reaches the client behind its own first PONG, wherever nats-server's bytes are cut", () => {
      // nats-server sends it since 2.12.
      for (const version of ["2.12.0", "2.15.2"]) {
        const { wire } = answered(INFO.replace("2.15.2", version), CONNECT);
        const cut = 30;
        assert.equal(wire.server(CONNECT_INFO.slice(0, cut)), "", version);
        assert.equal(wire.server(CONNECT_INFO.slice(cut) + PONG), PONG + CONNECT_INFO);
        assert.equal(wire.client("+OK\r\n"), "+OK\r\n");
      }
    });

    // DRY_RUN lets an +OK of the client's pass, which is left out otherwise.
    const OTHERS: [who: string, info: string, connect: string][] = [
      ["a client that takes no further INFO", INFO, CONNECT.replace(',"protocol":1', "")],
      ["a client that says so", INFO, CONNECT.replace('"protocol":1', '"protocol":0')],
      ["a nats-server before 2.12, which sends none", INFO.replace("2.15.2", "2.11.16"), CONNECT],
    ];
    for (const [who, info, connect] of OTHERS) {
      it(`and at once for ${who}`, () => {
        const { wire } = answered(info, connect);
        assert.equal(wire.client("+OK\r\n"), "+OK\r\n");
      });
    }
  });

  it("does not keep the INFO for the client's first PING until its next one, where that PING went in DRY_RUN", () => {
    const { host, wire } = connected(observed);
    assert.equal(wire.client(PING), PING);
    host.configure(policyOf(filtered));
    assert.equal(wire.client(pub("no")), PING);
    const info = 'INFO {"connect_info":true,"headers":true,"max_payload":1048576} \r\n';
    assert.equal(wire.server(PONG + info + PONG), PONG + info + publishViolation("no"));
  });
});
