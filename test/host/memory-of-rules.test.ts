import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import { istioJson } from "./istio-json.ts";
import { auditOf, pub, stat, Wire } from "./wire.ts";

/** Pages up to which V8 lets linear memory grow in Envoy (assembly/bytes/budget.ts). */
const GRANTED_BY_V8 = 16_133;
/** Principals, and entries of a rule for everybody that each of them has in a set of its own: 1.2 MB for each. */
const PRINCIPALS = 1000;
const ENTRIES = 12_000;
/** So many may stay at least. */
const SOME = 600;

const uriOf = (i: number): string => `spiffe://cluster.local/ns/shop/sa/app-${i}`;

function policyOf(token: string, mode: string, entries = ENTRIES): string {
  const everybody = {
    name: "everybody",
    from: [{ principals: ["*"] }],
    publish: { allow: Array.from({ length: entries }, (_, i) => `orders.${i}.>`) },
  };
  const own = Array.from({ length: PRINCIPALS }, (_, i) => ({
    name: `own-${i}`,
    from: [{ principals: [`cluster.local/ns/shop/sa/app-${i}`] }],
    publish: { allow: [`${token}.${i}.>`] },
  }));
  return istioJson({ trustDomains: ["cluster.local"], mode, audit: { burst: 10_000 }, rules: [everybody, ...own] });
}

function changeTo(host: Host, text: string): void {
  assert.ok(host.configure(text).accepted);
  for (let i = 0; i < 2 || host.shortestTickPeriod < 500; i++) {
    host.advance(host.shortestTickPeriod);
    host.tick();
  }
}

/** Connections of all principals, which stay, under a policy whose rules there is no room to compile for each of them. */
function crowd(mode: string): { host: Host; wires: Wire[] } {
  const host = new Host(filterModule());
  changeTo(host, policyOf("a", mode));
  return { host, wires: Array.from({ length: PRINCIPALS }, (_, i) => Wire.connected(host, { peer: uriOf(i) })) };
}

function publishes(wire: Wire, subject: string): boolean {
  return wire.client(pub(subject)) === pub(subject);
}

function eventsOf(host: Host, event: string): number {
  return auditOf(host).filter((record) => record["event"] === event && record["kind"] === "memory").length;
}

describe("rules of principals that stay, each of whom needs a set of its own for which memory has no room", () => {
  it("end the connections of those who come last, with `memory`, and no other", () => {
    const { host, wires } = crowd("ENFORCE");
    assert.ok(host.memoryPages <= GRANTED_BY_V8, `${host.memoryPages} pages`);
    const open = wires.filter((wire, i) => publishes(wire, `a.${i}.x`));
    assert.ok(open.length >= SOME && open.length < PRINCIPALS, `${open.length} are open`);
    assert.equal(eventsOf(host, "unreadable"), PRINCIPALS - open.length);
    assert.equal(stat(host, "istio_nats_protocol_errors_total", { kind: "memory" }), PRINCIPALS - open.length);
    // A set that is there already needs no room, and what others leave is room.
    assert.ok(publishes(Wire.connected(host, { peer: uriOf(0) }), "a.0.x"));
    const refused = wires.findIndex((wire) => !open.includes(wire));
    for (const wire of open.splice(0, 150)) wire.connection.close("client");
    assert.ok(publishes(Wire.connected(host, { peer: uriOf(refused) }), `a.${refused}.x`));
  });

  it("end connections that come under such a policy, and judge the others by it", () => {
    const { host, wires } = crowd("ENFORCE");
    const before = wires.filter((wire, i) => publishes(wire, `a.${i}.x`)).length;
    changeTo(host, policyOf("b", "ENFORCE"));
    assert.ok(host.memoryPages <= GRANTED_BY_V8, `${host.memoryPages} pages`);
    const after = wires.filter((wire, i) => publishes(wire, `b.${i}.x`));
    assert.ok(after.length > before / 2 && after.length < before, `${after.length} of ${before}`);
    for (const [i, wire] of wires.entries()) assert.equal(publishes(wire, `a.${i}.x`), false);
    changeTo(host, policyOf("c", "ENFORCE", 1));
    for (const wire of after) assert.ok(publishes(wire, `c.${wires.indexOf(wire)}.x`));
  });

  it("let their connections pass unread in DRY_RUN", () => {
    const { host, wires } = crowd("DRY_RUN");
    assert.ok(host.memoryPages <= GRANTED_BY_V8, `${host.memoryPages} pages`);
    assert.ok(eventsOf(host, "unreadable_passed") > 0);
    for (const wire of wires) assert.ok(publishes(wire, "no.x"));
  });
});
