import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { configure } from "./configure.ts";
import { Host } from "./host.ts";
import { stepCountingModule, stepsOf } from "./steps.ts";
import {
  assertSame,
  auditOf,
  configuredHost,
  msg,
  PING,
  policy,
  PONG,
  pub,
  subscriptionViolation,
  Wire,
} from "./wire.ts";

const counting = await stepCountingModule();

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
