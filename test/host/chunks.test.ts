import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Host } from "./host.ts";
import { freshSeed, Random } from "./random.ts";
import {
  assertSame,
  configuredHost,
  hpub,
  msg,
  PING,
  policy,
  PONG,
  pub,
  publishViolation,
  stat,
  Wire,
  type Policy,
} from "./wire.ts";

/** Bytes of one read (assembly/proxy/memory.ts). */
const WINDOW = 1088 * 1024;
const MIB = 1 << 20;
const HEADERS = "NATS/1.0\r\nA: b\r\n\r\n";

/** nats-server with a max_payload of 8 MiB, so that a payload can be larger than any chunk. */
const INFO_8_MIB = `INFO {"headers":true,"max_payload":${8 * MIB}} \r\n`;

function filled(length: number, text = "payload. "): string {
  return text.repeat(Math.ceil(length / text.length)).slice(0, length);
}

/** Operations, what nats-server reads of them, and what the client reads once all PINGs are answered. */
class Traffic {
  client = "";
  toServer = "";
  toClient = "";

  allowed(operation: string): this {
    this.client += operation;
    this.toServer += operation;
    return this;
  }

  refused(subject: string, payload: string): this {
    this.client += pub(subject, payload);
    this.toServer += PING;
    this.toClient += publishViolation(subject);
    return this;
  }

  get pings(): number {
    return this.toServer.split("\r\n").filter((line) => line === "PING").length;
  }
}

/** Plays `traffic` in chunks of these sizes. The last size repeats. */
function assertPlays(traffic: Traffic, sizes: readonly number[], what: string, config: Policy = {}): void {
  const wire = Wire.connected(configuredHost(config), { info: INFO_8_MIB });
  let toServer = "";
  for (let at = 0, i = 0; at < traffic.client.length; i++) {
    const size = sizes[Math.min(i, sizes.length - 1)]!;
    toServer += wire.client(traffic.client.slice(at, at + size));
    at += size;
  }
  assertSame(toServer, traffic.toServer, `${what}, to the server`);
  assertSame(wire.server(PONG.repeat(traffic.pings)), traffic.toClient, `${what}, to the client`);
}

// outstandingReplies must not hold these; another test covers that.
const PATIENT: Policy = { limits: { outstandingReplies: 16 * MIB } };

