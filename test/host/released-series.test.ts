import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { configure } from "./configure.ts";
import { CLASSES, classed, defined, FOR_EACH, principal, PUBLISH_IN_EACH_CLASS, SLICE } from "./definitions.ts";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import { CONNECT, INFO, PING, policy, PONG, pub, stat, Wire, type Policy } from "./wire.ts";

const PRINCIPALS = 100;
const TICK = 500;
const PAGE = 65_536;
const OPENED = "istio_nats_connections_opened_total";

type Identity = "PEER" | "WAYPOINT";

/** Where a proxy stands by its `identity`. */
const REPORTERS: Record<Identity, string> = { PEER: "destination", WAYPOINT: "waypoint" };

/** A policy that differs from those of other numbers, but not in what it allows. */
function standing(host: Host, identity: Identity, number = 0, config: Policy = {}, plugin?: string): number {
  const audit = { refusalsPerSecond: number + 1 };
  return configure(host, { ...policy({ audit, ...config }), identity }, plugin);
}

/** A client of the principal of that number, which is the same one for a waypoint. */
function clientOf(host: Host, root: number, number: number): Wire {
  const peer = principal(number);
  const wire = new Wire(host, peer, root);
  wire.connection.properties.set("filter_state.io.istio.peer_principal", peer);
  wire.server(INFO);
  return wire;
}

/** A client of each of so many principals publishes, is refused, has its PING timed, and goes. Nothing of that is told. */
function visit(host: Host, root: number, principals = PRINCIPALS): void {
  host.clockStep = FOR_EACH;
  for (let i = 0; i < principals; i++) {
    const wire = clientOf(host, root, i);
    wire.client(CONNECT + pub("ok.1") + pub("no.1"));
    wire.server(PONG);
    wire.client(PING);
    wire.server(PONG);
    wire.connection.close();
  }
}

/** A client of each of so many principals publishes on a subject of each class, and goes. */
function publishAll(host: Host, root: number, principals: number): void {
  for (let i = 0; i < principals; i++) {
    const wire = clientOf(host, root, i);
    wire.client(CONNECT + PUBLISH_IN_EACH_CLASS);
    wire.connection.close();
  }
}

/** The numbers of stats that each tick defines until they come at their usual pace again. */
function ticks(host: Host): number[] {
  const each: number[] = [];
  host.clockStep = FOR_EACH;
  do {
    const before = defined(host);
    host.tick();
    each.push(defined(host) - before);
  } while (host.shortestTickPeriod < TICK && each.length < 10_000);
  host.clockStep = 0n;
  return each;
}

/** Asserts that so many visits, each of `principals`, have been told of there, and that they are told no more. */
function assertTold(host: Host, identity: Identity, visits: number, principals = PRINCIPALS): void {
  const reporter = REPORTERS[identity];
  const expected = visits * principals;
  for (let again = 0; again < 2; again++) {
    assert.equal(stat(host, OPENED, { reporter }), expected);
    assert.equal(stat(host, "istio_nats_connections_closed_total", { reporter }), expected);
    assert.equal(stat(host, "istio_nats_connections_active", { reporter }), 0);
    assert.equal(stat(host, "istio_nats_refusals_total", { reporter }), expected);
    assert.equal(stat(host, "istio_nats_messages_total", { reporter, operation: "PUB", verdict: "allowed" }), expected);
  }
  const pings = [...host.histograms].filter(
    ([raw]) => raw.startsWith(`reporter=.=${reporter};`) && raw.endsWith("ping_rtt_milliseconds"),
  );
  assert.equal(pings.flatMap(([, values]) => values).length, expected);
}

/** Envoy's numbers of series that have been defined more than once. */
function definedAgain(host: Host): number {
  return defined(host) - host.metrics.size - host.histograms.size;
}

/** A proxy that stood elsewhere, and whose last root context of that time is gone before anything was told. */
function moved(): Host {
  const host = new Host(filterModule());
  const former = standing(host, "PEER");
  host.clockStep = FOR_EACH;
  host.tick();
  visit(host, former);
  standing(host, "WAYPOINT", 1);
  const before = defined(host);
  host.deleteRoot(former);
  assert.equal(defined(host) - before, 0);
  return host;
}

