import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import {
  configuredHost,
  CONNECT,
  hmsg,
  hpub,
  msg,
  PING,
  PONG,
  pub,
  publishViolation,
  stat,
  subscriptionViolation,
  VERBOSE_CONNECT,
  Wire,
} from "./wire.ts";

const FILTERED = { subscribe: { allow: ["ok.>", "box.*"], deny: ["ok.secret", "ok.work.x workers"] } };

describe("the first delivery of a VM", () => {
  it("is read as strictly as any other, even though no subject was read before it", () => {
    const wire = Wire.connected(configuredHost());
    wire.client("SUB ok.1 a\r\n");
    // One argument is missing, unless the NUL is taken for a subject and its end.
    assert.equal(wire.server("MSG \0a 5\r\nhello\r\n"), "");
    assert.equal(wire.server(msg("ok.1", "a", "x")), "");
  });
});

describe("a subscription with wildcards over a deny", () => {
  it("withholds what a deny with a queue covers from a subscription of which nobody knows the queue", () => {
    const wire = Wire.connected(configuredHost({ rule: FILTERED }));
    wire.client("SUB ok.work.* 1\r\n");
    assert.equal(wire.server(msg("ok.work.x", "1", "x") + msg("ok.work.x", "2", "x")), msg("ok.work.x", "1", "x"));
  });

  it("is accepted; what the deny covers is withheld by delivered subject, on every subscription", () => {
    const host = configuredHost({ rule: FILTERED });
    const wire = Wire.connected(host);
    const subs = "SUB box.a 1\r\nSUB ok.* 2\r\n";
    assert.equal(wire.client(subs), subs);
    const shown = msg("ok.1", "2", "a") + msg("box.a", "1", "b");
    // JetStream delivers on other subjects than the inbox that was subscribed to.
    const hidden = msg("ok.secret", "2", "c") + msg("ok.secret", "1", "d");
    assert.equal(wire.server(shown + hidden + shown), shown + shown);
    assert.equal(stat(host, "istio_nats_refusals_total", { operation: "MSG", reason: "denied" }), 2);
    assert.equal(stat(host, "istio_nats_bytes_total", { operation: "MSG", verdict: "refused" }), 2);
  });

  it("has no effect before it exists: a literal subscription does not turn filtering on", () => {
    const wire = Wire.connected(configuredHost({ rule: FILTERED }));
    wire.client("SUB box.a 1\r\n");
    const delivered = msg("ok.secret", "1", "d");
    assert.equal(wire.server(delivered), delivered);
  });

  it("filters HMSG as well", () => {
    const wire = Wire.connected(configuredHost({ rule: FILTERED }));
    wire.client("SUB ok.* 2\r\n");
    const headers = "NATS/1.0\r\nA: b\r\n\r\n";
    const hmsg = (subject: string): string =>
      `HMSG ${subject} 2 r ${headers.length} ${headers.length + 1}\r\n${headers}x\r\n`;
    assert.equal(wire.server(hmsg("ok.secret") + hmsg("ok.1") + hmsg("ok.secret")), hmsg("ok.1"));
  });

  it("stays filtered after UNSUB, because messages are under way, and until the server has read a second CONNECT", () => {
    const wire = Wire.connected(configuredHost({ rule: FILTERED }));
    wire.client("SUB ok.* 2\r\nUNSUB 2\r\n");
    assert.equal(wire.server(msg("ok.secret", "2") + msg("ok.1", "2")), msg("ok.1", "2"));
    wire.client(`${CONNECT}SUB box.a 1\r\n`);
    // This PONG comes after everything that the server had queued before it read that CONNECT.
    assert.equal(wire.server(msg("ok.secret", "2") + PONG), "");
    assert.equal(wire.server(msg("ok.secret", "1")), msg("ok.secret", "1"));
  });

  it("stays filtered until the server has read the last of several CONNECTs", () => {
    const wire = Wire.connected(configuredHost({ rule: FILTERED }));
    wire.client(`SUB ok.* 1\r\n${CONNECT}SUB ok.* 2\r\n${CONNECT}SUB box.a 3\r\n`);
    assert.equal(wire.server(msg("ok.secret", "1") + PONG), "");
    assert.equal(wire.server(msg("ok.secret", "2") + msg("ok.1", "2") + PONG), msg("ok.1", "2"));
    assert.equal(wire.server(msg("ok.secret", "3")), msg("ok.secret", "3"));
  });

  it("gets everything in DRY_RUN, and what would have been withheld is counted", () => {
    const host = configuredHost({ mode: "DRY_RUN", rule: FILTERED });
    const wire = Wire.connected(host);
    wire.client("SUB ok.* 2\r\n");
    const all = msg("ok.secret", "2", "a") + msg("ok.1", "2", "b");
    assert.equal(wire.server(all), all);
    assert.equal(stat(host, "istio_nats_dry_run_refusals_total", { operation: "MSG", reason: "denied" }), 1);
    assert.equal(stat(host, "istio_nats_messages_total", { operation: "MSG", verdict: "allowed" }), 2);
  });

  it("withholds nothing because of a rule in DRY_RUN, and counts what that rule would withhold beside what another one does", () => {
    const everybody = [{ principals: ["*"] }];
    const rules = [
      { name: "orders", from: everybody, subscribe: { allow: ["ok.*"], deny: ["ok.secret"] } },
      { name: "trial", mode: "DRY_RUN", from: everybody, subscribe: { deny: ["ok.1"] } },
    ];
    const host = new Host(filterModule());
    assert.ok(host.configure({ trustDomains: ["cluster.local"], rules }).accepted);
    const wire = Wire.connected(host);
    wire.client("SUB ok.* 2\r\n");
    for (const reply of ["", "_INBOX.1"]) {
      const [secret, one, two] = ["ok.secret", "ok.1", "ok.2"].map((subject) => msg(subject, "2", "x", reply));
      assert.equal(wire.server(one! + two! + secret! + one! + two!), one! + two! + one! + two!);
    }
    const denied = { operation: "MSG", reason: "denied" };
    assert.equal(stat(host, "istio_nats_dry_run_refusals_total", { ...denied, rule: "trial" }), 4);
    assert.equal(stat(host, "istio_nats_refusals_total", { ...denied, rule: "orders" }), 2);
  });

  it("is refused with a queue, because a filtered member would swallow its group's messages", () => {
    const host = configuredHost({ rule: FILTERED });
    const wire = Wire.connected(host);
    assert.equal(wire.client("SUB ok.* q 1\r\nSUB ok.work.* workers 2\r\n"), PING + PING);
    assert.equal(
      wire.server(PONG + PONG),
      subscriptionViolation("ok.*", "q") + subscriptionViolation("ok.work.*", "workers"),
    );
    assert.equal(stat(host, "istio_nats_refusals_total", { reason: "queue_over_deny" }), 2);
  });
});

