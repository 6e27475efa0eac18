import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { policyOf, TICK, tick, connected, ended, unsub } from "./changing-policy.ts";
import { auditOf, CONNECT, msg, PING, PONG, pub, Wire } from "./wire.ts";

describe("a sid that was used again while it was live", () => {
  const publish = { allow: ["a.>"] };
  const both = policyOf({ publish, subscribe: { allow: ["a.1", "a.2"] } });
  const first = policyOf({ publish, subscribe: { allow: ["a.1"] } });

  it("ends with the next policy, because nobody knows which subject the server has for it", () => {
    const { host, wire } = connected(both);
    // The server may have refused the first one, for a limit of its own.
    const lines = "SUB a.1 1\r\nSUB a.2 1\r\n";
    assert.equal(wire.client(lines), lines);
    assert.equal(wire.server(msg("a.2", "1")), msg("a.2", "1"));
    host.configure(first);
    assert.equal(wire.server(msg("a.2", "1")), ended("a.1", "1"));
    assert.equal(wire.client(PING), `${unsub("1")}${PING}`);
    assert.equal(wire.server(PONG.repeat(2)), PONG);
  });

  it("ends then even if a maximum would end it that only the first one has reached", () => {
    const { host, wire } = connected(both);
    wire.client("SUB a.1 1\r\nSUB a.1 1\r\nSUB a.2 1\r\n");
    wire.server(msg("a.1", "1").repeat(3));
    assert.equal(wire.client("UNSUB 1 2\r\n"), "UNSUB 1 2\r\n");
    host.configure(first);
    assert.equal(wire.client(PING), `${unsub("1")}${PING}`);
  });

  it("brings nothing that is denied to members of any group, if another group was named the second time", () => {
    const rule = policyOf({ publish, subscribe: { allow: ["a.>"], deny: ["a.no q"] } });
    for (const [again, passes] of [
      ["SUB a.* r 1\r\n", true],
      ["SUB a.* s 1\r\n", false],
    ] as const) {
      const { wire } = connected(rule);
      const lines = `SUB a.* r 1\r\n${again}`;
      assert.equal(wire.client(lines), lines);
      assert.equal(wire.server(msg("a.no", "1")), passes ? msg("a.no", "1") : "");
      assert.equal(wire.server(msg("a.1", "1")), msg("a.1", "1"));
    }
  });

  it("is not taken for ended because of messages of its former holder", () => {
    const { host, wire } = connected(both);
    wire.client(`SUB a.1 1\r\n${pub("a.1").repeat(3)}UNSUB 1\r\nSUB a.2 1\r\nUNSUB 1 3\r\n`);
    wire.server(msg("a.1", "1").repeat(3) + PONG);
    host.configure(first);
    assert.equal(wire.server(msg("a.2", "1")), ended("a.2", "1"));
    assert.equal(wire.client(PING), `${unsub("1")}${PING}`);
  });

  it("is not taken for ended because of messages from before a second CONNECT", () => {
    for (const mode of ["ENFORCE", "DRY_RUN"]) {
      const { host, wire } = connected(policyOf({ publish, subscribe: { allow: ["a.1", "a.2"] } }, { mode }));
      wire.client(`SUB a.1 1\r\n${pub("a.1")}${CONNECT}SUB a.2 1\r\nUNSUB 1 1\r\n`);
      wire.server(msg("a.1", "1") + (mode === "ENFORCE" ? PONG : ""));
      host.configure(first);
      assert.equal(wire.server(msg("a.2", "1")), ended("a.2", "1"), mode);
      assert.equal(wire.client(PING), `${unsub("1")}${PING}`);
    }
  });

  it("is known again after a second CONNECT in DRY_RUN, once nothing from before can be under way", () => {
    const rule = { publish, subscribe: { allow: ["a.1"] } };
    const limits = { subscriptions: 10 };
    const { host, wire } = connected(policyOf(rule, { mode: "DRY_RUN", limits }));
    wire.client(CONNECT);
    for (let second = 0; second <= 20; second++) {
      host.advance(1000);
      host.tick();
    }
    for (let sid = 1; sid <= 20; sid++) {
      wire.client(`SUB a.1 ${sid}\r\nUNSUB ${sid} 1\r\n`);
      wire.server(msg("a.1", String(sid)));
    }
    host.configure(policyOf(rule, { limits }));
    assert.equal(wire.client("SUB a.1 99\r\n"), "SUB a.1 99\r\n");
  });

  it("closes the connection if it may be a queue group member's, unless bytes of the client take its UNSUB along", () => {
    const { host, wire } = connected(both);
    const speaker = Wire.connected(host);
    for (const member of [wire, speaker]) member.client("SUB a.1 1\r\nSUB a.1 workers 1\r\n");
    host.configure(first);
    assert.equal(speaker.client(PING), `${unsub("1")}${PING}`);
    tick(host);
    tick(host);
    assert.ok(wire.connection.closed);
    assert.ok(!speaker.connection.closed);
  });

  it("is audited as ended by no rule, although a rule allows the subject that it had first", () => {
    const { host, wire } = connected(both);
    wire.client("SUB a.1 1\r\nSUB a.2 1\r\n");
    host.configure(first);
    wire.client(PING);
    const { event, reason, rule } = auditOf(host).at(-1)!;
    assert.deepEqual({ event, reason, rule }, { event: "revoked", reason: "not_allowed", rule: null });
  });

  it("continues with the same subject while the policy allows that, and ends like any other", () => {
    const { host, wire } = connected(both);
    wire.client("SUB a.1 1\r\nSUB a.1 1\r\n");
    wire.server(msg("a.1", "1"));
    host.configure(first);
    assert.equal(wire.server(msg("a.1", "1")), msg("a.1", "1"));
    host.configure(policyOf({ publish, subscribe: { allow: ["a.2"] } }));
    assert.equal(wire.server(msg("a.1", "1")), ended("a.1", "1"));
    assert.equal(wire.client(PING), `${unsub("1")}${PING}`);
  });
});

