import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HURRIED, policyOf, tick } from "./changing-policy.ts";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import { msg, PING, Wire } from "./wire.ts";

describe("subscriptions of many connections that wait to be judged while one turn of the worker brings messages for all,", () => {
  const WIRES = 20;
  const COUNT = 400;
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

  /** Ticks, with a clock that lets the tick itself judge few. */
  function tickBriefly(host: Host): void {
    host.clockStep = 20_000_000n;
    host.advance(HURRIED);
    host.tick();
    host.clockStep = 0n;
  }

  it("are judged by 256 longest searches for all of them, and 32 for each further chunk", () => {
    const { wires } = waitingFor(overlapping, wide);
    assert.deepEqual(keptBackOf(wires), [256, ...Array.from({ length: WIRES - 1 }, () => 32)]);
  });

  it("are judged by as many again once a tick has come", () => {
    const { host, wires } = waitingFor(overlapping, wide);
    keptBackOf(wires);
    tickBriefly(host);
    const fresh = sids.slice(300).map((sid) => msg("1.1.1.1.1.1.1.7.z", sid));
    // Each of these connections has a hundred that have not been judged yet.
    const kept = wires.slice(1, 5).map((wire) => fresh.length - passed(wire.server(fresh.join(""))));
    assert.deepEqual(kept, [100, 100, 56, 32]);
  });

  it("let a member of a queue group have all of its messages, however many, once it has been judged", () => {
    const { wires } = waitingFor(queues(10), member);
    const many = msg("b.1", "1").repeat(20_000);
    for (const wire of wires) assert.equal(wire.server(many), many);
  });

  it("leave members of queue groups nothing beyond what a callback may search for, and end none of them", () => {
    const QUEUES = 10_000;
    const { host, wires } = waitingFor(queues(QUEUES), member);
    const each = wires.map((wire) => passed(wire.server(memberMessages)));
    // A search takes a step for each entry, and the last one goes beyond what is left. Messages have 1,024 longest searches for theirs.
    const searches = (most: number): number => Math.ceil((most * 1024) / QUEUES);
    each.forEach((count, chunk) => {
      const judged = searches(chunk === 0 ? 256 : 32);
      assert.ok(
        count >= judged + searches(1024) / 2 - 1 && count <= judged + searches(1024),
        `${each.join(", ")} passed`,
      );
    });
    for (let ticks = 0; ticks < 4; ticks++) tick(host);
    for (const wire of wires) assert.equal(wire.server(memberMessages), memberMessages);
  });

  it("let all members of a queue group have their messages where 30 entries name queues, also those that were judged before", () => {
    const { wires } = waitingFor(queues(30), member);
    for (const wire of wires) {
      const all = memberMessages + msg("b.mapped", "1").repeat(400);
      assert.equal(wire.server(all), all);
    }
  });
});
