import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { policyOf, vm, tick, connected, unsub } from "./changing-policy.ts";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import { auditOf, CONNECT, msg, PING, PONG, pub, publishViolation, stat, Wire } from "./wire.ts";

describe("a line that began in DRY_RUN and cannot be read", () => {
  it("is followed by nothing, not even from nats-server", () => {
    const { host, wire } = connected(policyOf({ subscribe: { allow: ["ok.>"] } }, { mode: "DRY_RUN" }));
    wire.client("SUB secret 1\r\n");
    wire.server("MSG ok.a");
    host.configure(policyOf({ subscribe: { allow: ["ok.>"] } }));
    assert.doesNotMatch(wire.server(` \r\n${msg("secret", "1", "zz")}`), /MSG/);
  });

  const rule = { publish: { allow: ["ok.>"] }, subscribe: { allow: ["ok.*"], deny: ["ok.no"] } };
  const observed = policyOf(rule, { mode: "DRY_RUN" });

  it("is the last that the client reads if it is a PONG that ends the connection", () => {
    const { host, wire } = connected(observed);
    wire.server("PO");
    host.configure(policyOf(rule));
    assert.equal(wire.client("PUB ok.a 99999999\r\n"), `${PING}?\r\n`);
    assert.equal(wire.server(`NG\r\n${msg("ok.no", "1", "secret")}`), "NG\r\n");
  });

  it("is one error, told as what it is and as what ends the connection, from either side", () => {
    for (const [from, line, kind] of [
      ["client", "PUB ok.a 1 2 x\r\n", "bad_arguments"],
      ["server", "MSG ok.a 1 x\r\n", "server"],
    ] as const) {
      const { host, wire } = connected(observed);
      wire[from](line.slice(0, 9));
      host.configure(policyOf(rule));
      wire[from](line.slice(9));
      const errors = auditOf(host).filter(({ event }) => String(event).startsWith("unreadable"));
      assert.deepEqual(
        errors.map((error) => [error["event"], error["kind"]]),
        [["unreadable", kind]],
      );
      assert.equal(stat(host, "istio_nats_protocol_errors_total"), 1, from);
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { mode: "ENFORCE" }), 1, from);
      tick(host);
      assert.equal(wire.connection.closedByFilter, true, from);
    }
  });

  it("passes with all that follows if DRY_RUN returns in the middle of it, wherever it is cut, from either side", () => {
    for (const [from, line] of [
      ["client", "PUB ok.a 1 2 x\r\n"],
      ["server", "MSG ok.a 1 x\r\n"],
    ] as const) {
      for (let first = 5; first < line.length; first++) {
        for (const second of [first, line.length - 1]) {
          const { host, wire } = connected(observed);
          wire.client("SUB ok.* 1\r\n");
          const read = [wire[from](line.slice(0, first))];
          host.configure(policyOf(rule));
          if (second > first) read.push(wire[from](line.slice(first, second)));
          tick(host);
          host.configure(observed);
          for (const bytes of [line.slice(second), "what nobody reads\r\n"]) read.push(wire[from](bytes));
          assert.equal(read.join(""), `${line}what nobody reads\r\n`, `cut at ${first} and ${second}`);
          for (let i = 0; i < 10; i++) tick(host);
          assert.equal(wire.connection.closed, false);
        }
      }
    }
  });

  it("ends the connection if DRY_RUN returns while something else is withheld, which would be lost", () => {
    const { host, wire } = connected(observed);
    wire.client("SUB ok.* 1\r\nPUB ok.a 1 2");
    host.configure(policyOf(rule));
    assert.equal(wire.server("MSG ok.no 1 9\r\nsecret"), "");
    host.configure(observed);
    wire.client(" x\r\n");
    assert.equal(wire.server("zzz\r\n"), "");
    for (let i = 0; i < 10; i++) tick(host);
    assert.equal(wire.connection.closed, true);
  });
});

