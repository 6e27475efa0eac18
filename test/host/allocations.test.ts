import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { rules } from "../../bench/policy.ts";
import { countingModule } from "./filter.ts";
import { Host } from "./host.ts";
import { FULL, FULL_DELIVERIES, FULL_OPERATIONS, HEADERS, SUBSCRIBE } from "./hot-messages.ts";
import { hmsg, hpub, msg, PING, policy, PONG, pub, Wire, type Policy } from "./wire.ts";

/**
 * These tests count instead of measuring time, so they hold on any machine, however busy. `npm run bench:micro` measures the time.
 */

const KEPT_BACK = msg("orders.e000.secrets", "1", "x") + hmsg("orders.e000.secrets", "1", HEADERS, "x");

const TRIAL = { name: "trial", mode: "DRY_RUN", from: [{ principals: ["*"] }], publish: { deny: ["orders.v1.>"] } };

const TRACED = "NATS/1.0\r\nNats-Trace-Dest: no.trace\r\n\r\n";

describe("memory for messages, each allocation counted", () => {
  let module: WebAssembly.Module;
  before(async () => {
    module = await countingModule();
  });

  const MESSAGES = 100_000;

  function connectedUnder(whole: object): Wire {
    const host = new Host(module);
    assert.ok(host.configure(whole).accepted);
    return Wire.connected(host);
  }

  function connected(config: Policy = {}): Wire {
    return connectedUnder(policy(config));
  }

  /** Steps after which the tables of what comes once, such as inboxes, have their final size. */
  const SETTLING = 60_000;

  /** Both pass unchanged. */
  function assertExchanges(wire: Wire, delivery: string, answer: string): void {
    assert.equal(wire.server(delivery), delivery);
    assert.equal(wire.client(answer), answer);
  }

  /**
   * Runs `step` until it has handled MESSAGES. The first messages make the tables of connection and principal, and the first tick
   * defines their stats. After that nothing may be allocated, not even if it is freed again.
   */
  function assertTakesNothing({ host }: Wire, perStep: number, step: () => void, settling = 3): void {
    for (let i = 0; i < settling; i++) step();
    host.tick();
    const taken = (): object => ({
      allocations: host.global("allocations"),
      bytes: host.global("allocated_bytes"),
      pages: host.memoryPages,
    });
    const start = taken();
    for (let done = 0; done < MESSAGES; done += perStep) step();
    assert.deepEqual(taken(), start);
  }

  const RULES: [name: string, config: Policy][] = [
    ["with one rule", {}],
    ["with wildcards and denies", { rule: { publish: { allow: ["ok.>", "*.x.*"], deny: ["ok.secret.*", "*.y.>"] } } }],
    ["in DRY_RUN", { mode: "DRY_RUN" }],
  ];

  for (const [name, config] of RULES) {
    it(`is not taken by allowed operations, ${name}`, () => {
      const wire = connected(config);
      const operations = pub("ok.1", "x") + pub("ok.x.2", "y", "ok.r") + hpub("ok.3", HEADERS, "z") + PING;
      assertTakesNothing(wire, 4, () => {
        wire.client(operations);
        wire.server(PONG);
      });
    });

    it(`is not taken by deliveries, ${name}`, () => {
      const wire = connected(config);
      wire.client("SUB ok.* 1\r\nSUB ok.1 2 3\r\n");
      const headed = hmsg("ok.1", "1", HEADERS, "x") + hmsg("ok.2", "3", HEADERS, "yz", "r.2");
      const deliveries = msg("ok.1", "1", "x") + msg("ok.2", "3", "yz", "r.1") + `${headed}${msg("ok.1", "1")}+OK\r\n`;
      assertTakesNothing(wire, 6, () => wire.server(deliveries));
    });
  }

  for (const [name, whole] of [
    ["the bench's policy, with classes of subjects", FULL],
    ["the bench's policy and a rule in DRY_RUN", { ...FULL, rules: [...rules, TRIAL] }],
  ] as const) {
    it(`is not taken by allowed operations and deliveries under ${name}`, () => {
      const wire = connectedUnder(whole);
      wire.client(SUBSCRIBE);
      const [operations, deliveries] = [FULL_OPERATIONS.join(""), FULL_DELIVERIES.join("")];
      assert.equal(wire.client(operations), operations);
      assert.equal(wire.server(PONG + deliveries), PONG + deliveries);
      assertTakesNothing(wire, FULL_OPERATIONS.length + FULL_DELIVERIES.length, () => {
        wire.client(operations);
        wire.server(PONG + deliveries);
      });
    });
  }

  it("is not taken by refusals and withheld deliveries under the bench's policy, with classes of subjects", () => {
    const wire = connectedUnder({ ...FULL, audit: { refusalsPerSecond: 1, burst: 1 } });
    wire.client(SUBSCRIBE);
    const refused = pub("orders.e000.secrets", "x") + pub("audit.a") + "SUB audit.a.raw 9\r\n";
    assert.equal(wire.client(refused), PING.repeat(3));
    wire.server(PONG.repeat(3));
    assert.equal(wire.server(KEPT_BACK), "");
    assertTakesNothing(wire, 5, () => {
      wire.client(refused);
      wire.server(PONG.repeat(3) + KEPT_BACK);
    });
  });

  it("is not taken by operations on ever new subjects under the bench's policy, with classes of subjects", () => {
    const wire = connectedUnder(FULL);
    let n = 0;
    assertTakesNothing(wire, 2, () => {
      n++;
      wire.client(pub(`orders.e${n}.created`, "x") + pub(`payments.${n}.charge`));
    });
  });

  /** As nats.go and nats.js make them: a prefix for each connection, and a token that never comes again. */
  const newInbox = (n: number): string => `_INBOX.Kd8s2LmQx0ZtV5rYbN7cWf.${n.toString(36).padStart(8, "0")}`;
  const newAcknowledgement = (n: number): string => `$JS.ACK.ORDERS.work.1.${n}.${n}.1764012345678901234.0`;

  it("is not taken by requests with ever new inboxes under the bench's policy, nor by their answers", () => {
    const wire = connectedUnder(FULL);
    wire.client(`SUB ${newInbox(0).slice(0, -8)}* 1\r\n`);
    let n = 0;
    const step = (): void => {
      const inbox = newInbox(++n);
      const [request, answer] = [pub("orders.e000.created", "question", inbox), msg(inbox, "1", "answer")];
      assert.equal(wire.client(request), request);
      assert.equal(wire.server(answer), answer);
    };
    assertTakesNothing(wire, 2, step, SETTLING);
  });

  it("is not taken by requests with ever new inboxes that nobody answers, under the bench's policy", () => {
    const wire = connectedUnder(FULL);
    let n = 0;
    assertTakesNothing(wire, 1, () => wire.client(pub("orders.e000.created", "question", newInbox(++n))), SETTLING);
  });

  it("is not taken by ever new acknowledgements of JetStream under the bench's policy, nor by their deliveries", () => {
    const wire = connectedUnder(FULL);
    wire.client(SUBSCRIBE);
    let n = 0;
    const step = (): void => {
      const reply = newAcknowledgement(++n);
      const [delivery, acknowledgement] = [msg("orders.e000.created", "1", "x", reply), pub(reply, "+ACK")];
      assertExchanges(wire, delivery, acknowledgement);
    };
    assertTakesNothing(wire, 2, step, SETTLING);
  });

  it("is not taken by delivered requests with ever new inboxes under the bench's policy, nor by their replies", () => {
    const wire = connectedUnder(FULL);
    wire.client(SUBSCRIBE);
    let n = 0;
    const step = (): void => {
      const inbox = newInbox(++n);
      const [request, reply] = [msg("orders.e000.created", "1", "question", inbox), pub(inbox, "answer")];
      assertExchanges(wire, request, reply);
    };
    assertTakesNothing(wire, 2, step, SETTLING);
    // Only the grant allows these: without a request nobody may publish to an inbox.
    assert.equal(wire.client(pub(newInbox(n), "answer")), PING);
  });

  it("is taken by a record of a refusal in proportion to what it quotes", () => {
    const wire = connectedUnder({ ...policy(), audit: { refusalsPerSecond: 1000, burst: 1000 } });
    const takes = (bytes: number): number => {
      const refused = pub(`no.${"\x01".repeat(bytes)}`);
      for (let i = 0; i < 3; i++) wire.client(refused);
      const before = wire.host.global("allocated_bytes");
      for (let i = 0; i < 10; i++) wire.client(refused);
      return wire.host.global("allocated_bytes") - before;
    };
    const [half, whole] = [takes(120), takes(240)];
    assert.ok(whole < 2.5 * half, `${half} bytes for 120 of a subject, ${whole} for 240`);
  });

  it("is not taken by operations on ever new subjects", () => {
    const wire = connected();
    let n = 0;
    assertTakesNothing(wire, 2, () => {
      n++;
      wire.client(pub(`ok.${n}.${n % 7}`, "x") + pub(`ok.a.b.c.${n}`));
    });
  });

  it("is not taken by operations cut in their line and in their payload", () => {
    const wire = connected();
    const one = pub("ok.some.subject", "a payload");
    assertTakesNothing(wire, 1, () => {
      wire.client(one.slice(0, 9));
      wire.client(one.slice(9, 28));
      wire.client(one.slice(28));
    });
  });

  it("is not taken by deliveries cut in their line and in their payload", () => {
    const wire = connected();
    wire.client("SUB ok.> 1\r\n");
    const one = msg("ok.some.subject", "1", "a payload") + hmsg("ok.some.subject", "1", HEADERS, "a payload");
    assertTakesNothing(wire, 2, () => {
      for (let at = 0; at < one.length; at += 17) wire.server(one.slice(at, at + 17));
    });
  });

  it("is not taken by deliveries to a subscription with a maximum", () => {
    const wire = connected();
    wire.client(`SUB ok.> 1\r\nUNSUB 1 ${10 * MESSAGES}\r\n`);
    wire.server(PONG);
    const deliveries = msg("ok.1", "1", "x") + hmsg("ok.1", "1", HEADERS, "x");
    assertTakesNothing(wire, 2, () => assert.equal(wire.server(deliveries), deliveries));
  });

  it("is not taken by operations and deliveries of which the audit records one of very many", () => {
    const wire = connected({ audit: { sample: 1_000_000_000 } });
    wire.client("SUB ok.> 1\r\n");
    const operations = pub("ok.1", "x") + hpub("ok.2", HEADERS, "x", "ok.r");
    const deliveries = msg("ok.1", "1", "x") + hmsg("ok.2", "1", HEADERS, "x", "r.1");
    assertTakesNothing(wire, 4, () => {
      assertExchanges(wire, deliveries, operations);
    });
  });

  it("is not taken by full chunks of many messages, wherever they are cut", () => {
    const wire = connected();
    const stream = pub("ok.some.subject", "x".repeat(100)).repeat(1000);
    assertTakesNothing(wire, 1000, () => {
      for (let at = 0; at < stream.length; at += 16_384) wire.client(stream.slice(at, at + 16_384));
    });
  });

  it("is not taken by refused operations and their texts, once the audit's burst is used up", () => {
    const wire = connected({ audit: { refusalsPerSecond: 1, burst: 1 } });
    const refused = pub("no.1", "x") + "SUB no.2 1\r\n" + hpub("ok.1", TRACED) + pub("ok.1", "", "no.r");
    assertTakesNothing(wire, 4, () => {
      wire.client(refused);
      wire.server(PONG.repeat(4));
    });
  });

  it("is not taken by withheld deliveries", () => {
    const wire = connected({
      rule: { subscribe: { allow: ["ok.>"], deny: ["ok.secret"] } },
      audit: { refusalsPerSecond: 1, burst: 1 },
    });
    wire.client("SUB ok.* 1\r\n");
    assertTakesNothing(wire, 2, () => wire.server(msg("ok.secret", "1", "x") + msg("ok.1", "1", "x")));
  });

  /** What must be remembered for a while is one block, however long the connection lives. */
  function assertTakesOneBlock({ host }: Wire, step: () => void): void {
    for (let i = 0; i < 10_000; i++) step();
    const { blocks, held } = { blocks: host.global("allocations"), held: host.global("live_bytes") };
    const STEPS = 20_000;
    for (let i = 0; i < STEPS; i++) step();
    assert.equal(host.global("allocations") - blocks, STEPS);
    assert.equal(host.global("live_bytes"), held);
  }

  it("is one block for a subscription that comes and goes, and is given back", () => {
    const wire = connected();
    let sid = 100_000;
    assertTakesOneBlock(wire, () => wire.client(`SUB ok.1 ${++sid}\r\nUNSUB ${sid}\r\n`));
  });

  it("is not taken by a request that may be answered once, nor by its answer", () => {
    const wire = connected({ rule: { publish: { allow: [] }, allow_responses: { max: 1, expires: "1m" } } });
    wire.client("SUB ok.1 1\r\n");
    assertTakesNothing(wire, 2, () => {
      wire.server(msg("ok.1", "1", "question", "r.1"));
      assert.equal(wire.client(pub("r.1", "answer")), pub("r.1", "answer"));
    });
  });

  /** Connections after which the collector has run. Before that it holds up to a mebibyte, behind which a leak could hide. */
  const CONNECTIONS = 5000;

  it("is taken by a connection, which proves that allocations are counted, and all of it is given back", () => {
    const wire = connected();
    const open = (): void => Wire.connected(wire.host).connection.close("client");
    for (let i = 0; i < CONNECTIONS; i++) open();
    const { taken, held } = { taken: wire.host.global("allocated_bytes"), held: wire.host.global("live_bytes") };
    for (let i = 0; i < 1000; i++) open();
    assert.ok(wire.host.global("allocated_bytes") > taken + 1000 * 100);
    // Up to a page of records and names may be waiting for the collector.
    assert.ok(wire.host.global("live_bytes") <= held + 65_536);
  });

  it("is given back by a connection that ends in the middle of everything: lines, refusals, grants and requests", () => {
    const { host } = connected({ rule: { allow_responses: { max: 1, expires: "1m" } } });
    const open = (): void => {
      const wire = Wire.connected(host);
      wire.client("SUB ok.> 1\r\nSUB _INBOX.> 2\r\n" + pub("no.1") + pub("ok.1", "x", "_INBOX.1"));
      wire.server(msg("ok.1", "1", "x", "r.1") + "MSG ok.unfinished");
      wire.client("PUB ok.unfinished");
      wire.connection.close("server");
    };
    for (let i = 0; i < CONNECTIONS; i++) open();
    host.tick();
    const held = host.global("live_bytes");
    for (let i = 0; i < 2000; i++) open();
    host.tick();
    assert.ok(host.global("live_bytes") <= held + 65_536, `${host.global("live_bytes") - held} bytes more`);
  });

  it("is given back by policies that replace each other: lists, queues, answers, classes and rules in DRY_RUN", () => {
    const lists = { allow: ["ok.>", "*.x", "*a.b"], deny: ["ok.no.*", "*.y.>"] };
    const rule = {
      name: "all",
      from: [{ principals: ["*"] }],
      publish: lists,
      subscribe: { ...lists, deny: ["ok.no", "ok.> q"] },
      allow_responses: { max: 1, expires: "1m" },
    };
    const subjects = [{ name: "ok", patterns: ["ok.>"] }];
    const policyNumber = (requests: number): object => ({
      trustDomains: ["cluster.local"],
      rules: [rule, TRIAL],
      telemetry: { subjects, requests },
    });
    const { host, connection } = connectedUnder(policyNumber(1));
    let number = 1;
    const change = (): void => {
      const { root } = host.configure(policyNumber(++number));
      const wire = Wire.connected(host);
      // No publish: answers about it would make the tables of decisions grow to their final size.
      wire.client("SUB ok.> q 1\r\n");
      wire.connection.close("client");
      host.advance(500);
      host.tick();
      host.deleteRoot(root);
    };
    for (let i = 0; i < 300; i++) change();
    const held = host.global("live_bytes");
    for (let i = 0; i < 600; i++) change();
    assert.equal(connection.closed, false);
    assert.ok(host.global("live_bytes") <= held + 8192, `${host.global("live_bytes") - held} bytes more`);
  });
});
