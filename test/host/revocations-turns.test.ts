import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { policyOf, tick } from "./changing-policy.ts";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import { msg, PING, stat, Wire } from "./wire.ts";

describe("subscriptions of many connections that wait to be judged while one turn of the worker brings messages for all,", () => {
  const WIRES = 20;
  const COUNT = 400;
  /** Milliseconds within which deliveries share the steps of their searches. */
  const SHARED_FOR = 200;
  const sids = Array.from({ length: COUNT }, (_, i) => `${i + 1}`);
  const rights = (deny: string[]): object =>
    policyOf({ publish: { allow: ["a"] }, subscribe: { allow: [">"], ...(deny.length > 0 && { deny }) } });
  const queues = (count: number): object => rights(Array.from({ length: count }, (_, i) => `b.> q${i}`));
  const member = (sid: string): string => `SUB b.${sid} workers ${sid}\r\n`;
  const memberMessages = sids.map((sid) => msg(`b.${sid}`, sid)).join("");
  /** Entries for which a subscription with wildcards takes a longest search, which makes 1,024 steps. */
  const overlapping = rights(Array.from({ length: 1200 }, (_, i) => `*.*.*.*.*.*.*.${i}.y`));
  const wide = (sid: string): string => `SUB *.*.*.*.*.*.*.*.z group ${sid}\r\n`;
  const wideMessages = sids.map((sid) => msg("1.1.1.1.1.1.1.7.z", sid)).join("");
  const passed = (out: string): number => out.match(/^MSG/gm)?.length ?? 0;

  /** Connections that are under the policy, with all of their subscriptions left to be judged. Nobody has ticked since. */
  function waitingFor(policy: object, line: (sid: string) => string): { host: Host; wires: Wire[] } {
    const host = new Host(filterModule());
    assert.ok(host.configure(rights([])).accepted);
    const wires = Array.from({ length: 1 + WIRES }, () => Wire.connected(host));
    for (const wire of wires) wire.client(sids.map(line).join(""));
    assert.ok(host.configure(policy).accepted);
    // Nobody waits for rights any more, but one takes a slice, after which subscriptions are left to the tick.
    host.advance(1000);
    host.clockStep = 2_000_000n;
    wires.shift()!.client(PING);
    host.clockStep = 0n;
    for (const wire of wires) wire.client(PING);
    return { host, wires };
  }

  /** How many messages of each chunk are kept back, since they bring their own subscriptions' end. */
  const keptBackOf = (wires: Wire[]): number[] => wires.map((wire) => COUNT - passed(wire.server(wideMessages)));

  it("are judged by 256 longest searches for all of them", () => {
    const { wires } = waitingFor(overlapping, wide);
    assert.deepEqual(keptBackOf(wires), [256, ...Array.from({ length: WIRES - 1 }, () => 0)]);
  });

  it("are judged by as many again 200 ms later, and not before", () => {
    const { host, wires } = waitingFor(overlapping, wide);
    keptBackOf(wires);
    host.advance(SHARED_FOR - 1);
    assert.deepEqual(keptBackOf(wires.slice(1, 5)), [0, 0, 0, 0]);
    host.advance(1);
    const some = sids.slice(0, 100).map((sid) => msg("1.1.1.1.1.1.1.7.z", sid));
    const kept = wires.slice(1, 5).map((wire) => some.length - passed(wire.server(some.join(""))));
    assert.deepEqual(kept, [100, 100, 56, 0]);
  });

  it("let a member of a queue group have all of its messages, however many, once it has been judged", () => {
    const { wires } = waitingFor(queues(10), member);
    const many = msg("b.1", "1").repeat(20_000);
    for (const wire of wires) assert.equal(wire.server(many), many);
  });

  /** So many entries that name queues match each message, and a search looks at all of them. */
  const QUEUES = 10_000;
  const searchesIn = (longest: number): number => Math.ceil((longest * 1024) / QUEUES);

  it("leave members of queue groups nothing beyond what all chunks may search for, or four more each, and end none of them", () => {
    const { host, wires } = waitingFor(queues(QUEUES), member);
    const judged = searchesIn(256);
    const asked = searchesIn(4096);
    const inAnyCase = searchesIn(32);
    assert.equal(inAnyCase, 4);
    const each = wires.map((wire) => passed(wire.server(memberMessages)));
    assert.deepEqual(each, [COUNT, judged + asked - COUNT, ...Array.from({ length: WIRES - 2 }, () => inAnyCase)]);
    for (let ticks = 0; ticks < 4; ticks++) tick(host);
    for (const wire of wires) assert.equal(wire.server(memberMessages), memberMessages);
  });

  it("count messages that are kept back from them for maxima, since nats-server has counted them", () => {
    const only = (sid: string): string => `${member(sid)}UNSUB ${sid} 1\r\n`;
    const { host, wires } = waitingFor(queues(QUEUES), only);
    const active = (): number => stat(host, "istio_nats_subscriptions_active");
    for (const wire of wires) wire.server(memberMessages);
    for (let ticks = 0; ticks < 4; ticks++) tick(host);
    // Those of the connection that has taken the slice have had no message.
    assert.equal(active(), COUNT);
  });

  it("have no more searched for what DRY_RUN reports than others, though each judgement has all steps for itself", () => {
    const { host, wires } = waitingFor({ ...queues(QUEUES), mode: "DRY_RUN" }, (sid) => `SUB b.${sid} q0 ${sid}\r\n`);
    assert.equal(wires[0]!.server(memberMessages), memberMessages);
    assert.equal(stat(host, "istio_nats_dry_run_refusals_total", { operation: "MSG" }), searchesIn(1024));
  });

  it("let all members of a queue group have their messages where 30 entries name queues, also those that were judged before", () => {
    const { wires } = waitingFor(queues(30), member);
    for (const wire of wires) {
      const all = memberMessages + msg("b.mapped", "1").repeat(400);
      assert.equal(wire.server(all), all);
    }
  });
});