describe("a delivery whose subject or reply subject has what the client's library alone takes for a blank", () => {
  const misread = [msg("ok.a\f2", "1", "x"), msg("ok.a\v2", "1", "x"), msg("ok.a", "1", "x", "_INBOX.a\vb")];
  const speaking = (lang: string): string => CONNECT.replace("{", `{"lang":"${lang}",`);
  const python = speaking("python3");
  const headers = "NATS/1.0\r\n\r\n";

  it("is withheld, and counted", () => {
    for (const lang of ["python3", "ruby3.1.2", "rust"]) {
      const host = configuredHost();
      const wire = Wire.connected(host, { connect: speaking(lang) });
      wire.client("SUB ok.> 1\r\n");
      const plain = msg("ok.a", "1", "y");
      assert.equal(wire.server(plain + misread.join(plain) + plain), plain.repeat(4));
      for (const byte of misread.join("")) assert.equal(wire.server(byte), "");
      assert.equal(wire.server(hmsg("ok.a\f2", "1", headers)), "");
      assert.equal(wire.server(plain), plain);
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "line_break" }), 7);
    }
  });

  it("is withheld from async-nats where it has headers, and a blank of Unicode", () => {
    const host = configuredHost();
    const wire = Wire.connected(host, { connect: speaking("rust") });
    wire.client("SUB ok.> 1\r\n");
    const blank = Buffer.from("\u00a0").toString("latin1");
    assert.equal(wire.server(hmsg(`ok.a${blank}2`, "1", headers)), "");
    assert.equal(wire.server(hmsg("ok.a", "1", headers, "", `_INBOX.a${blank}b`)), "");
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "line_break" }), 2);
    const without = msg(`ok.a${blank}2`, "1", "x");
    assert.equal(wire.server(without), without);
  });

  it("goes to clients of other languages", () => {
    for (const connect of [CONNECT, speaking("go")]) {
      const wire = Wire.connected(configuredHost(), { connect });
      wire.client("SUB ok.> 1\r\n");
      for (const message of misread) assert.equal(wire.server(message), message);
    }
  });

  it("counts for the maximum of its subscription, for which nats-server has counted it", () => {
    const wire = Wire.connected(configuredHost(), { connect: python });
    wire.client("SUB ok.> 1\r\nUNSUB 1 2\r\n");
    assert.equal(wire.server(msg("ok.a", "1", "x") + msg("ok.a\f2", "1", "x")), msg("ok.a", "1", "x"));
    // A subscription at its end is unsubscribed from (deliveries.ts `endReached`).
    assert.equal(wire.client(PING), `UNSUB 1\r\n${PING}`);
  });
});

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

  it("goes on to the server if that already counts, because the subscription existed before filtering began", () => {
    const wire = Wire.connected(configuredHost({ rule: FILTERED }));
    const counted = "SUB ok.1 1\r\nUNSUB 1 2\r\nSUB ok.* 9\r\nUNSUB 1 3\r\n";
    assert.equal(wire.client(counted), counted);
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

  it("holds for what the server delivers before it takes the UNSUB, however long that is under way and whatever else ends", () => {
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
    const lines = "SUB box.1 workers 1\r\nUNSUB 1 2\r\nUNSUB 1 3\r\n";
    assert.equal(wire.client(lines), lines);
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

  it("goes to the server without the maximum if the sid is unknown here, so that nothing continues there that has ended here", () => {
    assert.equal(filtering(CONNECT).client("UNSUB 77 5\r\n"), "UNSUB 77\r\n");
  });

  it("takes effect at once if it is not a number, as at nats-server", () => {
    for (const max of ["x", "-1", "0", "1234567890"]) {
      const line = `UNSUB 9 ${max}\r\n`;
      assert.equal(filtering(CONNECT).client(line), line);
    }
  });
});

describe("reply grants (allow_responses)", () => {
  const grants = (max: number, expires = "1m"): object => ({
    publish: { deny: ["never.>"] },
    allow_responses: { max, expires },
  });

  function subscribed(rule: object): Wire {
    const wire = Wire.connected(configuredHost({ rule }));
    wire.client("SUB ok.1 1\r\n");
    return wire;
  }

  it("allow as many answers as max says, to exactly the reply subject that was delivered", () => {
    const wire = subscribed(grants(2));
    assert.equal(wire.client(pub("r.1")), PING);
    wire.server(PONG + msg("ok.1", "1", "", "r.1"));
    assert.equal(wire.client(pub("r.1") + pub("r.2") + pub("r.1") + pub("r.1")), pub("r.1") + PING + pub("r.1") + PING);
    assert.equal(wire.server(PONG + PONG), publishViolation("r.2") + publishViolation("r.1"));
  });

  it("end if the host's clock is set back before they were made, which nats-server would not notice", () => {
    const rule = { publish: {}, allow_responses: { max: 5, expires: "1s" } };
    const host = configuredHost({ rule });
    const wire = Wire.connected(host);
    wire.client("SUB ok.1 1\r\n");
    wire.server(msg("ok.1", "1", "", "r.1"));
    host.advance(-3_600_000);
    assert.equal(wire.client(pub("r.1")), PING);
  });

  it("end when their time is up", () => {
    const wire = subscribed(grants(5, "10s"));
    wire.server(msg("ok.1", "1", "", "r.1"));
    wire.host.advance(10_000);
    assert.equal(wire.client(pub("r.1")), pub("r.1"));
    wire.host.advance(1);
    assert.equal(wire.client(pub("r.1")), PING);
  });

  it("are used up by a second delivery with the same reply, as at nats-server (resp sessions): with max 1 none is left", () => {
    const wire = subscribed(grants(1));
    wire.server(msg("ok.1", "1", "", "r.1").repeat(2));
    assert.equal(wire.client(pub("r.1")), PING);
  });

  it("survive UNSUB, and never override a deny", () => {
    const wire = subscribed(grants(1));
    wire.server(msg("ok.1", "1", "", "r.1") + msg("ok.1", "1", "", "never.1"));
    assert.equal(wire.client(`UNSUB 1\r\n${pub("r.1")}${pub("never.1")}`), `UNSUB 1\r\n${pub("r.1")}${PING}`);
  });

  it("belong to one connection", () => {
    const wire = subscribed(grants(1));
    wire.server(msg("ok.1", "1", "", "r.1"));
    const other = Wire.connected(wire.host);
    assert.equal(other.client(pub("r.1")), PING);
    assert.equal(wire.client(pub("r.1")), pub("r.1"));
  });

  it("are not made by a message that was withheld", () => {
    const rule = { ...FILTERED, publish: {}, allow_responses: { max: 1, expires: "1m" } };
    const wire = Wire.connected(configuredHost({ rule }));
    wire.client("SUB ok.* 1\r\n");
    wire.server(msg("ok.secret", "1", "", "r.1"));
    assert.equal(wire.client(pub("r.1")), PING);
  });
});

describe("subscriptions", () => {
  it("keep their sid while they live; the server keeps the first one, too", () => {
    const wire = Wire.connected(configuredHost({ limits: { subscriptions: 2 } }));
    assert.equal(
      wire.client("SUB ok.1 1\r\nSUB ok.2 1\r\nSUB ok.3 2\r\n"),
      "SUB ok.1 1\r\nSUB ok.2 1\r\nSUB ok.3 2\r\n",
    );
    assert.equal(wire.client("SUB ok.4 3\r\n"), PING);
  });

  it("leave their sid free if they are refused, and a later UNSUB of it goes to the server, which answers", () => {
    const wire = Wire.connected(configuredHost());
    assert.equal(wire.client("SUB no.1 5\r\nUNSUB 5\r\nSUB ok.1 5\r\n"), `${PING}UNSUB 5\r\nSUB ok.1 5\r\n`);
  });

  it("may number 10,000 on one connection, and each ends at its maximum", () => {
    const host = configuredHost({ rule: FILTERED });
    const wire = Wire.connected(host);
    const count = 10_000;
    let subs = "SUB ok.* 0\r\n";
    for (let sid = 1; sid <= count; sid++) subs += `SUB ok.1 ${sid}\r\nUNSUB ${sid} 1\r\n`;
    assert.equal(wire.client(subs), subs.replaceAll(/UNSUB.*/g, "PING"));
    assert.equal(wire.server(PONG.repeat(count)), "");
    let once = "";
    for (let sid = 1; sid <= count; sid++) once += msg("ok.1", String(sid));
    assert.equal(wire.server(once), once);
    const ends = wire.client(PING);
    assert.equal(ends.split("UNSUB ").length - 1, count);
  });
});

describe("a delivery behind a withheld one", () => {
  it("reaches the client whole if its payload ends in the next chunk", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    wire.client("SUB ok.1 1\r\n");
    const broken = "MSG ok.1\nx 1 2\r\nab\r\n";
    const whole = msg("ok.1", "1", "0123456789");
    for (let cut = 1; cut < whole.length; cut++) {
      const read = wire.server(broken + whole.slice(0, cut)) + wire.server(`${whole.slice(cut)}PING\r\n`);
      assert.equal(read, `${whole}PING\r\n`, `cut at ${cut}`);
    }
  });
});
