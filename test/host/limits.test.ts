import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { connected, policyOf } from "./changing-policy.ts";
import { configure } from "./configure.ts";
import { Host } from "./host.ts";
import { stepCountingModule, stepsOf } from "./steps.ts";
import {
  assertSame,
  auditOf,
  configuredHost,
  CONNECT,
  hpub,
  INFO,
  msg,
  PING,
  policy,
  PONG,
  pub,
  publishViolation,
  stat,
  subscriptionViolation,
  VERBOSE_CONNECT,
  Wire,
} from "./wire.ts";

let counting: WebAssembly.Module;
before(async () => {
  counting = await stepCountingModule();
});

describe("limits.controlLine", () => {
  it("allows 4,096 argument bytes and not 4,097, as nats-server does, whether the line ends with CR LF or LF", () => {
    for (const end of ["\r\n", "\n"]) {
      const subject = `ok.${"x".repeat(4096 - "ok. 1".length)}`;
      const fits = `SUB ${subject} 1${end}`;
      assert.equal(Wire.connected(configuredHost()).client(fits), fits);
      const host = configuredHost();
      assert.equal(Wire.connected(host).client(`SUB ${subject}x 1${end}`), `${PING}?\r\n`);
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "control_line" }), 1);
    }
  });

  it("counts from the first argument up to the line's end, trailing blanks included", () => {
    const line = `UNSUB ${"1".repeat(4000)}`;
    const fits = `${line}${" ".repeat(96)}\r\n`;
    assert.equal(Wire.connected(configuredHost()).client(fits), fits);
    assert.equal(Wire.connected(configuredHost()).client(`${line}${" ".repeat(97)}\r\n`), `${PING}?\r\n`);
  });

  it("also holds for CONNECT", () => {
    const json = (length: number): string => `{"name":"${"x".repeat(length - 11)}"}`;
    const fits = `CONNECT ${json(4096)}\r\n`;
    const wire = new Wire(configuredHost());
    wire.server(INFO);
    assert.equal(wire.client(fits), fits);
    const other = new Wire(configuredHost());
    other.server(INFO);
    assert.equal(other.client(`CONNECT ${json(4097)}\r\n`), `${PING}?\r\n`);
  });

  it("ends an unfinished line at once, however it arrives", () => {
    const wire = Wire.connected(configuredHost());
    assert.equal(wire.client("SUB "), "");
    for (let i = 0; i < 4096; i++) assert.equal(wire.client("x"), "");
    assert.equal(wire.client("x"), `${PING}?\r\n`);
  });

  it("holds for a publish on the plain path, with and without a reply subject", () => {
    for (const names of ["ok.1 ok.", "ok."]) {
      const host = configuredHost({ limits: { controlLine: 128 } });
      const fits = `PUB ${names}${"x".repeat(128 - names.length - 2)} 3\r\nabc\r\n`;
      assert.equal(Wire.connected(host, { connect: "CONNECT {}\r\n" }).client(fits.repeat(2)), fits.repeat(2));
      const long = fits.replace(" 3", "x 3");
      assert.equal(Wire.connected(host, { connect: "CONNECT {}\r\n" }).client(fits + long), `${fits}${PING}?\r\n`);
      assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "control_line" }), 1);
    }
  });

  it("holds for a publish that is refused, with and without a reply subject, since nats-server reads the line first", () => {
    for (const names of ["no.1 ok.", "no."]) {
      for (const connect of [CONNECT, "CONNECT {}\r\n"]) {
        const host = configuredHost({ limits: { controlLine: 128 } });
        const fits = `PUB ${names}${"x".repeat(128 - names.length - 2)} 3\r\nabc\r\n`;
        const long = fits.replace(" 3", "x 3");
        assert.equal(Wire.connected(host, { connect }).client(fits.repeat(2) + long), `${PING}${PING}${PING}?\r\n`);
        assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "control_line" }), 1);
      }
    }
  });

  it("is configurable in both directions", () => {
    const host = configuredHost({ limits: { controlLine: 128 } });
    assert.equal(
      Wire.connected(host, { connect: "CONNECT {}\r\n" }).client(`SUB ok.${"x".repeat(124)} 1\r\n`),
      `${PING}?\r\n`,
    );
    const large = configuredHost({ limits: { controlLine: 65_536 } });
    const line = `SUB ok.${"x".repeat(65_500)} 1\r\n`;
    assert.equal(Wire.connected(large).client(line), line);
  });

  it("does not count the blanks after a verb, as nats-server does not", () => {
    const padded = `PUB${" ".repeat(8000)}ok.1 3\r\nabc\r\n`;
    assert.equal(Wire.connected(configuredHost()).client(padded), padded);
  });

  it("comes with a bound for these blanks, which nats-server does not have, in one chunk and in many", () => {
    for (const blanks of [8200, 66_000, 200_000, 262_144, 300_000, 1_000_000]) {
      for (const rest of ["", "ok.1", "ok.1 3\r\nabc\r\n", "ok.1 3\r\nabc"]) {
        for (const mode of ["ENFORCE", "DRY_RUN"] as const) {
          const host = configuredHost({ mode });
          const wire = Wire.connected(host);
          wire.client(`PUB${" ".repeat(blanks)}${rest}`);
          wire.client(" 3\r\nabc\r\n");
          const ended = stat(host, "istio_nats_protocol_errors_total", { kind: "control_line" });
          assert.equal(ended, 1, `${blanks} blanks, then ${JSON.stringify(rest)}, in ${mode}`);
          assert.equal(Wire.connected(host).client(pub("ok.1")), pub("ok.1"));
        }
      }
    }
  });

  it("allows what nats-server makes of two lines that are as long as any configuration allows", () => {
    const rule = { publish: { allow: [">"] }, subscribe: { allow: [">"] } };
    const wire = Wire.connected(configuredHost({ rule, limits: { controlLine: 65_536 } }));
    const sid = "s".repeat(65_536 - "a ".length);
    const block = "NATS/1.0\r\n\r\n";
    const published = (rest: string): string => `${"x".repeat(65_536 - 1 - rest.length)} ${rest}`;
    const publish = `PUB ${published("r 0")}\r\n\r\n`;
    const withHeaders = `HPUB ${published("r 12 12")}\r\n${block}\r\n`;
    for (const line of [`SUB a ${sid}\r\n`, publish, withHeaders]) assertSame(wire.client(line), line, "to the server");
    for (const line of [publish, withHeaders]) {
      const delivery = line.replace("PUB", "MSG").replace(" r ", ` ${sid} r `);
      assertSame(wire.server(delivery), delivery, "to the client");
    }
  });

  it("does not make a line of blanks slower to read, byte by byte, than a name", () => {
    const host = configuredHost({ limits: { controlLine: 65_536 } }, {}, counting);
    const spent = (head: string, byte: string): number => {
      const wire = Wire.connected(host);
      wire.client(head + byte.repeat(60_000));
      const steps = stepsOf(host, () => {
        for (let i = 0; i < 200; i++) wire.client(byte);
      });
      wire.connection.close();
      return steps;
    };
    const name = spent("SUB ", "x");
    for (const [head, byte] of [
      ["SUB a", " "],
      ["SUB a", "\t"],
      ["SUB a", "\v"],
      ["CONNECT {", " "],
      ["PING", "x"],
    ] as const) {
      const other = spent(head, byte);
      assert.ok(
        other < 2 * name,
        `${other} steps for 200 times ${JSON.stringify(byte)} behind ${head}, ${name} of a name`,
      );
    }
  });

  it("costs hardly more for a CONNECT of short keys that mean nothing than for the same within a value", () => {
    const host = configuredHost({}, {}, counting);
    const keys = '"a":1,'.repeat(600);
    const spent = (line: string): number => {
      const wire = Wire.connected(host);
      return stepsOf(host, () => wire.client(line.repeat(100)));
    };
    const within = spent(`CONNECT {"x":{${keys}"b":1}}\r\n`);
    const outside = spent(`CONNECT {${keys}"b":1}\r\n`);
    assert.ok(outside < 4 * within, `${outside} steps, ${within} within a value`);
  });

  it("costs hardly more for headers that act on the message's own subject where that is long", () => {
    const host = configuredHost({ rule: { rollup: "ALL" } }, {}, counting);
    for (const line of ["Nats-TTL:1\r\n", "Nats-Rollup:all\r\n"]) {
      const block = `NATS/1.0\r\n${line.repeat(900)}\r\n`;
      const spent = (subject: string): number => {
        const wire = Wire.connected(host);
        const message = hpub(subject, block);
        return stepsOf(host, () => assertSame(wire.client(message), message, "to the server"));
      };
      const short = spent("ok.1");
      const long = spent(`ok${".a".repeat(1_900)}`);
      assert.ok(long < 2 * short, `${long} steps, ${short} for a short subject`);
    }
  });

  it("allows a line and headers as long as any configuration allows, byte by byte after as many blanks as possible", () => {
    const host = configuredHost({ limits: { controlLine: 65_536, headers: 65_536 } });
    const wire = Wire.connected(host);
    const block = `NATS/1.0\r\nA: ${"x".repeat(65_536 - 17)}\r\n\r\n`;
    const sizes = " 65536 65537";
    const subject = `ok.${"x".repeat(65_536 - sizes.length - 3)}`;
    const operation = `HPUB${" ".repeat(8188)}${subject}${sizes}\r\n${block}y\r\n`;
    let sent = "";
    for (let at = 0; at < operation.length; at += 9_999) sent += wire.client(operation.slice(at, at + 9_999));
    assertSame(sent, operation, "to the server");
  });
});

