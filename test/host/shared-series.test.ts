import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defined, FOR_EACH, SLICE } from "./definitions.ts";
import { filterModule } from "./filter.ts";
import { Host, type Configured } from "./host.ts";
import { CONNECT, INFO, msg, PING, policy, PONG, pub, stat, Wire, type Policy } from "./wire.ts";

const PAGE = 65_536;
const CLASSES = 64;

function peer(i: number): string {
  return `spiffe://cluster.local/ns/clients/sa/c${i}`;
}

function configured(host: Host, config: Policy, plugin?: string): Configured {
  const root = host.configure(policy(config), plugin);
  assert.ok(root.accepted);
  return root;
}

/** A policy that differs from those of other numbers, but not in what it allows. */
function numbered(number: number): Policy {
  return { audit: { refusalsPerSecond: number + 1 } };
}

/** Configures the policy of number 0. What it answers changes the policy to that of a number, and drops the former root at once. */
function changing(host: Host): (number: number) => void {
  let former = configured(host, numbered(0));
  return (number) => {
    const root = configured(host, numbered(number));
    host.deleteRoot(former.root);
    former = root;
    host.tick();
  };
}

/** A client of each of so many principals, which publishes, is refused, asks, answers, is told of and is a subscriber. */
function visits(host: Host, principals: number): Wire[] {
  return Array.from({ length: principals }, (_, i) => {
    const wire = Wire.connected(host, { peer: peer(i) });
    wire.client("SUB ok.in 1\r\n" + pub("ok.1", "abc") + pub("no.1"));
    wire.server(PONG + msg("ok.in", "1", "x"));
    wire.client("PUB ok.ask _INBOX.1 0\r\n\r\n" + "SUB _INBOX.1 2\r\n");
    wire.server(msg("_INBOX.1", "2", "answer"));
    wire.client(PING);
    wire.server(PONG);
    return wire;
  });
}

function leave(wires: Wire[]): void {
  for (const wire of wires) wire.connection.close();
}

/** A client of that principal publishes on a subject of each class, and goes. */
function publishAll(host: Host, principal: number): void {
  const wire = Wire.connected(host, { peer: peer(principal) });
  wire.client(Array.from({ length: CLASSES }, (_, subject) => pub(`ok.${subject}`)).join(""));
  wire.connection.close();
}

/**
 * Asserts that the third of three policies, none of which has a class of another one, takes no more pages than the first. `visit` lets
 * so many principals publish under each, and answers the pages.
 */
function assertNoGrowth(principals: number, visit: (host: Host, change: number) => number): void {
  const host = new Host(filterModule());
  const pages: number[] = [];
  let former: Configured | null = null;
  for (let change = 0; change < 3; change++) {
    const subjects = Array.from({ length: CLASSES }, (_, i) => ({ name: `c${change}-${i}`, patterns: [`ok.${i}`] }));
    const root = configured(host, { telemetry: { principals: 3 * principals, subjects } });
    if (former !== null) host.deleteRoot(former.root);
    former = root;
    pages.push(visit(host, change));
  }
  const [first = 0, , third = 0] = pages;
  assert.ok(first > (principals * CLASSES * 500) / PAGE, pages.join(", "));
  assert.ok(third < first * 1.5, pages.join(", "));
}

describe("the series of the filter as a whole", () => {
  it("are not defined again by policies that come back, up to sixteen of them, nor by configurations that are refused", () => {
    const host = new Host(filterModule());
    const change = changing(host);
    const POLICIES = 16;
    for (let number = 1; number < POLICIES; number++) change(number);
    const before = defined(host);
    for (let number = 0; number < POLICIES; number++) change(number);
    const REFUSED = 3;
    for (let i = 0; i < REFUSED; i++) assert.ok(!host.configure({ rules: [], extra: i }).accepted);
    assert.equal(defined(host), before);
    assert.equal(stat(host, "istio_nats_policy_rejected_total"), REFUSED);
    assert.equal(stat(host, "istio_nats_policy_changes_total"), 2 * POLICIES - 1);
  });

  it("take no more memory with ever new policies", () => {
    const host = new Host(filterModule());
    const pages: number[] = [];
    const change = changing(host);
    for (let number = 1; number <= 2000; number++) {
      change(number);
      if (number % 1000 === 0) pages.push(host.writtenPages);
    }
    assert.equal(pages[1], pages[0]);
  });
});