describe("a sid that was used again when its former subscription was forgotten", () => {
  const publish = { allow: ["a.>"] };
  const both = policyOf({ publish, subscribe: { allow: ["a.>", "b.>"] } });
  const first = policyOf({ publish, subscribe: { allow: ["a.>"] } });
  const ends = (from: number, count: number): string =>
    Array.from({ length: count }, (_, i) => `SUB a.1 ${from + i}\r\nUNSUB ${from + i}\r\n`).join("");

  for (const why of ["256 more had ended", "ten seconds had passed"]) {
    it(`brings nothing of that under a policy that forbids it, where ${why}`, () => {
      for (const sid of ["1", "x", "1234567890"]) {
        const { host, wire } = connected(both);
        wire.client(`SUB b.> ${sid}\r\nUNSUB ${sid}\r\n`);
        if (why === "256 more had ended") wire.client(ends(2, 256));
        else for (let ticks = 0; ticks <= 12_000 / TICK; ticks++) tick(host);
        assert.equal(wire.client(`SUB a.> ${sid}\r\n`), `${PING}SUB a.> ${sid}\r\n`);
        host.configure(first);
        // What nats-server has kept for a client that does not read.
        assert.equal(wire.server(msg("b.1", sid) + msg("a.1", sid)), msg("a.1", sid));
        // From its answer on all that comes is of the new one, as what a JetStream consumer delivers there on any subject.
        assert.equal(wire.server(PONG + msg("b.1", sid)), msg("b.1", sid));
      }
    });
  }

  it("is not taken for ended because of what waited for that", () => {
    const { host, wire } = connected(both);
    wire.client(`SUB a.1 1\r\n${pub("a.1").repeat(3)}UNSUB 1\r\n${ends(2, 256)}SUB b.1 1\r\nUNSUB 1 3\r\n`);
    wire.server(msg("a.1", "1").repeat(3) + PONG);
    host.configure(first);
    assert.equal(wire.client(PING), `${unsub("1")}${PING}`);
  });

  it("costs no PING where the client counts upwards, and no second one once nats-server has answered", () => {
    const { wire } = connected(both);
    const lines = `${ends(1, 300)}SUB a.1 301\r\n`;
    assert.equal(wire.client(lines), lines);
    assert.equal(wire.client("SUB a.1 1\r\n"), `${PING}SUB a.1 1\r\n`);
    assert.equal(wire.client("SUB a.1 2\r\n"), `${PING}SUB a.1 2\r\n`);
    assert.equal(wire.server(PONG), "");
    assert.equal(wire.client("SUB a.1 3\r\n"), "SUB a.1 3\r\n");
  });

  it("costs a PING also once nats-server has answered one that came before others were forgotten", () => {
    const { wire } = connected(both);
    wire.client(`${ends(1, 300)}SUB a.1 1\r\n${ends(301, 300)}`);
    assert.equal(wire.server(PONG), "");
    assert.equal(wire.client("SUB a.1 300\r\n"), `${PING}SUB a.1 300\r\n`);
  });
});

