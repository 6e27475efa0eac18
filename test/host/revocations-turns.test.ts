import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HURRIED, policyOf } from "./changing-policy.ts";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import { msg, PING, stat, Wire } from "./wire.ts";

describe("subscriptions of many connections that wait to be judged while one turn of the worker brings messages for all,", () => {
  const WIRES = 24;
  const COUNT = 400;
  /** What each look at the clock takes, of which one follows 32 longest searches: 100 of these are a slice, and 50 a rest. */
  const LOOK = 100_000n;
  const IN_SLICE = 100 * 32;
  /** With this, five are a slice. */
  const LONG_LOOK = 20n * LOOK;
  const sids = Array.from({ length: COUNT }, (_, i) => `${i + 1}`);
  const rights = (deny: string[]): object =>
    policyOf({ publish: { allow: ["a"] }, subscribe: { allow: [">"], ...(deny.length > 0 && { deny }) } });
  const revoked = (host: Host): number => stat(host, "istio_nats_revoked_subscriptions_total");
  const passed = (out: string): number => out.match(/^MSG/gm)?.length ?? 0;

  /** Entries that name queues for all subjects below `b`. */
  const QUEUES = 3000;
  const queues = rights(Array.from({ length: QUEUES }, (_, i) => `b.> q${i}`));
  const member = (sid: string): string => `SUB b.${sid} workers ${sid}\r\n`;
  const memberMessages = sids.map((sid) => msg(`b.${sid}`, sid)).join("");
  /** Entries for which a subscription with wildcards takes a longest search. */
  const overlapping = rights(Array.from({ length: 1200 }, (_, i) => `*.*.*.*.*.*.*.${i}.y`));
  const wide = (sid: string): string => `SUB *.*.*.*.*.*.*.*.z group ${sid}\r\n`;
  const wideMessages = sids.map((sid) => msg("1.1.1.1.1.1.1.7.z", sid)).join("");

  function subscribed(wireCount: number, line: (sid: string) => string): { host: Host; wires: Wire[] } {
    const host = new Host(filterModule());
    assert.ok(host.configure(rights([])).accepted);
    const wires = Array.from({ length: wireCount }, () => Wire.connected(host));
    for (const wire of wires) wire.client(sids.map(line).join(""));
    return { host, wires };
  }

  /** Connections that are under the policy, with all of their subscriptions left to be judged. A turn begins. */
  function waitingFor(policy: object, line: (sid: string) => string): { host: Host; wires: Wire[] } {
    const { host, wires } = subscribed(1 + WIRES, line);
    assert.ok(host.configure(policy).accepted);
    // Nobody waits for rights any more, but one takes a slice, after which subscriptions are left to the tick.
    host.advance(1000);
    host.clockStep = LONG_LOOK;
    wires.shift()!.client(PING);
    host.clockStep = 0n;
    for (const wire of wires) wire.client(PING);
    host.advance(HURRIED);
    host.clockStep = LOOK;
    return { host, wires };
  }

  function settle(host: Host): void {
    let ticks = 0;
    do {
      host.advance(HURRIED);
      host.tick();
    } while (++ticks < 1000 && host.shortestTickPeriod === HURRIED);
  }

  it("are judged for one slice, and messages pass that are allowed by their own subject", () => {
    const { host, wires } = waitingFor(overlapping, wide);
    const each = wires.map((wire) => passed(wire.server(wideMessages)));
    const judged = WIRES * COUNT - each.reduce((all, count) => all + count, 0);
    assert.ok(judged > IN_SLICE / 2 && judged <= IN_SLICE, `${judged} judged`);
    settle(host);
    assert.equal(revoked(host), (1 + WIRES) * COUNT);
    for (const wire of wires) assert.equal(passed(wire.server(wideMessages)), 0);
  });

  it("are judged for another slice by messages that come behind a rest", () => {
    const { host, wires } = waitingFor(overlapping, wide);
    for (const wire of wires) wire.server(wideMessages);
    const before = revoked(host);
    host.advance(HURRIED);
    for (const wire of wires) wire.server(wideMessages);
    assert.ok(revoked(host) > 1.5 * before, `${before} and ${revoked(host)}`);
  });

  it("leave members of queue groups few searches in each further chunk, but some", () => {
    const { host, wires } = waitingFor(queues, member);
    const each = wires.map((wire) => passed(wire.server(memberMessages)));
    // Each search takes a step for each entry, and the last one goes beyond the 32 times 1,024 of a chunk.
    const few = Math.floor((32 * 1024) / QUEUES) + 1;
    assert.equal(each[0], COUNT);
    for (const count of each.slice(WIRES / 2)) assert.ok(count > 0 && count <= few, `${each.join(", ")} passed`);
    settle(host);
    assert.equal(revoked(host), 0);
    for (const wire of wires) assert.equal(wire.server(memberMessages), memberMessages);
  });

  it("leave no slice to another connection right behind them, though that takes time of its own", () => {
    const { host, wires } = subscribed(2, wide);
    assert.ok(host.configure(overlapping).accepted);
    host.clockStep = LONG_LOOK;
    wires[0]!.client(PING);
    host.advance(HURRIED);
    wires[0]!.server(wideMessages);
    // It stays under its former policy for the moment.
    assert.equal(passed(wires[1]!.server(wideMessages)), COUNT);
    host.advance(HURRIED);
    assert.ok(passed(wires[1]!.server(wideMessages)) < COUNT);
  });
});
