import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { auditOf, configuredHost, policy, PONG, pub, stat, Wire } from "./wire.ts";

describe("audit.refusalsPerSecond and audit.burst", () => {
  it("bound the records, and every refusal is either written or counted as left out", () => {
    const host = configuredHost({ audit: { refusalsPerSecond: 10, burst: 5 } });
    const wire = Wire.connected(host);
    let refused = 0;
    for (let second = 0; second < 4; second++) {
      for (let i = 0; i < 100; i++) {
        wire.client(pub("no.1"));
        wire.server(PONG);
        refused++;
      }
      host.advance(1000);
    }
    host.advance(5000);
    host.tick();
    const records = auditOf(host);
    const written = records.filter(({ event }) => event === "refused").length;
    const left = records.reduce((sum, { suppressed }) => sum + Number(suppressed ?? 0), 0);
    // At most the burst in each second, because the bucket holds no more.
    assert.equal(written, 20);
    assert.equal(written + left, refused);
    assert.equal(stat(host, "istio_nats_refusals_total", { reason: "not_allowed" }), refused);
  });

  it("still hold under a new policy, which reports what was left out before it, and allow no second burst", () => {
    const audit = { refusalsPerSecond: 1, burst: 3 };
    const host = configuredHost({ audit });
    const wire = Wire.connected(host);
    wire.client(pub("no.1").repeat(10));
    assert.ok(host.configure(policy({ audit, telemetry: { requests: 5 } })).accepted);
    host.advance(500);
    host.tick();
    wire.client(pub("no.1").repeat(10));
    host.advance(5000);
    host.tick();
    const records = auditOf(host);
    assert.equal(records.filter(({ event }) => event === "refused").length, 3);
    assert.equal(
      records.reduce((sum, { suppressed }) => sum + Number(suppressed ?? 0), 0),
      17,
    );
    assert.ok(stat(host, "istio_nats_audit_suppressed_total") >= 17);
  });

  it("let no second burst through after a policy with a smaller one, but only what that time allows", () => {
    const policies = [3, 100].map((burst) => policy({ audit: { refusalsPerSecond: 1, burst } }));
    const host = configuredHost({ audit: { refusalsPerSecond: 1, burst: 100 } });
    const wire = Wire.connected(host);
    const written = (): number => auditOf(host).filter(({ event }) => event === "refused").length;
    const refuse = (): void => void wire.client(pub("no.1").repeat(200));
    refuse();
    for (const each of policies) {
      assert.ok(host.configure(each).accepted);
      refuse();
      assert.equal(written(), 100);
    }
    assert.ok(host.configure(policies[0]!).accepted);
    host.advance(10_000);
    refuse();
    assert.equal(written(), 103, "no more at once than the smaller burst");
    assert.ok(host.configure(policies[1]!).accepted);
    refuse();
    assert.equal(written(), 110, "a record a second, as ten seconds allow");
  });

  it("also report what was left out when their plugin goes", () => {
    const host = configuredHost({ audit: { refusalsPerSecond: 1, burst: 3 } });
    const wire = Wire.connected(host);
    wire.client(pub("no.1").repeat(10));
    wire.connection.close("client");
    host.deleteRoot(wire.connection.root);
    assert.equal(
      auditOf(host).reduce((sum, { suppressed }) => sum + Number(suppressed ?? 0), 0),
      7,
    );
    assert.ok(stat(host, "istio_nats_audit_suppressed_total") >= 7);
  });

  it("allow refusalsPerSecond in the long run", () => {
    const host = configuredHost({ audit: { refusalsPerSecond: 10, burst: 5 } });
    const wire = Wire.connected(host);
    for (let i = 0; i < 1000; i++) {
      wire.client(pub("no.1"));
      wire.server(PONG);
      host.advance(10);
    }
    const written = auditOf(host).filter(({ event }) => event === "refused").length;
    assert.ok(written >= 100 && written <= 105, `${written} records in ten seconds`);
  });
});