describe("a sid that was used again behind a maximum, so that nats-server may deliver on for it whatever it is told,", () => {
  const publish = { allow: ["a.>"] };
  const both = policyOf({ publish, subscribe: { allow: ["a.>", "b.>"] } });
  const first = policyOf({ publish, subscribe: { allow: ["a.>"] } });
  const AGAIN = "SUB a.1 1\r\nUNSUB 1 1\r\nUNSUB 1\r\nSUB b.1 1\r\n";
  const inDryRun = policyOf({ publish, subscribe: { allow: ["a.>"] } }, { mode: "DRY_RUN" });

  it("makes the next policy end the connection", () => {
    const lines = [
      AGAIN,
      `${AGAIN}UNSUB 1\r\nSUB a.2 1\r\n`,
      `${AGAIN}${CONNECT}SUB a.2 2\r\n`,
      "SUB a.1 x\r\nUNSUB x 1\r\nSUB b.1 x\r\n",
      "SUB a.1 7\r\nUNSUB 7 1\r\nSUB b.1 5\r\n",
      "SUB a.1 2\r\nSUB a.1 7\r\nUNSUB 7 1\r\nUNSUB 2 1\r\nSUB b.1 5\r\n",
      "SUB a.1 1234567890\r\nUNSUB 1234567890 1\r\nSUB b.1 1234567890\r\n",
    ];
    for (const some of lines) {
      const { host, wire } = connected(both);
      wire.client(some);
      host.configure(first);
      assert.equal(wire.server(PONG.repeat(3) + msg("b.1", "1")), "", some);
      tick(host);
      assert.equal(wire.connection.closedByFilter, true, some);
    }
  });

  it("makes the next policy end the connection also if the maximum was told by the filter, which had counted it", () => {
    const rights = { publish, subscribe: { allow: ["a.>", "b.>"], deny: ["a.secret"] } };
    const { host, wire } = connected(policyOf(rights));
    assert.equal(wire.client("SUB a.> 1\r\nUNSUB 1 9\r\n"), `SUB a.> 1\r\n${PING}`);
    wire.server(PONG);
    host.configure(policyOf(rights, { mode: "DRY_RUN" }));
    assert.equal(wire.client(PING), `UNSUB 1 9\r\n${PING}`);
    host.configure(policyOf(rights));
    wire.client("UNSUB 1\r\nSUB b.1 1\r\n");
    host.configure(first);
    assert.equal(wire.server(PONG.repeat(2) + msg("b.1", "1")), "");
    tick(host);
    assert.ok(wire.connection.closedByFilter);
  });

  it("makes ENFORCE end the connection if that was in DRY_RUN, and DRY_RUN does not", () => {
    for (const some of [AGAIN, "UNSUB 1 1\r\nSUB b.1 1\r\n"]) {
      const { host, wire } = connected(inDryRun);
      wire.client(some);
      host.configure(policyOf({ publish, subscribe: { allow: ["b.>"] } }, { mode: "DRY_RUN" }));
      assert.equal(wire.server(msg("b.1", "1")), msg("b.1", "1"));
      host.configure(first);
      assert.equal(wire.server(msg("b.1", "1")), "", some);
      tick(host);
      assert.equal(wire.connection.closedByFilter, true, some);
    }
  });

  it("ends the connection under ENFORCE if the maximum was told in DRY_RUN and forgotten, as an import may go on", () => {
    const enforced = policyOf({ publish, subscribe: { allow: ["b.>"] } });
    const forgotten = (mode: "ENFORCE" | "DRY_RUN", bySecondConnect = false): ReturnType<typeof connected> => {
      const made = connected(policyOf({ publish, subscribe: { allow: ["a.>", "b.>"] } }, { mode }));
      made.wire.client("SUB a.1 1\r\nUNSUB 1 1\r\n");
      if (bySecondConnect) made.wire.client(CONNECT);
      made.wire.server(msg("a.1", "1"));
      made.wire.client(PING);
      made.wire.server(PONG);
      for (let second = 0; second <= 20; second++) {
        made.host.advance(1000);
        made.host.tick();
      }
      made.host.configure(enforced);
      return made;
    };
    for (const bySecondConnect of [false, true]) {
      const { host, wire } = forgotten("DRY_RUN", bySecondConnect);
      assert.equal(wire.client("SUB b.2 2\r\n"), "SUB b.2 2\r\n");
      assert.equal(wire.client("SUB b.1 1\r\n"), "");
      assert.equal(wire.server(msg("a.1", "1")), "");
      tick(host);
      assert.ok(wire.connection.closedByFilter);
    }
    // Here nats-server was told.
    assert.equal(forgotten("ENFORCE").wire.client("SUB b.1 1\r\n"), `${PING}SUB b.1 1\r\n`);
  });

  it("is not ended by the UNSUB of the former one that is still to go, if half of its SUB went before in DRY_RUN", () => {
    const { host, wire } = connected(first);
    wire.client("SUB a.1 1\r\nUNSUB 1 1\r\n");
    host.configure(inDryRun);
    assert.equal(wire.client("SUB a.2 1\r"), "SUB a.2 1\r");
    host.configure(first);
    assert.equal(wire.server(msg("a.1", "1")), msg("a.1", "1"));
    host.configure(inDryRun);
    assert.equal(wire.client(`\n${PING}`), `\n${PING}`);
    assert.equal(wire.server(msg("a.2", "1") + PONG), msg("a.2", "1") + PONG);
  });

  it("keeps deliveries filtered behind a further CONNECT", () => {
    const { wire } = connected(policyOf({ publish, subscribe: { allow: [">"], deny: ["secret"] } }));
    wire.client(`SUB a.1 1\r\nUNSUB 1 1\r\nUNSUB 1\r\nSUB > 1\r\n${CONNECT}SUB a.2 2\r\n`);
    assert.equal(wire.server(PONG.repeat(2)), "");
    const rest = msg("a.2", "2");
    assert.equal(wire.server(msg("secret", "1") + rest + msg("secret", "2")), rest);
  });

  it("is none of clients that count upwards, nor of those without maxima at the server", () => {
    const filtered = policyOf({ publish, subscribe: { allow: ["a.>"], deny: ["a.secret"] } });
    const limited = policyOf({ publish, subscribe: { allow: ["a.>", "b.>"] } }, { limits: { subscriptions: 1 } });
    for (const [before, some] of [
      [both, "SUB a.1 1\r\nUNSUB 1 1\r\nSUB a.2 2\r\nUNSUB 2 9\r\nSUB a.3 10\r\n"],
      [both, "SUB a.1 1\r\nUNSUB 1\r\nSUB a.2 1\r\nSUB a.3 x\r\nUNSUB x\r\nSUB a.3 x\r\n"],
      // The limit refuses what uses the sid again.
      [limited, "SUB a.1 1\r\nUNSUB 1 9\r\nSUB a.2 1\r\n"],
      // This maximum is counted here.
      [filtered, "SUB a.> 1\r\nUNSUB 1 1\r\nUNSUB 1\r\nSUB a.2 1\r\n"],
    ] as const) {
      const { host, wire } = connected(before);
      wire.client(some);
      host.configure(first);
      assert.equal(wire.server(msg("a.9", "77")), msg("a.9", "77"));
      tick(host);
      assert.equal(wire.connection.closed, false, some);
    }
  });
});