describe("a chunk of a client", () => {
  // At a buffer limit of 1 MiB, Envoy handed over up to 1,064,960 bytes.
  for (const size of [256 * 1024, 1_064_960, 3 * MIB]) {
    it(`of ${size} bytes of small allowed operations passes unchanged`, () => {
      const one = pub("ok.1", filled(40));
      const traffic = new Traffic().allowed(one.repeat(Math.floor(size / one.length)));
      assertPlays(traffic, [size], "in one chunk");
    });

    it(`of ${size} bytes of small refused operations becomes as many PINGs`, () => {
      const traffic = new Traffic();
      const count = Math.floor(size / pub("no.1", filled(40)).length);
      for (let i = 0; i < count; i++) traffic.refused(`no.${i % 10}`, filled(40));
      assertPlays(traffic, [size], "in one chunk", PATIENT);
    });

    it(`of ${size} bytes with an edit every 20 KiB is edited everywhere and nowhere else`, () => {
      const traffic = new Traffic();
      while (traffic.client.length < size) {
        traffic
          .allowed(pub("ok.1", filled(10_000)))
          .refused("no.1", filled(1000))
          .allowed(pub("ok.2", filled(9000)));
      }
      assertPlays(traffic, [traffic.client.length], "in one chunk");
      assertPlays(traffic, [1_064_960], "in chunks as Envoy makes them");
    });
  }

  it("larger than the read window that ends inside a line passes up to that line, and its rest with the next", () => {
    const one = pub("ok.1", filled(40));
    const traffic = new Traffic().allowed(one.repeat(Math.floor((3 * MIB) / one.length)));
    const lines = Math.floor((2 * WINDOW + 1000) / one.length) * one.length;
    for (const begun of [1, 4, 9]) assertPlays(traffic, [lines + begun, 4 * MIB], `${begun} bytes of a line`);
  });

  it("with an edit behind a payload of 900 KiB is edited there", () => {
    const traffic = new Traffic()
      .allowed(pub("ok.1", filled(900 * 1024)))
      .refused("no.1", "x")
      .allowed(PONG);
    assertPlays(traffic, [traffic.client.length], "in one chunk");
  });

  it("with an edit before and after a payload of 3 MiB is edited in both places", () => {
    const traffic = new Traffic()
      .refused("no.1", "x")
      .allowed(pub("ok.1", filled(3 * MIB)))
      .refused("no.2", "y");
    assertPlays(traffic, [traffic.client.length], "in one chunk");
  });

  it("that is filled by a refused payload of 8 MiB becomes nothing until the payload ends", () => {
    const traffic = new Traffic().refused("no.1", filled(8 * MIB)).allowed(pub("ok.1", "after"));
    for (const size of [32 * 1024, 1_064_960, 3 * MIB, 9 * MIB]) assertPlays(traffic, [size], `chunks of ${size}`);
  });

  it("that ends inside a payload, a line or headers continues in the next one, wherever it ends", () => {
    const traffic = new Traffic()
      .allowed(pub("ok.1", filled(450_000)))
      .refused("no.1", filled(450_000))
      .allowed(hpub("ok.2", HEADERS, filled(450_000)))
      .refused("no.2", filled(10));
    // All chunk ends around each border of an operation and of the window in which a chunk is read.
    const borders = [0, 450_013, 900_000, 900_030, 1_350_050, 1_350_090, WINDOW];
    for (const border of borders) {
      for (let at = border - 8; at <= border + 40; at += 3) {
        if (at > 0) assertPlays(traffic, [at, 4 * MIB], `first chunk of ${at}`);
      }
    }
  });

  it("with an operation at any position across the end of the read window is read alike", () => {
    const one = pub("ok.1", filled(1000));
    const many = one.repeat(Math.floor(WINDOW / one.length) - 2);
    for (let before = -2; before <= 60; before++) {
      const missing = WINDOW - before - many.length - one.length;
      const traffic = new Traffic()
        .allowed(many)
        .allowed(pub("ok.1", filled(1000 + missing)))
        .refused("no.1", filled(20))
        .allowed(pub("ok.2"));
      assertPlays(traffic, [traffic.client.length], `${before} bytes of it before`);
    }
  });

  it("with control lines of 4,096 bytes across the read windows is read alike", () => {
    const name = filled(4080, "token.").replace(/\.$/, "x");
    const traffic = new Traffic();
    for (let i = 0; i < 400; i++) {
      traffic.allowed(pub(`ok.${name}`)).refused(`no.${name}`, "z");
    }
    assertPlays(traffic, [4 * MIB], "in one chunk", PATIENT);
  });

  it("with header blocks of 16 KiB across the read windows is read alike", () => {
    const block = `NATS/1.0\r\nA: ${filled(16_384 - 17)}\r\n\r\n`;
    const traffic = new Traffic();
    for (let i = 0; i < 100; i++) traffic.allowed(hpub("ok.1", block, filled(i))).refused("no.1", "z");
    assertPlays(traffic, [4 * MIB], "in one chunk");
    assertPlays(traffic, [10_007], "in chunks smaller than a block");
  });

  it("of any size and mixture is read alike", (t) => {
    const random = new Random(freshSeed());
    t.diagnostic(`TEST_SEED=${random.seed}`);
    for (let round = 0; round < 30; round++) {
      const traffic = new Traffic();
      while (traffic.client.length < 2 * MIB) {
        const size = random.pick([0, 1, 15, 100, 4000, 60_000, 262_143, 400_000]);
        const payload = filled(random.below(size + 1));
        if (random.below(2) === 0) traffic.allowed(pub(`ok.${random.below(9)}`, payload));
        else traffic.refused(`no.${random.below(9)}`, payload);
      }
      const sizes = Array.from({ length: 40 }, () => 1 + random.below(random.pick([10, 5000, 300_000, 2 * MIB])));
      assertPlays(traffic, [...sizes, MIB], `TEST_SEED=${random.seed}, round ${round}`, PATIENT);
    }
  });
});

describe("a chunk of a server", () => {
  it("of 3 MiB with PONGs that become texts between large messages is edited there and nowhere else", () => {
    const wire = Wire.connected(configuredHost());
    const count = 300;
    wire.client(pub("no.1").repeat(count));
    const one = msg("ok.1", "1", filled(10_000));
    const server = `${one}${PONG}`.repeat(count);
    assertSame(wire.server(server), `${one}${publishViolation("no.1")}`.repeat(count), "to the client");
  });

  it("grows: 2,000 PONGs become as many texts of 4 KiB", () => {
    const name = `no.${filled(4000, "token.")}x`;
    const wire = Wire.connected(configuredHost({ limits: { outstandingReplies: 16 * MIB } }));
    for (let i = 0; i < 20; i++) wire.client(pub(name).repeat(100));
    assertSame(wire.server(PONG.repeat(2000)), publishViolation(name).repeat(2000), "to the client");
  });

  it("is filtered before, inside and after payloads of 3 MiB", () => {
    const host = configuredHost({ rule: { subscribe: { allow: ["ok.>"], deny: ["ok.secret"] } } });
    const wire = Wire.connected(host, { info: INFO_8_MIB });
    wire.client("SUB ok.* 1\r\n");
    const shown = msg("ok.1", "1", filled(3 * MIB));
    const hidden = msg("ok.secret", "1", filled(3 * MIB));
    const server = hidden + shown + hidden + hidden + shown;
    for (const size of [50_000, 1_064_960, server.length]) {
      let toClient = "";
      for (let at = 0; at < server.length; at += size) toClient += wire.server(server.slice(at, at + size));
      assertSame(toClient, shown + shown, `chunks of ${size}`);
    }
  });
});