describe("what is left to be told of a standpoint when its last root context goes", () => {
  it("is told by the ticks of others in slices, so that messages need not wait for all of it", () => {
    const host = moved();
    const before = defined(host);
    const each = ticks(host);
    assert.ok(Math.max(...each) <= SLICE + 2, each.join(", "));
    assert.ok(each.length > (defined(host) - before) / (SLICE + 2), each.join(", "));
    assertTold(host, "PEER", 1);
    assert.equal(definedAgain(host), 0);
  });

  it("is told in one slice for all root contexts whose ticks come in one turn", () => {
    const host = moved();
    for (let plugin = 0; plugin < 10; plugin++) standing(host, "PEER", 0, {}, `plugin-${plugin}`);
    host.clockStep = 0n;
    host.tick();
    host.advance(TICK);
    host.clockStep = FOR_EACH / 10n;
    const before = defined(host);
    host.tick();
    assert.ok(defined(host) - before <= 10 * SLICE + 2, `${defined(host) - before}`);
    ticks(host);
    assertTold(host, "PEER", 1);
  });

  it("is told by another plugin's ticks where it was the last root context of its plugin", () => {
    const host = new Host(filterModule());
    const one = standing(host, "PEER", 0, {}, "one");
    standing(host, "PEER", 0, {}, "another");
    host.clockStep = FOR_EACH;
    host.tick();
    visit(host, one);
    const before = defined(host);
    host.deleteRoot(one);
    assert.equal(defined(host), before);
    const each = ticks(host);
    assert.ok(Math.max(...each) <= SLICE + 2, each.join(", "));
    assertTold(host, "PEER", 1);
  });

  it("is taken up where the plugin comes back to that standpoint meanwhile, and not defined again", () => {
    const host = moved();
    host.tick();
    const former = standing(host, "PEER", 2);
    host.tick();
    visit(host, former);
    ticks(host);
    assertTold(host, "PEER", 2);
    assert.equal(definedAgain(host), 0);
  });

  it("is told at once, however long that takes, when the last root context that ticks goes", () => {
    for (const isTold of [false, true]) {
      const host = moved();
      const last = standing(host, "WAYPOINT", 2);
      // One whose configuration is refused never ticks.
      assert.ok(!host.configure({ rules: [] }).accepted);
      if (isTold) for (let tick = 0; tick < 5; tick++) host.tick();
      visit(host, last, 2 * PRINCIPALS);
      for (let root = 1; root < last; root++) host.deleteRoot(root);
      host.deleteRoot(last);
      host.clockStep = 0n;
      assertTold(host, "PEER", 1);
      assertTold(host, "WAYPOINT", 1, 2 * PRINCIPALS);
      assert.equal(definedAgain(host), 0);
    }
  });

  it("is told at once when the last connection goes of a root context that the host has dropped before it", () => {
    const host = moved();
    host.clockStep = 0n;
    const wire = new Wire(host);
    host.clockStep = FOR_EACH;
    host.deleteRoot(wire.connection.root);
    wire.connection.close();
    assertTold(host, "PEER", 1);
  });

  it("goes with its memory once it is told, in parts, so that later ones take no more", () => {
    const host = new Host(filterModule());
    standing(host, "PEER");
    const pages = ["one", "two", "three"].map((plugin) => {
      const root = standing(host, "PEER", 0, classed(4096), plugin);
      publishAll(host, root, 600);
      host.deleteRoot(root);
      for (let tick = 0; tick < 4; tick++) host.tick();
      return host.memoryPages;
    });
    assert.ok(pages[0]! > (600 * CLASSES * 500) / PAGE, pages.join(", "));
    assert.equal(pages[2], pages[0], pages.join(", "));
  });

  it("is told at once where meters have no more room, since those of the next standpoint are there, too", () => {
    const host = new Host(filterModule());
    const former = standing(host, "PEER", 0, classed(4096));
    host.clockStep = FOR_EACH;
    host.tick();
    publishAll(host, former, 4000);
    const next = standing(host, "WAYPOINT", 1, classed(4096));
    host.deleteRoot(former);
    host.tick();
    const reporter = REPORTERS.PEER;
    const told = (): number => [...host.metrics.keys()].filter((raw) => raw.includes(`reporter=.=${reporter};`)).length;
    assert.ok(told() < 100, `${told()}`);
    publishAll(host, next, 1000);
    host.tick();
    assert.ok(told() > 4000 * CLASSES, `${told()}`);
    host.clockStep = 0n;
    assert.equal(stat(host, "istio_nats_messages_total", { reporter, operation: "PUB" }), 4000 * CLASSES);
    assert.equal(definedAgain(host), 0);
  });
});