describe("a revoked subscription whose sid is used again", () => {
  const publish = { allow: ["a.>"] };
  const both = { publish, subscribe: { allow: ["a.>", "no.>"] } };
  const less = policyOf({ publish, subscribe: { allow: ["a.>"] } });

  it("has its messages withheld from the client as long as they may be under way", () => {
    const { host, wire } = connected(policyOf(both));
    wire.client("SUB no.x 9\r\n");
    host.configure(less);
    assert.equal(wire.client("SUB a.1 9\r\n"), `${unsub("9")}${PING}SUB a.1 9\r\n`);
    const notice = ended("no.x", "9");
    assert.equal(wire.server(msg("no.x", "9") + PONG.repeat(2) + msg("a.1", "9")), notice + msg("a.1", "9"));
  });

  it("is forgotten with the PONG behind its UNSUB also after a further CONNECT, so that its sid is free", () => {
    const { host, wire } = connected(policyOf(both));
    wire.client("SUB no.x 9\r\n");
    host.configure(less);
    assert.equal(wire.client(CONNECT), `${unsub("9")}${CONNECT}${PING}`);
    assert.equal(wire.server(PONG.repeat(2)), ended("no.x", "9"));
    assert.equal(wire.client("SUB a.1 9\r\n"), "SUB a.1 9\r\n");
  });

  it("makes way for one that began in DRY_RUN if the server has been informed of its end, even if another does not", () => {
    const deny = { publish, subscribe: { allow: ["a.>", "no.>"], deny: ["a.secret"] } };
    const { host, wire } = connected(policyOf(deny));
    wire.client(`${PING}SUB a.* 9\r\nSUB no.x 8\r\nUNSUB 9 1\r\n`);
    wire.server(PONG.repeat(2) + msg("a.1", "9"));
    assert.equal(wire.client(PING), `UNSUB 9\r\n${PING}${PING}`);
    wire.server(PONG + PONG);
    host.configure(policyOf(deny, { mode: "DRY_RUN" }));
    assert.equal(wire.client("SUB a.2 9\r"), "SUB a.2 9\r");
    host.configure(policyOf({ publish, subscribe: { allow: ["a.>"], deny: ["a.secret"] } }));
    assert.equal(wire.client("\n"), "\n");
    assert.equal(wire.server(msg("a.2", "9")), ended("no.x", "8") + msg("a.2", "9"));
  });

  it("is not replaced by a SUB that began in DRY_RUN, which the server ignores", () => {
    const { host, wire } = connected(policyOf(both, { mode: "DRY_RUN" }));
    wire.client("SUB no.x 9\r\nSUB a.1 9\r");
    host.configure(less);
    assert.equal(wire.client("\n"), "\n");
    assert.equal(wire.server(msg("no.x", "9")), ended("no.x", "9"));
    assert.equal(wire.client(PING), `${unsub("9")}${PING}`);
  });

  it("is forgotten with the PONG that begins the new one, whose messages pass though the client has ended it", () => {
    const { host, wire } = connected(policyOf(both));
    wire.client("SUB no.x 9\r\n");
    host.configure(less);
    assert.equal(wire.client(PING), `${unsub("9")}${PING}`);
    assert.equal(wire.client("SUB a.1 9\r\n"), `${PING}SUB a.1 9\r\n`);
    assert.equal(wire.server(PONG), ended("no.x", "9"));
    assert.equal(wire.client("UNSUB 9\r\n"), "UNSUB 9\r\n");
    // What nats-server has delivered before it read the UNSUB, as a client waits for that drains its subscription.
    assert.equal(wire.server(PONG.repeat(2) + msg("a.1", "9", "x")), PONG + msg("a.1", "9", "x"));
  });
});