describe("limits.payload and INFO's max_payload", () => {
  it("allow max_payload bytes and not one more, headers included", () => {
    const info = 'INFO {"headers":true,"max_payload":100}\r\n';
    const headers = "NATS/1.0\r\nA: b\r\n\r\n";
    // Lines with a second blank take another path through the filter.
    const sized = (size: number): string[] =>
      [pub("ok.1", "x".repeat(size)), hpub("ok.1", headers, "x".repeat(size - headers.length))].flatMap((whole) => [
        whole,
        whole.replace(" ", "  "),
      ]);
    for (const fits of sized(100)) assert.equal(Wire.connected(configuredHost(), { info }).client(fits), fits);
    for (const over of sized(101)) {
      assert.equal(Wire.connected(configuredHost(), { info }).client(over), `${PING}?\r\n`);
    }
  });

  it("are limits.payload alone before a nats-server that has none, which says -1", () => {
    const info = 'INFO {"headers":true,"max_payload":-1}\r\n';
    const large = pub("ok.1", "x".repeat(1_048_577));
    assertSame(Wire.connected(configuredHost(), { info }).client(large), large, "to the server");
    const host = configuredHost({ limits: { payload: 50 } });
    assert.equal(Wire.connected(host, { info }).client(pub("ok.1", "x".repeat(51))), `${PING}?\r\n`);
  });

  it("follow a later INFO", () => {
    const wire = Wire.connected(configuredHost(), { info: 'INFO {"headers":true,"max_payload":100}\r\n' });
    wire.server('INFO {"headers":true,"max_payload":200}\r\n');
    const fits = pub("ok.1", "x".repeat(200));
    assert.equal(wire.client(fits), fits);
    wire.server('INFO {"headers":true}\r\n');
    assert.equal(wire.client(`${fits}PING\r\n`), `${fits}PING\r\n`);
    wire.server('INFO {"headers":true,"max_payload":50}\r\n');
    assert.equal(wire.client(fits), `${PING}?\r\n`);
  });

  it("take effect as the smaller of the two", () => {
    const host = configuredHost({ limits: { payload: 50 } });
    assert.equal(Wire.connected(host).client(pub("ok.1", "x".repeat(50))), pub("ok.1", "x".repeat(50)));
    assert.equal(Wire.connected(host).client(pub("ok.1", "x".repeat(51))), `${PING}?\r\n`);
  });
});

