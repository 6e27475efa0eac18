import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connected, policyOf } from "./changing-policy.ts";
import { Host } from "./host.ts";
import { stepCountingModule, stepsOf } from "./steps.ts";
import {
  assertSame,
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
  VERBOSE_CONNECT,
  Wire,
} from "./wire.ts";

const counting = await stepCountingModule();

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

it("in verbose mode, one subscription too many is answered only by its error", () => {
  const wire = Wire.connected(configuredHost({ limits: { subscriptions: 1 } }), { connect: VERBOSE_CONNECT });
  assert.equal(wire.client("SUB ok.1 1\r\nSUB ok.2 2\r\n"), `SUB ok.1 1\r\n${PING}`);
  assert.equal(wire.server(`+OK\r\n${PONG}`), "+OK\r\n-ERR 'maximum subscriptions exceeded'\r\n");
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