describe("a CONNECT that began in DRY_RUN", () => {
  const rights = (...allow: string[]): object => ({ publish: { allow: ["p"] }, subscribe: { allow } });

  /** Behind its first nine bytes ENFORCE has begun, whose deny the subscription overlaps. */
  function begunUnderFilter(): { host: Host; wire: Wire } {
    const rule = { subscribe: { allow: ["ok.>"], deny: ["ok.no"] } };
    const { host, wire } = connected(policyOf(rule, { mode: "DRY_RUN" }));
    wire.client("SUB ok.* 1\r\n");
    wire.client(CONNECT.slice(0, 9));
    host.configure(policyOf(rule));
    return { host, wire };
  }

  it("ends what was granted before it", () => {
    const answers = { subscribe: { allow: ["ok.>"] }, allow_responses: { max: 9, expires: "1m" } };
    const { host, wire } = connected(policyOf(answers, { mode: "DRY_RUN" }));
    wire.client("SUB ok.1 1\r\n");
    wire.server(msg("ok.1", "1", "", "r.1"));
    wire.client(CONNECT.slice(0, 9));
    host.configure(policyOf(answers));
    wire.client(CONNECT.slice(9));
    assert.equal(wire.client(pub("r.1")), PING);
  });

  it("leaves the filter of deliveries on, since nats-server may have delivered before it", () => {
    const { host, wire } = begunUnderFilter();
    // A subscription that needs no filter. What the client has not read waits longer than its former one is remembered.
    wire.client(`${CONNECT.slice(9)}SUB ok.a 1\r\n`);
    for (let i = 0; i < 40; i++) tick(host);
    assert.equal(wire.server(msg("ok.no", "1", "secret") + msg("ok.a", "1", "x")), msg("ok.a", "1", "x"));
  });

  it("lets nothing denied through, which nats-server may have delivered before it", () => {
    const { wire } = begunUnderFilter();
    wire.client(CONNECT.slice(9));
    assert.equal(wire.server(msg("ok.no", "1", "secret") + msg("ok.a", "1")), msg("ok.a", "1"));
    wire.client("SUB ok.* 1\r\n");
    assert.equal(wire.server(msg("ok.no", "1", "secret") + msg("ok.a", "1")), msg("ok.a", "1"));
  });

  it("leaves what rules in DRY_RUN would keep back reported, since nats-server may have delivered it before", () => {
    const from = [{ principals: ["*"] }];
    const policies = (mode: string): object => ({
      mode,
      trustDomains: ["cluster.local"],
      rules: [
        { name: "all", from, subscribe: { allow: ["ok.>"] } },
        { name: "trial", mode: "DRY_RUN", from, subscribe: { deny: ["ok.no"] } },
      ],
    });
    const { host, wire } = connected(policies("DRY_RUN"));
    wire.client(`SUB ok.> 1\r\n${CONNECT.slice(0, 9)}`);
    host.configure(policies("ENFORCE"));
    wire.client(CONNECT.slice(9));
    const reported = (): number => auditOf(host).filter(({ event }) => event === "would_refuse").length;
    const before = reported();
    wire.server(msg("ok.no", "1"));
    assert.equal(reported(), before + 1);
    // Behind the PONG nothing comes from before the CONNECT.
    wire.server(PONG + msg("ok.no", "1"));
    assert.equal(reported(), before + 1);
  });

  it("ends a member of a queue group that is revoked meanwhile, whose connection is not closed for it then", () => {
    const { host, wire } = connected(policyOf(rights("a.>", "b.>"), { mode: "DRY_RUN" }));
    wire.client(`SUB a.1 group 1\r\n${CONNECT.slice(0, 9)}`);
    host.configure(policyOf(rights("b.>")));
    // With the CONNECT's end its subscription is gone.
    wire.client(CONNECT.slice(9));
    for (let i = 0; i < 4; i++) tick(host);
    assert.equal(wire.connection.closed, false);
    assert.equal(wire.client(PING), PING);
  });

  it("ends subscriptions that wait to be judged by the policy, of which nothing is told then", () => {
    // There is a look at the clock for 64 subscriptions, and ten of a millisecond each make a slice.
    const host = new Host(filterModule(), { clockStep: 1_000_000n });
    host.configure(policyOf(rights("a.>", "b.>"), { mode: "DRY_RUN" }));
    const wire = Wire.connected(host);
    const count = 3000;
    for (let sid = 1; sid <= count; sid++) wire.client(`SUB a.${sid} ${sid}\r\n`);
    wire.client(CONNECT.slice(0, 9));
    host.configure(policyOf(rights("b.>")));
    wire.server(PING);
    const revoked = (): number => stat(host, "istio_nats_revoked_subscriptions_total");
    const before = revoked();
    assert.ok(before > 0 && before < count, `${before} revoked`);
    // From here on a slice has time for all of them.
    host.clockStep = 0n;
    assert.equal(wire.client(CONNECT.slice(9)), `${CONNECT.slice(9)}${PING}`);
    wire.server(PONG);
    for (let i = 0; i < 4; i++) tick(host);
    assert.equal(revoked(), before);
  });

  it("ends what is revoked, so that in DRY_RUN its sid is free for a subscription that a later policy allows", () => {
    const observed = policyOf(rights("b.1"), { mode: "DRY_RUN" });
    const { host, wire } = connected(observed);
    wire.client("SUB a.1 1\r\n");
    wire.client(CONNECT.slice(0, 9));
    host.configure(policyOf(rights("b.1")));
    assert.equal(wire.client(CONNECT.slice(9)), CONNECT.slice(9) + PING);
    // The notice of its end reaches the client before DRY_RUN begins, and the CONNECT nats-server.
    wire.server(PONG);
    host.configure(observed);
    wire.client("SUB b.1 1\r\n");
    host.configure(policyOf(rights("b.1")));
    assert.equal(wire.server(msg("b.1", "1")), msg("b.1", "1"));
    host.configure(policyOf(rights("c.1")));
    assert.equal(wire.client(PING), `${unsub("1")}${PING}`);
  });
});

