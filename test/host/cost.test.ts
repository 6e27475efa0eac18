import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { run } from "../../tools/command.ts";
import { inRoot } from "../../tools/paths.ts";
import { Host } from "./host.ts";
import { configuredHost, CONNECT, hpub, INFO, msg, PING, policy, PONG, pub, stat, Wire, type Policy } from "./wire.ts";

/**
 * The filter compiled with AssemblyScript's `stub` runtime, which never gives memory back: an allocation of even one
 * byte for each message shows as growth of the linear memory, where a collector would hide it.
 */
async function compileWithoutCollector(): Promise<WebAssembly.Module> {
  const folder = mkdtempSync(join(tmpdir(), "istio-nats-stub-"));
  try {
    const outFile = join(folder, "filter.wasm");
    const compiler = inRoot("node_modules", "assemblyscript", "bin", "asc.js");
    // The debug target is quick to compile; where memory is taken does not depend on it.
    const options = ["--target", "debug", "--runtime", "stub", "--optimizeLevel", "1", "--outFile", outFile];
    const files = ["--textFile", join(folder, "filter.wat")];
    const { status, output } = await run(process.execPath, [compiler, ...options, ...files], { cwd: inRoot() });
    if (status !== 0) throw new Error(`the filter does not compile:\n${output}`);
    return new WebAssembly.Module(readFileSync(outFile));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const HEADERS = "NATS/1.0\r\nA: b\r\n\r\n";
const TRACED = "NATS/1.0\r\nNats-Trace-Dest: no.trace\r\n\r\n";

describe("memory for messages, counted by a runtime that never gives any back", () => {
  let module: WebAssembly.Module;
  before(async () => {
    module = await compileWithoutCollector();
  });

  const MESSAGES = 100_000;

  function connected(config: Policy = {}): Wire {
    const host = new Host(module);
    assert.ok(host.configure(policy(config)).accepted);
    return Wire.connected(host);
  }

  /** Runs `step` until it has handled MESSAGES; after a tenth of them not a page more may be taken. */
  function assertFlat(wire: Wire, perStep: number, step: () => void): void {
    let pages = 0;
    for (let done = 0; done < MESSAGES; done += perStep) {
      if (pages === 0 && done >= MESSAGES / 10) pages = wire.host.memoryPages;
      step();
    }
    assert.equal(wire.host.memoryPages, pages);
  }

  const RULES: [name: string, config: Policy][] = [
    ["with one rule", {}],
    ["with wildcards and denies", { rule: { publish: { allow: ["ok.>", "*.x.*"], deny: ["ok.secret.*", "*.y.>"] } } }],
    ["in DRY_RUN", { mode: "DRY_RUN" }],
  ];

  for (const [name, config] of RULES) {
    it(`allowed operations take none, ${name}`, () => {
      const wire = connected(config);
      const operations = pub("ok.1", "x") + pub("ok.x.2", "y", "ok.r") + hpub("ok.3", HEADERS, "z") + PING;
      assertFlat(wire, 4, () => {
        wire.client(operations);
        wire.server(PONG);
      });
    });

    it(`deliveries take none, ${name}`, () => {
      const wire = connected(config);
      wire.client("SUB ok.* 1\r\nSUB ok.1 2 3\r\n");
      const deliveries = msg("ok.1", "1", "x") + msg("ok.2", "3", "yz", "r.1") + `${msg("ok.1", "1")}+OK\r\n`;
      assertFlat(wire, 4, () => wire.server(deliveries));
    });
  }

  it("operations on ever new subjects take none", () => {
    const wire = connected();
    let n = 0;
    assertFlat(wire, 2, () => {
      n++;
      wire.client(pub(`ok.${n}.${n % 7}`, "x") + pub(`ok.a.b.c.${n}`));
    });
  });

  it("operations cut in their line and in their payload take none", () => {
    const wire = connected();
    const one = pub("ok.some.subject", "a payload");
    assertFlat(wire, 1, () => {
      wire.client(one.slice(0, 9));
      wire.client(one.slice(9, 28));
      wire.client(one.slice(28));
    });
  });

  it("refused operations and their texts take none, once the audit's burst is over", () => {
    const wire = connected({ audit: { refusalsPerSecond: 1, burst: 1 } });
    const refused = pub("no.1", "x") + "SUB no.2 1\r\n" + hpub("ok.1", TRACED) + pub("ok.1", "", "no.r");
    assertFlat(wire, 4, () => {
      wire.client(refused);
      wire.server(PONG.repeat(4));
    });
  });

  it("connections take some, as a proof that this runtime shows it", () => {
    const wire = connected();
    const before = wire.host.memoryPages;
    for (let i = 0; i < 2000; i++) {
      const other = Wire.connected(wire.host);
      other.connection.close("client");
    }
    assert.ok(wire.host.memoryPages > before);
  });

  it("deliveries that are kept back take none", () => {
    const wire = connected({
      rule: { subscribe: { allow: ["ok.>"], deny: ["ok.secret"] } },
      audit: { refusalsPerSecond: 1, burst: 1 },
    });
    wire.client("SUB ok.* 1\r\n");
    assertFlat(wire, 2, () => wire.server(msg("ok.secret", "1", "x") + msg("ok.1", "1", "x")));
  });
});

describe("host calls of a callback", () => {
  function callsOf(host: Host, act: () => void): Record<string, number> {
    host.resetCounts();
    act();
    return Object.fromEntries(Object.entries(host.counts).filter(([, count]) => count > 0));
  }

  it("are one read for a chunk of allowed operations, however many they are", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    for (const chunk of [pub("ok.1", "x"), pub("ok.1", "x".repeat(100)).repeat(2000)]) {
      assert.deepEqual(
        callsOf(host, () => wire.client(chunk)),
        { proxy_get_buffer_bytes: 1 },
      );
    }
    wire.client("SUB ok.> 1\r\n");
    assert.deepEqual(
      callsOf(host, () => wire.server(msg("ok.1", "1", "x").repeat(1000))),
      { proxy_get_buffer_bytes: 1 },
    );
  });

  it("are none while a payload fills the chunk", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    const payload = "x".repeat(900_000);
    const whole = pub("ok.1", payload);
    wire.client(whole.slice(0, 100));
    assert.deepEqual(
      callsOf(host, () => wire.client(whole.slice(100, 800_000))),
      {},
    );
    assert.deepEqual(
      callsOf(host, () => wire.client(whole.slice(800_000))),
      {},
    );
    const delivery = msg("ok.1", "1", payload);
    wire.server(delivery.slice(0, 100));
    assert.deepEqual(
      callsOf(host, () => wire.server(delivery.slice(100))),
      {},
    );
  });

  it("are one read behind a payload that began in an earlier chunk", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    const whole = pub("ok.1", "x".repeat(100_000));
    wire.client(whole.slice(0, 50_000));
    assert.deepEqual(
      callsOf(host, () => wire.client(whole.slice(50_000) + pub("ok.2"))),
      { proxy_get_buffer_bytes: 1 },
    );
  });

  it("are one read and one edit for a chunk with refusals, and one look at the clock for the audit", () => {
    const host = configuredHost({ audit: { refusalsPerSecond: 1, burst: 1 } });
    const wire = Wire.connected(host);
    wire.client(pub("no.1"));
    wire.server(PONG);
    assert.deepEqual(
      callsOf(host, () => wire.client((pub("no.1") + pub("ok.1")).repeat(500))),
      { proxy_get_buffer_bytes: 1, proxy_get_current_time_nanoseconds: 1, proxy_set_buffer_bytes: 1 },
    );
    assert.deepEqual(
      callsOf(host, () => wire.server(PONG.repeat(500))),
      { proxy_get_buffer_bytes: 1, proxy_set_buffer_bytes: 1 },
    );
  });

  it("for the stats come with the tick: one for each series that changed, however many messages there were", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    wire.client(pub("ok.1", "x"));
    host.tick();
    wire.client(pub("ok.1", "x").repeat(1000));
    const calls = callsOf(host, () => host.tick());
    assert.equal(calls["proxy_increment_metric"], 2);
    assert.equal(calls["proxy_define_metric"], undefined);
    assert.equal(stat(host, "istio_nats_messages_total", { operation: "PUB", verdict: "allowed" }), 1001);
    assert.equal(stat(host, "istio_nats_bytes_total", { operation: "PUB", verdict: "allowed" }), 1001);
  });
});

