import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { assertOnly, HURRIED, only, policyOf, REST, vm } from "./changing-policy.ts";
import type { Host } from "./host.ts";
import { CONNECT, INFO, pub, stat, Wire } from "./wire.ts";

describe("a change that keeps a worker busy for a slice with each connection", () => {
  /** More than a slice, in nanoseconds. */
  const LONG = 12_000_000n;
  const COUNT = 5;
  /** In milliseconds. */
  const LONGEST_WAIT = 1000;

  function crowd(): { host: Host; wires: Wire[] } {
    const host = vm();
    assert.ok(host.configure(only("former")).accepted);
    const wires = Array.from({ length: COUNT }, () => Wire.connected(host));
    assert.ok(host.configure(only("new")).accepted);
    return { host, wires };
  }

  /** Has `work` take so long that it uses up a slice. Everything else takes no time. */
  function slowly(host: Host, work: () => unknown): void {
    host.clockStep = LONG;
    work();
    host.clockStep = 0n;
  }

  const isUnderNew = (wire: Wire): boolean => wire.client(pub("new.x")) === pub("new.x");

  it("leaves the others under the former policy until messages have had their turn", () => {
    const { host, wires } = crowd();
    slowly(host, () => assert.ok(isUnderNew(wires[0]!)));
    for (const wire of wires.slice(1)) assertOnly(wire, "former", ["new"]);
    assertOnly(wires[0]!, "new", ["former"]);
    host.advance(REST);
    slowly(host, () => assert.ok(isUnderNew(wires[1]!)));
    for (const wire of wires.slice(2)) assertOnly(wire, "former", ["new"]);
    host.advance(REST);
    for (const wire of wires) assertOnly(wire, "new", ["former"]);
  });

  it("reaches silent ones too, one for each slice", () => {
    const { host } = crowd();
    const nobody = { name: "nobody", from: [{ serviceAccounts: ["shop/nobody"] }], publish: { allow: ["new.>"] } };
    assert.ok(host.configure({ trustDomains: ["cluster.local"], rules: [nobody] }).accepted);
    for (let revoked = 1; revoked <= COUNT; revoked++) {
      host.advance(HURRIED);
      slowly(host, () => assert.equal(stat(host, "istio_nats_revoked_connections_total"), revoked));
    }
  });

  it("is in force for whoever has bytes a second later, however much there is to do for others", () => {
    const { host, wires } = crowd();
    slowly(host, () => assert.ok(isUnderNew(wires[0]!)));
    host.advance(LONGEST_WAIT);
    for (const wire of wires.slice(1)) slowly(host, () => assert.ok(isUnderNew(wire)));
  });

  it("is in force for them a second behind the first change that they have missed, though others have come since", () => {
    const { host, wires } = crowd();
    slowly(host, () => assert.ok(isUnderNew(wires[0]!)));
    host.advance(LONGEST_WAIT / 2);
    assert.ok(host.configure(only("new", { limits: { subscriptions: 9 } })).accepted);
    host.advance(LONGEST_WAIT / 2);
    slowly(host, () => assert.ok(isUnderNew(wires[0]!)));
    for (const wire of wires.slice(1)) assertOnly(wire, "new", ["former"]);
  });

  it("reaches silent ones though a client of another plugin puts off DRY_RUN on its connection, and sends on", () => {
    const host = vm();
    const { root } = host.configure(only("former"), "trial");
    assert.ok(host.configure(only("former")).accepted);
    Wire.connected(host);
    const stubborn = new Wire(host, undefined, root);
    stubborn.server(INFO);
    stubborn.client(`${CONNECT}PUB former.`);
    host.configure(only("former", { mode: "DRY_RUN" }), "trial");
    const nobody = { name: "nobody", from: [{ serviceAccounts: ["shop/nobody"] }], publish: { allow: ["new.>"] } };
    assert.ok(host.configure({ trustDomains: ["cluster.local"], rules: [nobody] }).accepted);
    host.advance(LONGEST_WAIT);
    host.clockStep = 1_000_000n;
    for (let i = 0; i < 20; i++) assert.equal(stubborn.client("x"), "");
    host.clockStep = 0n;
    assert.equal(stat(host, "istio_nats_revoked_connections_total"), 1);
  });

  it("is in force for the others if the clock is set back", () => {
    const { host, wires } = crowd();
    slowly(host, () => assert.ok(isUnderNew(wires[0]!)));
    host.advance(-3_600_000);
    for (const wire of wires) assertOnly(wire, "new", ["former"]);
  });

  it("does not let a client in under the former policy that has only connected", () => {
    const host = vm();
    assert.ok(host.configure(only("former")).accepted);
    const [comes, stays] = [new Wire(host), Wire.connected(host)];
    assert.ok(host.configure(policyOf({ publish: { allow: ["new.>"] } })).accepted);
    slowly(host, () => assert.ok(isUnderNew(stays)));
    comes.server(INFO);
    comes.client(CONNECT);
    assertOnly(comes, "new", ["former"]);
  });
});