describe("limits.headers", () => {
  const block = (length: number): string => `NATS/1.0\r\nA: ${"x".repeat(length - 17)}\r\n\r\n`;

  it("holds a block of 16 KiB until it is judged, and refuses a larger one with nats-server's text", () => {
    const fits = hpub("ok.1", block(16_384), "x");
    const wire = Wire.connected(configuredHost());
    assert.equal(wire.client(fits.slice(0, 16_000)), "");
    assert.equal(wire.client(fits.slice(16_000)), fits);
    const host = configuredHost();
    const other = Wire.connected(host);
    assert.equal(other.client(hpub("ok.1", block(16_385), "x") + pub("ok.2")), PING + pub("ok.2"));
    assert.equal(other.server(PONG), publishViolation("ok.1"));
    assert.equal(stat(host, "istio_nats_refusals_total", { reason: "headers_too_large" }), 1);
  });

  it("has no byte of a larger block held: it is refused by its line", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    const whole = hpub("ok.1", block(1_000_000), "x");
    const before = stat(host, "istio_nats_memory_bytes");
    for (let at = 0; at < 900_000; at += 10_000) assert.equal(wire.client(whole.slice(at, at + 10_000)), "");
    assert.ok(stat(host, "istio_nats_memory_bytes") - before < 16_384);
    assert.equal(stat(host, "istio_nats_refusals_total", { reason: "headers_too_large" }), 1);
    assert.equal(wire.client(whole.slice(900_000) + pub("ok.2")), PING + pub("ok.2"));
  });

  it("is configurable", () => {
    const small = configuredHost({ limits: { headers: 64 } });
    assert.equal(Wire.connected(small).client(hpub("ok.1", block(65))), PING);
    const large = configuredHost({ limits: { headers: 65_536 } });
    assert.equal(Wire.connected(large).client(hpub("ok.1", block(65_536))), hpub("ok.1", block(65_536)));
  });
});