/** Asserts that the tick closes the connection, and that what the host did not do is counted once. */
function assertEndedByHost(host: Host, wire: Wire): void {
  host.tick();
  assert.ok(wire.connection.closed);
  assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "host" }), 1);
}

describe("a chunk that the host does not let the filter edit, or read,", () => {
  const rule = { subscribe: { allow: ["ok.>"], deny: ["ok.secret"] } };
  const secret = msg("ok.secret", "1", "secret");

  for (const call of ["proxy_set_buffer_bytes", "proxy_get_buffer_bytes"]) {
    it(`does not pass in either direction, and its connection is closed: ${call}`, () => {
      for (const fromServer of [false, true]) {
        const host = configuredHost({ rule });
        const wire = Wire.connected(host);
        wire.client("SUB ok.* 1\r\n");
        host.refuse(call);
        assert.equal(fromServer ? wire.server(secret) : wire.client(pub("no.1")), "");
        assert.equal(wire.client(pub("no.2") + pub("ok.2")), "");
        assert.equal(wire.server(secret + msg("ok.2", "1")), "");
        assert.equal(wire.client("", true), "");
        assertEndedByHost(host, wire);
      }
    });
  }

  for (const [what, bytes] of [
    ["its last byte", 1],
    ["all of it", 1000],
  ] as const) {
    it(`does not pass in either direction, and its connection is closed: ${what} is not handed over`, () => {
      for (const fromServer of [false, true]) {
        const host = configuredHost({ rule });
        const wire = Wire.connected(host);
        wire.client("SUB ok.* 1\r\n");
        // What a read leaves in the window is what the one before has left there.
        const allowed = fromServer ? wire.server(msg("ok.2", "1", "allowed")) : wire.client(pub("ok.2", "allowed"));
        assert.notEqual(allowed, "");
        host.withhold(bytes);
        assert.equal(fromServer ? wire.server(allowed) : wire.client(allowed), "");
        assert.equal(wire.client(pub("ok.2")), "");
        assertEndedByHost(host, wire);
      }
    });
  }

  it("is not taken for one that ends where the window does, if only a later read of it fails", () => {
    for (const fromServer of [false, true]) {
      const host = configuredHost({ rule });
      const wire = Wire.connected(host);
      wire.client("SUB ok.* 1\r\n");
      const many = fromServer ? msg("ok.1", "1", filled(1000)) : pub("ok.1", filled(1000));
      const chunk = many.repeat(Math.ceil(WINDOW / many.length) - 1);
      const line = `${fromServer ? "MSG" : "PUB"} ok.${"x".repeat(WINDOW - chunk.length)}`;
      host.refuseOnce("proxy_get_buffer_bytes", 1);
      const send = (text: string): string => (fromServer ? wire.server(text) : wire.client(text));
      assert.equal(send(`${chunk}${line} 1 5\r\nabcde\r\n`.slice(0, WINDOW + 10)), "");
      assert.equal(send("y 1 5\r\nabcde\r\n"), "");
      assertEndedByHost(host, wire);
    }
  });

  it("does not pass without the payload before an edit, if only the read of that fails", () => {
    for (const fromServer of [false, true]) {
      const host = configuredHost({ rule });
      const wire = Wire.connected(host, { info: INFO_8_MIB });
      wire.client("SUB ok.* 1\r\n");
      const large = filled(3 * MIB);
      const chunk = fromServer ? msg("ok.1", "1", large) + secret : pub("ok.1", large) + pub("no.1");
      // One read is of the beginning, one of the line behind the payload.
      host.refuseOnce("proxy_get_buffer_bytes", 2);
      assertSame(fromServer ? wire.server(chunk) : wire.client(chunk), "", "the chunk");
      assertEndedByHost(host, wire);
    }
  });

  it("does not pass either if it was held back before, nor behind the line that ends a stream", () => {
    const held = configuredHost({ limits: { outstandingReplies: 1024 } });
    const flooding = Wire.connected(held);
    while (flooding.connection.heldDownstream === 0) flooding.client(pub("no.1"));
    held.refuse("proxy_set_buffer_bytes");
    flooding.server(PONG.repeat(1000));
    assert.equal(flooding.released(), "");
    const ending = configuredHost();
    const broken = Wire.connected(ending);
    ending.refuse("proxy_set_buffer_bytes");
    assert.equal(broken.client(`BOGUS\r\n${pub("no.1")}`), "");
  });

  it("does not pass if it was held back before, and the host does not tell whether it holds more than it had announced", () => {
    const host = configuredHost({ limits: { outstandingReplies: 1024 } });
    const wire = Wire.connected(host);
    while (wire.connection.heldDownstream === 0) wire.client(pub("no.1"));
    // The first read is of the PONGs.
    host.refuseOnce("proxy_get_buffer_bytes", 1);
    wire.server(PONG.repeat(1000));
    assert.equal(wire.released(), "");
    assertEndedByHost(host, wire);
  });

  it("passes in DRY_RUN, unread where it cannot be read", () => {
    for (const call of ["proxy_set_buffer_bytes", "proxy_get_buffer_bytes"]) {
      const host = configuredHost({ mode: "DRY_RUN", rule });
      const wire = Wire.connected(host);
      host.refuse(call);
      assert.equal(wire.client(pub("no.1")), pub("no.1"));
      assert.equal(wire.server(secret), secret);
    }
  });

  it("leaves the chunks of other connections alone", () => {
    const host = configuredHost();
    const [one, other] = [Wire.connected(host), Wire.connected(host)];
    host.refuse("proxy_set_buffer_bytes");
    one.client(pub("no.1"));
    one.server(PONG);
    host.refuse();
    assert.equal(other.client("", true), "");
    assert.ok(other.connection.clientEnded);
    assert.equal(other.server(PING), PING);
  });
});

