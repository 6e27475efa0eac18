import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import {
  auditOf,
  configuredHost,
  CONNECT,
  hmsg,
  msg,
  PING,
  policy,
  PONG,
  stat,
  subscriptionViolation,
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

  it("withholds what a deny covers from a member of a queue too, where an import brings it to another subject's subscription", () => {
    const wire = Wire.connected(configuredHost({ rule: FILTERED }));
    // The last has no wildcard, but a token that begins with one.
    const subjects = ["ok.work.y", "ok.*.z", "ok.work.*x"];
    wire.client(`SUB ok.> 0\r\n${subjects.map((subject, i) => `SUB ${subject} workers ${i + 1}\r\n`).join("")}`);
    const own = msg("ok.work.y", "1", "x") + msg("ok.work.z", "2", "x") + msg("ok.work.*x", "3", "x");
    assert.equal(wire.server(own), own);
    for (const sid of ["1", "2", "3"]) {
      for (const denied of ["ok.secret", "ok.work.x"]) assert.equal(wire.server(msg(denied, sid, "x")), "");
      assert.equal(wire.server(msg("ok.other", sid, "x")), msg("ok.other", sid, "x"));
    }
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

  it("withholds nothing because of a rule in DRY_RUN, and counts that beside what another rule withholds", () => {
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
    for (const lang of ["python3", "ruby3.1.2", "rust", "node", "typescript", "Tcl"]) {
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

  it("is withheld from libraries of JavaScript that read bytes as Latin-1, where one of them is 0xa0", () => {
    for (const [lang, reads] of [
      ["node", false],
      ["typescript", false],
      ["nats.js", true],
      ["python3", true],
    ] as const) {
      const wire = Wire.connected(configuredHost(), { connect: speaking(lang) });
      wire.client("SUB ok.> 1\r\n");
      const plain = msg("ok.b", "1", "y");
      // Alone, and within a character of UTF-8.
      for (const blank of ["\xa0", "\xc3\xa0"]) {
        for (const message of [msg(`ok.a${blank}2`, "1", "x"), msg("ok.a", "1", "x", `_INBOX.a${blank}b`)]) {
          assert.equal(wire.server(plain + message + plain), reads ? plain + message + plain : plain + plain, lang);
        }
      }
    }
  });

  it("is withheld from Tcl where it is no plain word of a list, also at once behind one like it", () => {
    const host = configuredHost();
    const wire = Wire.connected(host, { connect: speaking("Tcl") });
    wire.client("SUB ok.> 1\r\nSUB > 2\r\n");
    const plain = msg("ok.a{b", "1", "y");
    const words = ["ok.a\\", "ok.a\\x2eb", "{ok.a", '"ok.a', "{ok}"];
    for (const word of words) {
      for (const message of [msg(word, "2", "x"), msg("ok.a", "1", "x", word), hmsg(word, "2", headers)]) {
        assert.equal(wire.server(plain + plain + message + plain), plain.repeat(3), message);
      }
    }
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "line_break" }), 3 * words.length);
    const go = Wire.connected(host, { connect: speaking("go") });
    go.client("SUB > 2\r\n");
    for (const word of words) assert.equal(go.server(msg(word, "2", "x")), msg(word, "2", "x"));
  });

  it("is judged by what the last CONNECT says", () => {
    const wire = Wire.connected(configuredHost(), { connect: speaking("Tcl") });
    wire.client("SUB ok.> 1\r\n");
    const message = msg("ok.a\\", "1", "x");
    assert.equal(wire.server(message), "");
    wire.client(speaking("go"));
    assert.equal(wire.server(message), message);
    wire.client(speaking("node"));
    assert.equal(wire.server(msg("ok.a\xa02", "1", "x")), "");
  });

  it("is withheld from everybody where it has a TAB, which all libraries take for a blank", () => {
    const host = configuredHost();
    const wire = Wire.connected(host, { connect: speaking("go") });
    wire.client("SUB ok.> 1\r\nSUB ok.b 2\r\n");
    const plain = msg("ok.a", "1", "y");
    const tabs = [msg("ok.b\t2", "1", "x"), msg("ok.a", "1", "x", "_INBOX.a\tb"), hmsg("ok.b\t2", "1", headers)];
    assert.equal(wire.server(plain + tabs.join(plain) + plain), plain.repeat(4));
    for (const byte of tabs.join("")) assert.equal(wire.server(byte), "");
    assert.equal(wire.server(plain), plain);
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "line_break" }), 6);
  });

  it("is withheld from nats-py where its headers are shorter than any that a library writes", () => {
    const host = configuredHost();
    const wire = Wire.connected(host, { connect: python });
    wire.client("SUB ok.> 1\r\n");
    for (const block of ["", "x", "\r\n", "\r\n\r\n", "NATS/1.\r\n\r\n"]) {
      assert.equal(wire.server(hmsg("ok.a", "1", block)), "", block);
    }
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "line_break" }), 5);
    const remedies = auditOf(host).flatMap(({ remedy }) => (typeof remedy === "string" ? [remedy] : []));
    assert.equal(remedies.length, 5);
    for (const remedy of remedies) assert.match(remedy, /headers are too short/);
    const shortest = hmsg("ok.a", "1", headers);
    assert.equal(wire.server(shortest), shortest);
    const short = hmsg("ok.a", "1", "x");
    const go = Wire.connected(host, { connect: speaking("go") });
    go.client("SUB ok.> 1\r\n");
    assert.equal(go.server(short), short);
  });

  it("passes in DRY_RUN, which reports what ENFORCE would do, once", () => {
    const broken = [...misread, msg("ok.a\rb", "1", "x"), msg("ok.a\r\f", "1", "x")];
    const host = configuredHost({ mode: "DRY_RUN", rule: { allow_responses: true } });
    const wire = Wire.connected(host, { connect: python });
    wire.client("SUB ok.> 1\r\n");
    for (const message of broken) assert.equal(wire.server(message), message);
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "line_break" }), broken.length);
    assert.equal(stat(host, "istio_nats_messages_total", { operation: "MSG", verdict: "allowed" }), broken.length);
    const records = auditOf(host).filter(({ event }) => String(event).startsWith("unreadable"));
    assert.deepEqual(
      records.map((record) => [record["event"], record["kind"]]),
      Array(broken.length).fill(["unreadable_passed", "line_break"]),
    );
    assert.equal(wire.client("NONSENSE\r\n"), "NONSENSE\r\n");
  });

  it("is reported as passed if its line began in DRY_RUN, though the policy is enforced by then", () => {
    const host = configuredHost({ mode: "DRY_RUN" });
    const wire = Wire.connected(host, { connect: python });
    wire.client("SUB ok.> 1\r\n");
    const message = misread[0]!;
    wire.server(message.slice(0, 5));
    host.configure(policy());
    assert.equal(wire.server(message.slice(5)), message.slice(5));
    const events = auditOf(host).map(({ event }) => event);
    assert.ok(events.includes("unreadable_passed") && !events.includes("unreadable"), String(events));
  });

  it("is reported in DRY_RUN as denied where a deny entry would withhold it, and as nothing else", () => {
    const host = configuredHost({ mode: "DRY_RUN", rule: { subscribe: { allow: ["ok.>"], deny: ["ok.*.no"] } } });
    const wire = Wire.connected(host, { connect: python });
    wire.client("SUB ok.> 1\r\n");
    wire.server(msg("ok.a\fb.no", "1"));
    assert.equal(stat(host, "istio_nats_dry_run_refusals_total", { reason: "denied" }), 1);
    assert.equal(stat(host, "istio_nats_protocol_errors_total"), 0);
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