describe("limits.subscriptions", () => {
  it("refuses one too many with nats-server's text and keeps the connection", () => {
    const host = configuredHost({ limits: { subscriptions: 3 } });
    const wire = Wire.connected(host);
    const three = "SUB ok.1 1\r\nSUB ok.2 2\r\nSUB ok.3 3\r\n";
    assert.equal(wire.client(`${three}SUB ok.4 4\r\n`), three + PING);
    assert.equal(wire.server(PONG), "-ERR 'maximum subscriptions exceeded'\r\n");
    assert.equal(stat(host, "istio_nats_refusals_total", { operation: "SUB", reason: "too_many_subscriptions" }), 1);
    // nats-server checks the limit before it looks at the sid (client.go processSubEx).
    assert.equal(wire.client("SUB ok.1 1\r\n"), PING);
    assert.equal(wire.client("UNSUB 2\r\nSUB ok.4 4\r\n"), "UNSUB 2\r\nSUB ok.4 4\r\n");
    assert.equal(wire.client("SUB ok.5 5\r\n"), PING);
  });

  it("does not count refused subscriptions, repeated sids, or subscriptions that a maximum ended", () => {
    const wire = Wire.connected(configuredHost({ limits: { subscriptions: 3 } }));
    wire.client("SUB no.1 1\r\nSUB ok.1 1\r\nSUB ok.1 1\r\nSUB ok.1 2\r\nUNSUB 2 1\r\n");
    wire.server(PONG + msg("ok.1", "2"));
    assert.equal(wire.client("SUB ok.3 3\r\nSUB ok.4 4\r\n"), "UNSUB 2\r\nSUB ok.3 3\r\nSUB ok.4 4\r\n");
    assert.equal(wire.client("SUB ok.5 5\r\n"), PING);
  });

  it("asks rules in DRY_RUN about none that it refuses, since nothing of it passes", () => {
    const from = [{ principals: ["*"] }];
    const rules = [
      { name: "enforced", from, subscribe: { allow: ["ok.>"] } },
      { name: "tried", from, mode: "DRY_RUN", subscribe: { deny: ["ok.2"] } },
    ];
    const { host, wire } = connected(policyOf({}, { rules, limits: { subscriptions: 1 } }));
    assert.equal(wire.client("SUB ok.1 1\r\nSUB ok.2 2\r\n"), `SUB ok.1 1\r\n${PING}`);
    assert.equal(stat(host, "istio_nats_refusals_total"), 1);
    assert.equal(stat(host, "istio_nats_dry_run_refusals_total"), 0);
  });

  it("starts counting again after a second CONNECT, because nats-server then drops all subscriptions", () => {
    const wire = Wire.connected(configuredHost({ limits: { subscriptions: 1 } }));
    wire.client("SUB ok.1 1\r\n");
    assert.equal(wire.client(`${CONNECT}SUB ok.2 2\r\n`), `${CONNECT}${PING}SUB ok.2 2\r\n`);
  });
});