describe("memory of connections", () => {
  it("is given back: 100,000 of them with traffic, half of them reset inside a frame, leave it where it was", () => {
    const rule = { subscribe: { allow: ["ok.>"], deny: ["ok.secret"] }, allow_responses: { max: 3, expires: "1m" } };
    const host = configuredHost({ rule });
    let pages = 0;
    for (let i = 0; i < 100_000; i++) {
      const wire = Wire.connected(host);
      wire.client(`SUB ok.* 1\r\nSUB ok.a 2\r\nUNSUB 2 1\r\n${pub("no.1")}${pub("ok.1", "x")}${PING}PUB ok.1 5\r\nab`);
      wire.server(PONG + msg("ok.a", "1", "x", "r.1") + msg("ok.a", "2", "x") + "MSG ok.b 1 5\r\nab");
      if (i % 2 === 0) wire.client("cde\r\n", true);
      wire.connection.close("client");
      if (i % 1000 === 0) {
        host.tick();
        host.logs.length = 0;
      }
      if (i === 20_000) pages = host.memoryPages;
    }
    assert.equal(host.memoryPages, pages);
    assert.equal(stat(host, "istio_nats_connections_opened_total", { verdict: "allowed" }), 100_000);
    assert.equal(stat(host, "istio_nats_connections_closed_total"), 100_000);
  });

  it("is given back by connections that never say anything, and by those that are refused", () => {
    const host = configuredHost();
    let pages = 0;
    for (let i = 0; i < 50_000; i++) {
      const silent = new Wire(host);
      silent.server(INFO);
      silent.connection.close("server");
      const refused = new Wire(host, null);
      refused.server(INFO);
      refused.client(CONNECT);
      refused.connection.close("client");
      if (i % 1000 === 0) host.logs.length = 0;
      if (i === 10_000) pages = host.memoryPages;
    }
    assert.equal(host.memoryPages, pages);
  });

  it("is little for each open one: below 2 KiB", () => {
    const host = configuredHost();
    for (let i = 0; i < 1000; i++) Wire.connected(host).client("SUB ok.1 1\r\n");
    const before = host.memoryPages;
    for (let i = 0; i < 10_000; i++) Wire.connected(host).client("SUB ok.1 1\r\n");
    const each = ((host.memoryPages - before) * 65_536) / 10_000;
    assert.ok(each < 2048, `${each} bytes`);
  });

  it("does not grow with the number of principals that have come and gone", () => {
    const host = configuredHost();
    let pages = 0;
    for (let i = 0; i < 60_000; i++) {
      const wire = new Wire(host, `spiffe://cluster.local/ns/n${i}/sa/account-${i}`);
      wire.server(INFO);
      wire.client(CONNECT + pub("ok.1") + pub("no.1"));
      wire.connection.close("client");
      if (i % 1000 === 0) host.logs.length = 0;
      if (i === 30_000) pages = host.memoryPages;
    }
    // What is remembered of principals begins anew now and then, so the level swings a little.
    assert.ok(host.memoryPages <= pages * 1.1, `${host.memoryPages} pages after ${pages}`);
  });
});