describe("a publish whose line began in DRY_RUN", () => {
  it("is one use of the grant that it answers by", () => {
    const answers = { subscribe: { allow: ["ok.>"] }, allow_responses: { max: 2, expires: "1m" } };
    const { host, wire } = connected(policyOf(answers, { mode: "DRY_RUN" }));
    wire.client("SUB ok.1 1\r\n");
    wire.server(msg("ok.1", "1", "", "r.1"));
    const answer = pub("r.1");
    wire.client(answer.slice(0, 5));
    host.configure(policyOf(answers));
    assert.equal(wire.client(answer.slice(5)), answer.slice(5));
    assert.equal(wire.client(answer + answer), answer + PING);
  });
});

describe("a delivery whose line began in DRY_RUN", () => {
  it("has nats-server told of the end if it reaches a maximum that nats-server counts, wherever the policy changes", () => {
    const rule = { publish: { allow: ["x"] }, subscribe: { allow: ["ok.*"] } };
    const line = "MSG ok.1 1 1\r\n";
    for (let cut = 1; cut < line.length; cut++) {
      const { host, wire } = connected(policyOf(rule, { mode: "DRY_RUN" }));
      wire.client("SUB ok.* 1\r\nUNSUB 1 2\r\n");
      wire.server(msg("ok.1", "1", "x") + line.slice(0, cut));
      host.configure(policyOf(rule));
      assert.equal(wire.server(`${line.slice(cut)}x\r\n`), `${line.slice(cut)}x\r\n`);
      assert.equal(wire.client(PING), `UNSUB 1\r\n${PING}`, `cut at ${cut}`);
    }
  });
});

describe("a PONG that began in DRY_RUN", () => {
  it("takes no PONG behind it along, which becomes the text of its own refusal", () => {
    const { host, wire } = connected(policyOf({ publish: { allow: ["ok.>"] } }, { mode: "DRY_RUN" }));
    // One that answers no PING, as if there had been no room to expect it.
    assert.equal(wire.server(PONG.slice(0, 2)), PONG.slice(0, 2));
    host.configure(policyOf({ publish: { allow: ["ok.>"] } }));
    assert.equal(wire.client(pub("no.1") + pub("no.2")), PING + PING);
    assert.equal(wire.server(PONG.slice(2) + PONG), PONG.slice(2) + publishViolation("no.2"));
  });

  it("becomes no text about a subscription beyond limits.subscriptions", () => {
    const rule = { subscribe: { allow: ["ok.>"] } };
    const { host, wire } = connected(policyOf(rule, { mode: "DRY_RUN" }));
    assert.equal(wire.server(PONG.slice(0, 2)), PONG.slice(0, 2));
    host.configure(policyOf(rule, { limits: { subscriptions: 1 } }));
    assert.equal(wire.client("SUB ok.a 1\r\nSUB ok.b 2\r\n" + pub("no.1")), "SUB ok.a 1\r\n" + PING + PING);
    assert.equal(wire.server(PONG.slice(2) + PONG), PONG.slice(2) + publishViolation("no.1"));
  });
});

describe("a subscription whose line began in DRY_RUN", () => {
  it("is filtered like one that was made before, wherever in its line the policy changes", () => {
    const rule = { publish: { allow: ["x"] }, subscribe: { allow: ["ok.*"], deny: ["ok.no"] } };
    const line = "SUB ok.* 1\r\n";
    for (let cut = 1; cut < line.length; cut++) {
      const host = vm();
      host.configure(policyOf(rule, { mode: "DRY_RUN" }));
      const wire = Wire.connected(host);
      wire.client(line.slice(0, cut));
      host.configure(policyOf(rule));
      wire.client(line.slice(cut));
      assert.equal(
        wire.server(msg("ok.no", "1", "secret") + msg("ok.a", "1", "x")),
        msg("ok.a", "1", "x"),
        `cut at ${cut}`,
      );
    }
  });
});