describe("limits.responses", () => {
  const rule = { publish: {}, allow_responses: { max: 1, expires: "1m" } };

  it("forgets the oldest reply subject if there are more", () => {
    const wire = Wire.connected(configuredHost({ rule, limits: { responses: 2 } }));
    wire.client("SUB ok.1 1\r\n");
    for (const reply of ["r.1", "r.2", "r.3"]) wire.server(msg("ok.1", "1", "", reply));
    assert.equal(wire.client(pub("r.1") + pub("r.2") + pub("r.3")), PING + pub("r.2") + pub("r.3"));
  });
});

describe("audit.refusalsPerSecond and audit.burst", () => {
  it("bound the records, and every refusal is either written or counted as left out", () => {
    const host = configuredHost({ audit: { refusalsPerSecond: 10, burst: 5 } });
    const wire = Wire.connected(host);
    let refused = 0;
    for (let second = 0; second < 4; second++) {
      for (let i = 0; i < 100; i++) {
        wire.client(pub("no.1"));
        wire.server(PONG);
        refused++;
      }
      host.advance(1000);
    }
    host.advance(5000);
    host.tick();
    const records = auditOf(host);
    const written = records.filter(({ event }) => event === "refused").length;
    const left = records.reduce((sum, { suppressed }) => sum + Number(suppressed ?? 0), 0);
    // At most the burst in each second, because the bucket holds no more.
    assert.equal(written, 20);
    assert.equal(written + left, refused);
    assert.equal(stat(host, "istio_nats_refusals_total", { reason: "not_allowed" }), refused);
  });

  it("still hold under a new policy, which reports what was left out before it, and allow no second burst", () => {
    const audit = { refusalsPerSecond: 1, burst: 3 };
    const host = configuredHost({ audit });
    const wire = Wire.connected(host);
    wire.client(pub("no.1").repeat(10));
    assert.ok(host.configure(policy({ audit, telemetry: { requests: 5 } })).accepted);
    host.advance(500);
    host.tick();
    wire.client(pub("no.1").repeat(10));
    host.advance(5000);
    host.tick();
    const records = auditOf(host);
    assert.equal(records.filter(({ event }) => event === "refused").length, 3);
    assert.equal(
      records.reduce((sum, { suppressed }) => sum + Number(suppressed ?? 0), 0),
      17,
    );
    assert.ok(stat(host, "istio_nats_audit_suppressed_total") >= 17);
  });

  it("let no second burst through after a policy with a smaller one, but only what that time allows", () => {
    const policies = [3, 100].map((burst) => policy({ audit: { refusalsPerSecond: 1, burst } }));
    const host = configuredHost({ audit: { refusalsPerSecond: 1, burst: 100 } });
    const wire = Wire.connected(host);
    const written = (): number => auditOf(host).filter(({ event }) => event === "refused").length;
    const refuse = (): void => void wire.client(pub("no.1").repeat(200));
    refuse();
    for (const each of policies) {
      assert.ok(host.configure(each).accepted);
      refuse();
      assert.equal(written(), 100);
    }
    assert.ok(host.configure(policies[0]!).accepted);
    host.advance(10_000);
    refuse();
    assert.equal(written(), 103, "no more at once than the smaller burst");
    assert.ok(host.configure(policies[1]!).accepted);
    refuse();
    assert.equal(written(), 110, "a record a second, as ten seconds allow");
  });

  it("also report what was left out when their plugin goes", () => {
    const host = configuredHost({ audit: { refusalsPerSecond: 1, burst: 3 } });
    const wire = Wire.connected(host);
    wire.client(pub("no.1").repeat(10));
    wire.connection.close("client");
    host.deleteRoot(wire.connection.root);
    assert.equal(
      auditOf(host).reduce((sum, { suppressed }) => sum + Number(suppressed ?? 0), 0),
      7,
    );
    assert.ok(stat(host, "istio_nats_audit_suppressed_total") >= 7);
  });

  it("allow refusalsPerSecond in the long run", () => {
    const host = configuredHost({ audit: { refusalsPerSecond: 10, burst: 5 } });
    const wire = Wire.connected(host);
    for (let i = 0; i < 1000; i++) {
      wire.client(pub("no.1"));
      wire.server(PONG);
      host.advance(10);
    }
    const written = auditOf(host).filter(({ event }) => event === "refused").length;
    assert.ok(written >= 100 && written <= 105, `${written} records in ten seconds`);
  });
});