describe("the series of a principal, for each definition of which Envoy keeps a number as long as the VM lives", () => {
  it("are not defined again under another policy, whether the root of the one before is dropped at once or late", () => {
    const PRINCIPALS = 20;
    for (const isLate of [false, true]) {
      const host = new Host(filterModule());
      let former = configured(host, numbered(0));
      leave(visits(host, PRINCIPALS));
      host.tick();
      const first = defined(host);
      assert.ok(first > 10 * PRINCIPALS, `${first}`);
      for (let change = 1; change <= 5; change++) {
        const root = configured(host, numbered(change));
        if (!isLate) host.deleteRoot(former.root);
        leave(visits(host, PRINCIPALS));
        if (isLate) host.deleteRoot(former.root);
        host.tick();
        former = root;
      }
      // The two gauges of each policy.
      assert.equal(defined(host) - first, 5 * 2);
      assert.equal(
        stat(host, "istio_nats_messages_total", { operation: "PUB", verdict: "allowed" }),
        6 * 2 * PRINCIPALS,
      );
      assert.equal(stat(host, "istio_nats_refusals_total"), 6 * PRINCIPALS);
      assert.equal(stat(host, "istio_nats_connections_closed_total"), 6 * PRINCIPALS);
      assert.equal(stat(host, "istio_nats_connections_active"), 0);
      assert.equal(stat(host, "istio_nats_subscriptions_active"), 0);
    }
  });

  it("count those of each root while several have connections, until the last of them is gone", () => {
    const host = new Host(filterModule());
    const roots = [0, 1, 2].map((number) => configured(host, numbered(number)));
    const wires = roots.map(({ root }) => new Wire(host, peer(1), root));
    const allowed = (): number => stat(host, "istio_nats_messages_total", { operation: "PUB", verdict: "allowed" });
    for (const wire of wires) wire.client(CONNECT + pub("ok.1"));
    assert.equal(allowed(), 3);
    const before = defined(host);
    for (const [i, wire] of wires.entries()) {
      for (const open of wires.slice(i)) open.client(pub("ok.1"));
      assert.equal(stat(host, "istio_nats_connections_active"), 3 - i);
      wire.connection.close();
      host.deleteRoot(wire.connection.root);
    }
    // Connections that were closed.
    assert.equal(defined(host), before + 1);
    // A root that comes later begins anew, and goes on where the host is.
    configured(host, numbered(3));
    new Wire(host, peer(1)).client(CONNECT + pub("ok.1"));
    assert.equal(allowed(), 3 + 3 + 2 + 1 + 1);
    assert.ok(defined(host) > before);
  });

  it("are told late where a root goes whose plugin has another one, so that messages need not wait for all of them", () => {
    const PRINCIPALS = 30;
    const host = new Host(filterModule());
    const former = configured(host, numbered(0));
    const wires = visits(host, PRINCIPALS);
    configured(host, numbered(1));
    host.clockStep = FOR_EACH;
    leave(wires);
    const before = defined(host);
    host.deleteRoot(former.root);
    assert.ok(defined(host) - before <= SLICE, `${defined(host) - before}`);
    host.clockStep = 0n;
    assert.equal(stat(host, "istio_nats_connections_closed_total"), PRINCIPALS);
  });

  describe("at a standpoint that no root context has any more", () => {
    const PRINCIPALS = 30;
    const CLOSED = "istio_nats_connections_closed_total";

    /** Visitors of a root context that has gone, since an `identity` was configured that gives a new standpoint to what is counted. */
    function left(): { host: Host; present: Configured; before: number } {
      const host = new Host(filterModule());
      const former = configured(host, {});
      const wires = visits(host, PRINCIPALS);
      const present = host.configure({ ...policy(), identity: "WAYPOINT" });
      assert.ok(present.accepted);
      host.clockStep = FOR_EACH;
      leave(wires);
      const before = defined(host);
      host.deleteRoot(former.root);
      return { host, present, before };
    }

    it("are told in slices of the ticks of others, so that messages need not wait for all of them", () => {
      const { host, before } = left();
      assert.ok(defined(host) - before <= SLICE, `${defined(host) - before}`);
      let ticks = 0;
      do {
        const then = defined(host);
        host.tick();
        assert.ok(defined(host) - then <= SLICE + 2, `${defined(host) - then}`);
      } while (host.tickPeriod < 500 && ticks++ < 10_000);
      assert.ok(ticks > PRINCIPALS);
      assert.equal(stat(host, CLOSED), PRINCIPALS);
      assert.equal(stat(host, "istio_nats_messages_total", { operation: "PUB", verdict: "refused" }), PRINCIPALS);
    });

    it("are given back in slices of ticks, too, once all of them are told", () => {
      const host = new Host(filterModule());
      const former = configured(host, {});
      leave(visits(host, PRINCIPALS));
      host.tick();
      assert.ok(host.configure({ ...policy(), identity: "WAYPOINT" }).accepted);
      host.deleteRoot(former.root);
      host.clockStep = FOR_EACH;
      let ticks = 0;
      do {
        host.advance(host.tickPeriod);
        host.tick();
      } while (++ticks < PRINCIPALS && host.tickPeriod < 500);
      assert.ok(ticks >= PRINCIPALS / (SLICE + 1) && ticks < PRINCIPALS, `${ticks}`);
    });

    it("are made again, and take no more memory, for principals that come back before all of them are given back", () => {
      const many = 20 * PRINCIPALS;
      const host = new Host(filterModule());
      const pages: number[] = [];
      let former: Configured | null = null;
      for (let visit = 1; visit <= 3; visit++) {
        const root = configured(host, { telemetry: { principals: many }, ...numbered(visit) });
        if (former !== null) host.deleteRoot(former.root);
        leave(visits(host, many));
        host.advance(500);
        assert.equal(stat(host, CLOSED), visit * many);
        assert.equal(stat(host, "istio_nats_refusals_total"), visit * many);
        pages.push(host.memoryPages);
        former = host.configure({ ...policy(), identity: "WAYPOINT" });
        host.deleteRoot(root.root);
        // One slice gives back half of them.
        host.clockStep = (BigInt(SLICE) * FOR_EACH) / BigInt(many / 2);
        host.advance(500);
        host.tick();
        assert.ok(host.tickPeriod < 500);
        host.clockStep = 0n;
      }
      assert.equal(pages[2], pages[0], pages.join(", "));
    });

    it("leave nothing behind, however often a root context comes back to it", () => {
      const VISITS = 6;
      const many = 20 * PRINCIPALS;
      const long = "c".repeat(400);
      const host = new Host(filterModule());
      const pages: number[] = [];
      let elsewhere: Configured | null = null;
      for (let visit = 1; visit <= VISITS; visit++) {
        const here = configured(host, { telemetry: { principals: many }, ...numbered(visit) });
        if (elsewhere !== null) host.deleteRoot(elsewhere.root);
        for (let i = 0; i < many; i++) Wire.connected(host, { peer: peer(i) + long }).connection.close();
        host.advance(500);
        elsewhere = host.configure({ ...policy(), identity: "WAYPOINT" });
        host.deleteRoot(here.root);
        host.tick();
        pages.push(host.writtenPages);
      }
      assert.equal(stat(host, CLOSED), VISITS * many);
      assert.equal(pages.at(-1), pages[1], pages.join(", "));
    });

    it("are told at once where the last root context goes, since no tick follows", () => {
      const { host, present } = left();
      host.deleteRoot(present.root);
      assert.equal(stat(host, CLOSED), PRINCIPALS);
    });

    it("are told at once where only a root context is left whose configuration was refused, since that never ticks", () => {
      const { host, present } = left();
      assert.ok(!host.configure({ rules: [] }).accepted);
      host.deleteRoot(present.root);
      assert.equal(stat(host, CLOSED), PRINCIPALS);
    });

    it("are told at once where meters have no more room, since those of the present one are there, too", () => {
      const subjects = Array.from({ length: CLASSES }, (_, i) => ({ name: `c${i}`, patterns: [`ok.${i}`] }));
      const telemetry = { principals: 4096, subjects };
      const host = new Host(filterModule());
      const former = configured(host, { telemetry });
      host.clockStep = FOR_EACH;
      host.tick();
      for (let i = 0; i < 4000; i++) publishAll(host, i);
      const present = host.configure({ ...policy({ telemetry }), identity: "WAYPOINT" });
      host.deleteRoot(former.root);
      host.tick();
      const told = (): number => [...host.metrics.keys()].filter((raw) => raw.includes("=.=destination;")).length;
      assert.ok(told() < 100, `${told()}`);
      for (let i = 0; i < 1000; i++) {
        const wire = new Wire(host, peer(i), present.root);
        wire.connection.properties.set("filter_state.io.istio.peer_principal", peer(i));
        wire.server(INFO);
        wire.client(CONNECT + subjects.map((_, subject) => pub(`ok.${subject}`)).join(""));
        wire.connection.close();
      }
      host.tick();
      assert.ok(told() > 4000 * CLASSES, `${told()}`);
    });

    it("are not defined again for a root context that comes back to it before all of them are told", () => {
      const { host } = left();
      host.tick();
      assert.ok(host.tickPeriod < 500);
      configured(host, {});
      do host.tick();
      while (host.tickPeriod < 500);
      host.clockStep = 0n;
      const before = defined(host);
      assert.ok(before > 5 * PRINCIPALS);
      visits(host, PRINCIPALS);
      host.advance(500);
      host.tick();
      // Gauges of connections and subscriptions, which were 0 again before anything could be told.
      assert.equal(defined(host), before + 2 * PRINCIPALS);
      assert.equal(stat(host, "istio_nats_connections_opened_total"), 2 * PRINCIPALS);
    });
  });

  it("are told when the last root context goes that serves anybody, though the host keeps one whose configuration was refused", () => {
    const host = new Host(filterModule());
    const former = configured(host, numbered(0));
    assert.ok(!host.configure({ rules: [] }).accepted);
    const last = configured(host, numbered(1));
    host.clockStep = FOR_EACH;
    host.tick();
    const wires = Array.from({ length: 100 }, (_, i) => new Wire(host, peer(i), last.root));
    for (const wire of wires) {
      wire.server(INFO);
      wire.client(CONNECT + pub("ok.1"));
    }
    leave(wires);
    for (const { root } of [former, last]) host.deleteRoot(root);
    const closed = [...host.metrics].filter(([raw]) => raw.endsWith("istio_nats_connections_closed_total"));
    assert.equal(
      closed.reduce((all, [, count]) => all + count, 0),
      wires.length,
    );
  });

  it("of another plugin of the VM are its own", () => {
    const host = new Host(filterModule());
    const one = configured(host, numbered(0), "one");
    const before = defined(host);
    Wire.connected(host);
    host.tick();
    const each = defined(host) - before;
    configured(host, numbered(1), "another");
    host.deleteRoot(one.root);
    const then = defined(host);
    Wire.connected(host);
    host.tick();
    assert.ok(defined(host) - then >= each, `${defined(host) - then} of ${each}`);
  });

  it("take no more memory where each policy has other classes of subjects than the one before", () => {
    const PRINCIPALS = 200;
    assertNoGrowth(PRINCIPALS, (host, change) => {
      for (let i = 0; i < PRINCIPALS; i++) publishAll(host, i);
      assert.equal(stat(host, "istio_nats_messages_total", { subject: `c${change}-7` }), PRINCIPALS);
      return host.memoryPages;
    });
  });

  it("lose the classes of a former policy in slices, since those of 4,000 principals took 21 ms at once", () => {
    const PRINCIPALS = 60;
    const host = new Host(filterModule());
    configured(host, { telemetry: { subjects: [{ name: "former", patterns: ["ok.>"] }] } });
    for (let i = 0; i < PRINCIPALS; i++) publishAll(host, i);
    host.tick();
    configured(host, {});
    host.clockStep = FOR_EACH;
    let ticks = 0;
    do host.tick();
    while (++ticks < PRINCIPALS && host.shortestTickPeriod < 500);
    assert.ok(ticks >= PRINCIPALS / (SLICE + 1) && ticks < PRINCIPALS, `${ticks}`);
  });

  it("have all that was counted under a class that the policy has no more, though it could not be told at once", () => {
    const PRINCIPALS = 30;
    const host = new Host(filterModule());
    configured(host, { telemetry: { subjects: [{ name: "former", patterns: ["ok.>"] }] } });
    for (let i = 0; i < PRINCIPALS; i++) Wire.connected(host, { peer: peer(i) }).client(pub("ok.1"));
    configured(host, {});
    host.clockStep = FOR_EACH;
    const ticks = 10 * PRINCIPALS;
    for (let tick = 0; tick < ticks; tick++) host.tick();
    host.clockStep = 0n;
    assert.equal(stat(host, "istio_nats_messages_total", { subject: "former", operation: "PUB" }), PRINCIPALS);
  });

  it("are counted under a class that the policy has no more, of requests from before it", () => {
    const host = new Host(filterModule());
    const rule = { publish: { allow: ["ok.>"] }, subscribe: { allow: ["_INBOX.>"] } };
    configured(host, { rule, telemetry: { subjects: [{ name: "asked", patterns: ["ok.>"] }] } });
    const wire = Wire.connected(host);
    wire.client("SUB _INBOX.1 1\r\nPUB ok.ask _INBOX.1 0\r\n\r\n");
    configured(host, { rule });
    host.tick();
    for (let i = 0; i < 3; i++) {
      wire.client(pub("ok.1"));
      host.tick();
    }
    wire.server(msg("_INBOX.1", "1", "answer"));
    host.tick();
    const durations = [...host.histograms.keys()].filter((raw) => raw.includes("request_duration"));
    assert.equal(durations.length, 1);
    assert.match(durations[0]!, /subject=\.=asked;/);
  });

  it("take no more memory, either, where principals do not come again that had the classes of a former policy", () => {
    const PRINCIPALS = 200;
    assertNoGrowth(PRINCIPALS, (host, change) => {
      host.tick();
      for (let i = 0; i < PRINCIPALS; i++) publishAll(host, change * PRINCIPALS + i);
      return host.writtenPages;
    });
  });

  it("are defined at most once more for each policy where answers to requests from before it come one by one", () => {
    const ANSWERS = 30;
    const host = new Host(filterModule());
    const rule = { publish: { allow: ["ok.>"] }, subscribe: { allow: ["_INBOX.>"] } };
    const subjects = [{ name: "asked", patterns: ["ok.>"] }];
    configured(host, { rule, telemetry: { requestTimeout: "1h", subjects } });
    const wire = Wire.connected(host);
    wire.client("SUB _INBOX.> 1\r\n");
    for (let i = 0; i < ANSWERS; i++) wire.client(pub("ok.ask", "", `_INBOX.${i}`));
    configured(host, { rule, telemetry: { requestTimeout: "1h" } });
    host.tick();
    const answer = (i: number): void => {
      wire.server(msg(`_INBOX.${i}`, "1"));
      host.tick();
    };
    answer(0);
    const before = defined(host);
    for (let i = 1; i < ANSWERS; i++) answer(i);
    assert.ok(defined(host) - before <= 1, `${defined(host) - before}`);
    const durations = [...host.histograms].filter(([raw]) => raw.includes("request_duration"));
    assert.deepEqual(
      durations.map(([raw, values]) => [raw.includes("subject=.=asked;"), values.length]),
      [[true, ANSWERS]],
    );
  });
});