describe("the reply subject of a delivery whose line began in DRY_RUN", () => {
  /** What lets a client read that subject, and answer. */
  const asking = (subject: string): object => ({
    subscribe: { allow: [subject] },
    allow_responses: { max: 2, expires: "1m" },
  });

  it("may be answered as often as allow_responses says, if the delivery is not denied", () => {
    const answers = {
      subscribe: { allow: ["ok.*"], deny: ["ok.no"] },
      allow_responses: { max: 2, expires: "1m" },
    };
    for (const [subject, uses] of [
      ["ok.a", 2],
      ["ok.no", 0],
    ] as const) {
      const { host, wire } = connected(policyOf(answers, { mode: "DRY_RUN" }));
      wire.client("SUB ok.* 1\r\n");
      const line = msg(subject, "1", "?", "r.1");
      wire.server(line.slice(0, 5));
      host.configure(policyOf(answers));
      assert.equal(wire.server(line.slice(5)), line.slice(5));
      const answer = pub("r.1");
      assert.equal(wire.client(answer.repeat(3)), answer.repeat(uses) + PING.repeat(3 - uses), subject);
    }
  });

  it("may not be answered if the policy has taken its subscription away", () => {
    const { host, wire } = connected(policyOf(asking("no.*"), { mode: "DRY_RUN" }));
    wire.client("SUB no.* 1\r\n");
    const line = msg("no.a", "1", "?", "r.1");
    wire.server(line.slice(0, 5));
    host.configure(policyOf(asking("ok.*")));
    const notice = `-ERR 'Permissions Violation for Subscription to "no.*" (sid "1")'\r\n`;
    assert.equal(wire.server(line.slice(5)), line.slice(5) + notice);
    assert.doesNotMatch(wire.client(pub("r.1")), /PUB/);
  });

  it("may not be answered if the policy is still to take its subscription away, as one of very many", () => {
    // A millisecond for each clock read. There is one for 64 subscriptions, and ten make a slice.
    const host = new Host(filterModule(), { clockStep: 1_000_000n });
    host.configure(policyOf(asking("no.*"), { mode: "DRY_RUN" }));
    const wire = Wire.connected(host);
    wire.client(Array.from({ length: 3000 }, (_, sid) => `SUB no.* ${sid}\r\n`).join(""));
    const line = msg("no.a", "1", "?", "r.1");
    wire.server(line.slice(0, 5));
    host.configure(policyOf(asking("ok.*")));
    assert.ok(wire.server(line.slice(5)).startsWith(line.slice(5)));
    assert.ok(stat(host, "istio_nats_revoked_subscriptions_total") < 2000);
    assert.doesNotMatch(wire.client(pub("r.1")), /PUB/);
  });

  it("may not be answered if its subscription is forgotten, and the policy does not allow its subject", () => {
    const { host, wire } = connected(policyOf(asking("no.*"), { mode: "DRY_RUN" }));
    wire.client("SUB no.* 1\r\nUNSUB 1\r\n");
    for (let i = 0; i < 3; i++) {
      host.advance(10_000);
      host.tick();
    }
    const line = msg("no.a", "1", "?", "r.1");
    wire.server(line.slice(0, 5));
    host.configure(policyOf(asking("ok.*")));
    assert.equal(wire.server(line.slice(5)), line.slice(5));
    assert.equal(wire.client(pub("r.1")), PING);
  });
});

describe("a grant of an answer that is over, or was never due, for a line that began in DRY_RUN", () => {
  const from = [{ principals: ["*"] }];
  const answers = {
    name: "answers",
    from,
    subscribe: { allow: ["ok.*"], deny: ["ok.no"] },
    allow_responses: { max: 1 },
  };
  const trial = { name: "trial", mode: "DRY_RUN", from, publish: { deny: ["never"] } };
  const answer = pub("r.1");
  const asked = msg("ok.a", "1", "?", "r.1");

  for (const [what, delivered, side, line] of [
    ["a delivery that is denied", "", "server", msg("ok.no", "1", "?", "r.1")],
    ["a CONNECT", asked, "client", CONNECT],
    ["the answer itself", asked, "client", answer],
  ] as const) {
    for (const rules of [[answers], [answers, trial]]) {
      const policies = (mode: string): object => ({ mode, trustDomains: ["cluster.local"], rules });

      it(`does not come back with ENFORCE after DRY_RUN: ${what}, ${rules.length} rules`, () => {
        const { host, wire } = connected(policies("DRY_RUN"));
        wire.client("SUB ok.* 1\r\n");
        wire.server(delivered);
        wire[side](line.slice(0, 9));
        host.configure(policies("ENFORCE"));
        wire[side](line.slice(9));
        host.configure(policies("DRY_RUN"));
        wire.client(PING);
        wire.server(PONG);
        host.configure(policies("ENFORCE"));
        assert.equal(wire.client(answer), PING);
      });
    }
  }
});