it("in verbose mode, one subscription too many is answered only by its error", () => {
  const wire = Wire.connected(configuredHost({ limits: { subscriptions: 1 } }), { connect: VERBOSE_CONNECT });
  assert.equal(wire.client("SUB ok.1 1\r\nSUB ok.2 2\r\n"), `SUB ok.1 1\r\n${PING}`);
  assert.equal(wire.server(`+OK\r\n${PONG}`), "+OK\r\n-ERR 'maximum subscriptions exceeded'\r\n");
});

describe("a search for denies that a SUB with wildcards overlaps", () => {
  const deny = Array.from({ length: 900 }, (_, i) => `t${i}.secret`);
  const rule = { subscribe: { allow: [">"], deny } };
  const subs = (count: number, queue: string): string[] =>
    Array.from({ length: count }, (_, i) => `SUB *.z ${queue}${i}\r\n`);

  it("is made for the first 500 members of queues in a chunk, whatever the policy, and the others are refused", () => {
    const host = configuredHost({ rule });
    const wire = Wire.connected(host);
    const lines = subs(5000, "q ");
    const sent = wire.client(lines.join(""));
    const passed = lines.findIndex((line) => !sent.includes(line));
    assert.ok(passed >= 500 && passed < 1000, `${passed} were searched for`);
    assertSame(sent, lines.slice(0, passed).join("") + PING.repeat(5000 - passed), "to the server");
    const { reason, rule: by } = auditOf(host).find(({ event }) => event === "refused")!;
    assert.deepEqual([reason, by], ["queue_over_deny", null]);
    assert.equal(wire.server(PONG), subscriptionViolation("*.z", "q"));
    // The next chunk has a bound of its own.
    assert.equal(wire.client(lines[4999]!), lines[4999]);
  });

  it("is not made for subscriptions without a queue: deliveries to them are filtered instead", () => {
    const wire = Wire.connected(configuredHost({ rule }));
    const sent = subs(5000, "").join("");
    assertSame(wire.client(sent), sent, "to the server");
    assert.equal(wire.server(msg("t1.secret", "1", "x") + msg("t1.z", "1", "x")), msg("t1.z", "1", "x"));
  });

  it("takes hardly longer for thirty times the lines, once it has reached its bound", () => {
    const host = configuredHost({ rule }, {}, counting);
    const spent = (count: number): number => {
      const wire = Wire.connected(host);
      return stepsOf(host, () => wire.client("SUB *.z q 1\r\n".repeat(count)));
    };
    const [few, many] = [spent(1000), spent(30_000)];
    assert.ok(many < 2 * few, `${few} steps for 1,000 lines, ${many} for 30,000`);
  });
});

