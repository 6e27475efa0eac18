import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { configure } from "./configure.ts";
import { defined, FOR_EACH, SLICE } from "./definitions.ts";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import { configuredHost, CONNECT, INFO, PING, policy, PONG, pub, stat, Wire } from "./wire.ts";

const OPENED = "istio_nats_connections_opened_total";
const PING_RTT = "istio_nats_ping_rtt_milliseconds";
const PRINCIPALS = 100;
const TICK = 500;

/** A client of each of many principals that nobody has heard of before. */
function newPrincipals(host: Host): Wire[] {
  return Array.from({ length: PRINCIPALS }, (_, i) => {
    const wire = new Wire(host, `spiffe://cluster.local/ns/clients/sa/c${i}`);
    wire.server(INFO);
    wire.client(CONNECT);
    return wire;
  });
}

/** The numbers of stats that each tick defines until they come at their usual pace again. */
function ticks(host: Host): number[] {
  const each: number[] = [];
  do {
    const before = defined(host);
    host.tick();
    each.push(defined(host) - before);
  } while (host.tickPeriod < TICK && each.length < 10_000);
  return each;
}

describe("the stats of many new principals", () => {
  it("are defined in slices, so that messages need not wait for all of them", () => {
    const host = configuredHost();
    host.tick();
    newPrincipals(host);
    host.clockStep = FOR_EACH;
    const each = ticks(host);
    assert.ok(Math.max(...each) <= SLICE + 2, each.join(", "));
    assert.ok(each.length > PRINCIPALS / SLICE, each.join(", "));
    host.clockStep = 0n;
    assert.equal(stat(host, OPENED), PRINCIPALS);
  });

  it("are defined in one slice for all root contexts whose ticks come in one turn", () => {
    const host = new Host(filterModule());
    for (let root = 0; root < 10; root++) {
      configure(host, policy({ limits: { subscriptions: 1000 + root } }));
      Wire.connected(host);
      host.advance(TICK);
      host.tick();
    }
    newPrincipals(host);
    host.advance(TICK);
    const before = defined(host);
    host.clockStep = FOR_EACH / 10n;
    host.tick();
    assert.ok(defined(host) - before <= 10 * SLICE + 2, `${defined(host) - before}`);
    host.clockStep = 0n;
    host.advance(TICK);
    assert.equal(stat(host, OPENED, { source_workload_namespace: "clients" }), PRINCIPALS);
  });

  it("have all that was counted meanwhile", () => {
    const host = configuredHost();
    const wires = newPrincipals(host);
    host.clockStep = FOR_EACH;
    host.tick();
    assert.ok(host.tickPeriod < TICK);
    for (const wire of wires) wire.client(pub("ok.1"));
    host.tick();
    for (const wire of wires) wire.client(pub("ok.1") + pub("no.1"));
    ticks(host);
    host.clockStep = 0n;
    const labels = { operation: "PUB" };
    assert.equal(stat(host, "istio_nats_messages_total", { ...labels, verdict: "allowed" }), 2 * PRINCIPALS);
    assert.equal(stat(host, "istio_nats_messages_total", { ...labels, verdict: "refused" }), PRINCIPALS);
    assert.equal(stat(host, "istio_nats_refusals_total", labels), PRINCIPALS);
    assert.equal(stat(host, "istio_nats_connections_active"), PRINCIPALS);
  });

  it("have durations that wait for their histogram", () => {
    const host = configuredHost();
    for (const wire of newPrincipals(host)) {
      wire.client(PING);
      host.advance(3);
      wire.server(PONG);
    }
    host.clockStep = FOR_EACH;
    host.tick();
    const values = (): number[] =>
      [...host.histograms].filter(([raw]) => raw.endsWith(`;.;${PING_RTT}`)).flatMap(([, all]) => all);
    const first = values().length;
    assert.ok(first > 0 && first < PRINCIPALS, `${first}`);
    ticks(host);
    assert.equal(values().length, PRINCIPALS);
  });

  it("have durations that wait for their histogram, which are drawn with the same chance as those that come meanwhile", () => {
    const [kept, more] = [8192, 16_384];
    const host = configuredHost();
    const wires = newPrincipals(host);
    const last = wires.at(-1)!;
    const ping = (wire: Wire, milliseconds: number): void => {
      wire.client(PING);
      host.advance(milliseconds);
      wire.server(PONG);
    };
    for (const wire of wires) ping(wire, 3);
    for (let i = wires.length; i < kept; i++) ping(last, 1);
    host.clockStep = FOR_EACH;
    host.tick();
    host.clockStep = 0n;
    for (let i = 0; i < more; i++) ping(last, 2);
    host.tick();
    const values = [...host.histograms].filter(([raw]) => raw.endsWith(`;.;${PING_RTT}`)).flatMap(([, all]) => all);
    const early = values.filter((value) => value === 1).length;
    // Six deviations of the hypergeometric distribution, of which one third is early.
    const bound = 6 * Math.sqrt(kept * (1 / 3) * (2 / 3) * (more / (kept + more)));
    const share = (kept - wires.length) / (kept + more);
    assert.ok(Math.abs(early - kept * share) < bound, `${early} of those that waited`);
  });

  it("are told of connections that have ended before", () => {
    const host = configuredHost();
    const wires = newPrincipals(host);
    host.clockStep = FOR_EACH;
    for (const wire of wires) wire.connection.close();
    ticks(host);
    host.clockStep = 0n;
    assert.equal(stat(host, OPENED), PRINCIPALS);
    assert.equal(stat(host, "istio_nats_connections_closed_total"), PRINCIPALS);
    assert.equal(stat(host, "istio_nats_connections_active"), 0);
  });

  it("are defined in slices where many connections end in one turn of the worker", () => {
    const host = configuredHost();
    host.tick();
    const wires = newPrincipals(host);
    host.clockStep = FOR_EACH;
    const before = defined(host);
    for (const wire of wires) wire.connection.close();
    assert.ok(defined(host) - before <= SLICE + 2, `${defined(host) - before}`);
    const each = ticks(host);
    assert.ok(Math.max(...each) <= SLICE + 2, each.join(", "));
    host.clockStep = 0n;
    assert.equal(stat(host, OPENED), PRINCIPALS);
  });

  it("are all told when the host drops the configuration, however long that takes", () => {
    const host = configuredHost();
    const wires = newPrincipals(host);
    host.clockStep = FOR_EACH;
    host.tick();
    for (const wire of wires) wire.connection.close();
    host.deleteRoot(wires[0]!.connection.root);
    assert.equal(stat(host, OPENED), PRINCIPALS);
  });
});