describe("what is written before a line that an earlier chunk has begun", () => {
  /** Bytes that are collected before they go to the host (assembly/proxy/memory.ts). */
  const OUT = 384 * 1024;

  for (const beyond of [-4000, -1, 0, 1, 3000]) {
    it(`${OUT} bytes and ${beyond} with that beginning, leaves the client's chunk as it is`, () => {
      const rule = { subscribe: { allow: ["ok.>"], deny: ["ok.secret.>"] } };
      const wire = Wire.connected(configuredHost({ rule }));
      const sids = Array.from({ length: 96 }, (_, i) => String(i).padStart(4040, "0"));
      for (const sid of sids) {
        wire.client(`SUB ok.> ${sid}\r\nUNSUB ${sid} 1\r\n`);
        wire.server(PONG);
      }
      const unsubs = sids.map((sid) => `UNSUB ${sid}\r\n${PING}`).join("");
      const begun = "PUB".padEnd(OUT - unsubs.length + beyond);
      wire.client(begun);
      for (const sid of sids) wire.server(msg("ok.a", sid));
      const rest = `ok.a 3\r\nabc\r\n${pub("ok.b", "def")}`;
      assertSame(wire.client(rest), unsubs + begun + rest, "to the server");
      assert.equal(wire.server(PONG.repeat(sids.length)), "");
      assertSame(wire.client(pub("ok.c")), pub("ok.c"), "behind it");
    });
  }

  // The last is written in several parts.
  for (const beyond of [-4000, -1, 0, 1, 3000, 2 * OUT]) {
    it(`${OUT} bytes and ${beyond} with that beginning, leaves nats-server's chunk as it is`, () => {
      const allow = ["ok.>", "gone.>"];
      const host = configuredHost({ rule: { subscribe: { allow } } });
      const wire = Wire.connected(host);
      const noticeOf = (sid: string): string =>
        `-ERR 'Permissions Violation for Subscription to "gone.x" (sid "${sid}")'\r\n`;
      const begun = "MSG ok.a 1 ";
      const most = 4060;
      const sids: string[] = [];
      for (let left = OUT + beyond - begun.length; left > 0; left -= noticeOf(sids.at(-1)!).length) {
        sids.push(String(sids.length).padStart(Math.min(most, left - noticeOf("").length), "0"));
      }
      for (const sid of sids) wire.client(`SUB gone.x ${sid}\r\n`);
      wire.server(begun);
      assert.ok(host.configure(policy({ rule: { subscribe: { allow: ["ok.>"] } } })).accepted);
      const rest = `5\r\nhello\r\n${msg("ok.b", "1", "abc")}`;
      const passed = wire.server(rest);
      const noticed = OUT + beyond - begun.length;
      // Deliberately in no order.
      const lines = (text: string): string => text.split("\n").sort().join("\n");
      assertSame(lines(passed.slice(0, noticed)), lines(sids.map(noticeOf).join("")), "the notices");
      assertSame(passed.slice(noticed), begun + rest, "behind them");
      assertSame(wire.server(msg("ok.c", "1")), msg("ok.c", "1"), "later");
    });
  }
});