describe("thousands of entries that match one subject", () => {
  const MANY = 3000;

  /** Steps of these lines under a policy with so many entries, of which nothing more is to be remembered. */
  function spent(
    entries: number,
    rules: (count: number) => object[],
    lines: string,
    from: "client" | "server",
  ): number {
    const config = { ...policy(), rules: rules(entries) };
    const wire = connectedUnder(config);
    wire[from](lines);
    return stepsOf(wire.host, () => wire[from](lines));
  }

  function connectedUnder(config: object, subscriptions = "SUB ok.> 1\r\n"): Wire {
    const host = new Host(counting);
    configure(host, config);
    const wire = Wire.connected(host);
    wire.client(subscriptions);
    return wire;
  }

  const from = [{ principals: ["*"] }];
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  const ofManyRules = (count: number): object[] =>
    numbers(count).map((i) => ({
      name: `r${i}`,
      from,
      publish: { allow: ["ok.>"] },
      subscribe: { allow: ["ok.>"] },
    }));
  const withQueues = (count: number): string[] => numbers(count).map((i) => `ok.> q${i}`);
  const allowsQueues = (count: number): object[] => [
    { name: "r", from, publish: { allow: ["ok.>"] }, subscribe: { allow: ["ok.>", ...withQueues(count)] } },
  ];
  const deniesQueues = (count: number): object[] => [
    { name: "r", from, publish: { allow: ["ok.>"] }, subscribe: { allow: ["ok.>"], deny: withQueues(count) } },
  ];

  for (const [what, rules, line, sender] of [
    ["members of a queue under rules without queues", ofManyRules, "SUB ok.a q 2\r\n", "client"],
    ["replies to others under rules of which none has `replies: ANY`", ofManyRules, pub("ok.a", "", "r.1"), "client"],
    ["subscriptions without a queue beside allowed queues", allowsQueues, "SUB ok.a 2\r\n", "client"],
    ["deliveries to one without a queue beside denied queues", deniesQueues, msg("ok.a", "1"), "server"],
  ] as const) {
    it(`cost hardly more than one for ${what}`, () => {
      const few = spent(1, rules, line.repeat(100), sender);
      const many = spent(MANY, rules, line.repeat(100), sender);
      assert.ok(many < 2 * few, `${many} steps under ${MANY} entries, ${few} under one`);
    });
  }

  for (const [what, rules] of [
    ["allowed", allowsQueues],
    ["denied", deniesQueues],
  ] as const) {
    it(`are looked at for members of queues up to a bound for each chunk where queues are ${what}`, () => {
      const spentAtFirst = (count: number): number => {
        const wire = connectedUnder({ ...policy(), rules: rules(MANY) });
        return stepsOf(wire.host, () => wire.client("SUB ok.a q7 2\r\n".repeat(count)));
      };
      const [few, many] = [spentAtFirst(1000), spentAtFirst(10_000)];
      assert.ok(many < 2 * few, `${few} steps for 1,000 lines, ${many} for 10,000`);
    });
  }

  const MEMBERS = ["ok.a", "ok.*"].map((subject, i) => `SUB ${subject} workers ${i + 2}\r\n`);

  it("cost deliveries to members of other queues nothing, and keep none back", () => {
    // Of more a member with a wildcard is refused.
    for (const [subscription, many] of [
      [MEMBERS[0]!, MANY],
      [MEMBERS[1]!, 900],
    ] as const) {
      const spentOn = (count: number): number => {
        const wire = connectedUnder({ ...policy(), rules: deniesQueues(count) }, `SUB ok.> 1\r\n${subscription}`);
        const lines = msg("ok.a", /\d/.exec(subscription)![0]).repeat(2000);
        return stepsOf(wire.host, () => assertSame(wire.server(lines), lines, "to the client"));
      };
      const [few, much] = [spentOn(1), spentOn(many)];
      assert.ok(much < 2 * few, `${much} steps under ${many} entries, ${few} under one`);
    }
  });

  it("are looked at up to that bound where rules in DRY_RUN are asked about deliveries, all of which pass", () => {
    const config = { ...policy(), rules: deniesQueues(MANY), mode: "DRY_RUN" };
    const spentOn = (count: number): number => {
      const wire = connectedUnder(config, `SUB ok.> 1\r\n${MEMBERS[0]}`);
      const lines = msg("ok.a", "2").repeat(count);
      const spentSteps = stepsOf(wire.host, () => assertSame(wire.server(lines), lines, "to the client"));
      assert.deepEqual(
        auditOf(wire.host).filter(({ event }) => event === "refused"),
        [],
      );
      return spentSteps;
    };
    const [few, much] = [spentOn(1000), spentOn(10_000)];
    assert.ok(much < 2 * few, `${few} steps for 1,000 deliveries, ${much} for 10,000`);
  });

  it("are looked at up to that bound for deliveries that nobody has asked for, which are kept back", () => {
    const spentOn = (count: number): number => {
      const wire = connectedUnder({ ...policy(), rules: deniesQueues(MANY) });
      return stepsOf(wire.host, () => assertSame(wire.server(msg("ok.a", "77").repeat(count)), "", "to the client"));
    };
    const [few, much] = [spentOn(1000), spentOn(10_000)];
    assert.ok(much < 4 * few, `${few} steps for 1,000 deliveries, ${much} for 10,000`);
  });

  it("refuse members of queues beyond that bound, and the next chunk has a bound of its own", () => {
    const wire = connectedUnder({ ...policy(), rules: deniesQueues(MANY) });
    const lines = numbers(1000).map((i) => `SUB ok.a q7000 s${i}\r\n`);
    const sent = wire.client(lines.join(""));
    const passed = lines.findIndex((line) => !sent.includes(line));
    // 1,048,576 steps, one for each entry.
    assert.equal(passed, Math.ceil(2 ** 20 / MANY));
    assertSame(sent, lines.slice(0, passed).join("") + PING.repeat(1000 - passed), "to the server");
    assert.equal(wire.server(PONG), subscriptionViolation("ok.a", "q7000"));
    assert.equal(wire.client(lines[999]!), lines[999]);
    const { reason, rule } = auditOf(wire.host).find(({ event }) => event === "refused")!;
    assert.deepEqual([reason, rule], ["queue_over_deny", null]);
  });
});

it("a configuration with thousands of keys that nobody knows takes hardly longer to refuse than one of such values", () => {
  const spent = (mistake: (i: number) => object): number => {
    const host = new Host(counting);
    const rules = Array.from({ length: 5000 }, (_, i) => mistake(i));
    return stepsOf(host, () => assert.equal(host.configure({ ...policy(), rules }).accepted, false));
  };
  const values = spent((i) => ({ name: `r${i}`, from: "everybody" }));
  const keys = spent((i) => ({ name: `r${i}`, form: "everybody" }));
  assert.ok(keys < 2 * values, `${keys} steps, ${values} for values`);
});
