import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { configuredHost, msg, policy, pub, Wire } from "./wire.ts";

describe("a connection's summary in filter state", () => {
  function stateOf(wire: Wire): Record<string, string> {
    return Object.fromEntries(
      [...wire.connection.filterState].map(([key, value]) => [key, Buffer.from(value).toString()]),
    );
  }

  it("is there when the connection ends", () => {
    const wire = Wire.connected(configuredHost());
    wire.client(pub("ok.1", "ab") + pub("ok.1", "c"));
    wire.server(msg("ok.1", "1", "abcd"));
    wire.connection.close();
    assert.deepEqual(stateOf(wire), {
      nats_principal: "spiffe://cluster.local/ns/shop/sa/orders-api",
      nats_client_id: "7",
      nats_messages_in: "2",
      nats_bytes_in: "3",
      nats_messages_out: "1",
      nats_bytes_out: "4",
      nats_refused: "0",
      nats_denied: "0",
    });
  });

  it("has neither principal nor client id where these are not known", () => {
    const wire = new Wire(configuredHost(), null);
    wire.client(pub("ok.1"));
    wire.connection.close();
    const keys = Object.keys(stateOf(wire));
    assert.ok(keys.includes("nats_denied"));
    assert.deepEqual(
      ["nats_principal", "nats_client_id"].filter((key) => keys.includes(key)),
      [],
    );
  });

  it("reports the first refusal at once, and later ones if they are audited", () => {
    const rule = { publish: { allow: ["ok.>"], deny: ["ok.secret"] } };
    const wire = Wire.connected(configuredHost({ rule, audit: { refusalsPerSecond: 1, burst: 1 } }));
    wire.client("SUB no.x 1\r\n");
    const last = (): string | undefined => stateOf(wire)["nats_last_refusal"];
    assert.deepEqual([stateOf(wire)["nats_denied"], last()], ["1", "SUB no.x not_allowed"]);
    wire.client(pub("no.y"));
    assert.equal(last(), "SUB no.x not_allowed");
    wire.host.advance(5000);
    wire.client(pub("ok.secret"));
    assert.equal(last(), "PUB ok.secret denied everybody");
    wire.connection.close();
    assert.deepEqual([stateOf(wire)["nats_denied"], stateOf(wire)["nats_refused"]], ["1", "3"]);
  });

  it("reports the first refusal at once where that is a message of a subscription that a newer policy has ended", () => {
    const host = configuredHost({ audit: { refusalsPerSecond: 1, burst: 1 } });
    const wire = Wire.connected(host);
    wire.client("SUB ok.x 1\r\n");
    const rule = { subscribe: { allow: ["other"] } };
    assert.ok(host.configure(policy({ rule, audit: { refusalsPerSecond: 1, burst: 1 } })).accepted);
    assert.doesNotMatch(wire.server(msg("ok.x", "1").repeat(2)), /MSG/);
    const denied = { nats_denied: "1", nats_last_refusal: "MSG ok.x revoked" };
    assert.deepEqual(stateOf(wire), denied);
    wire.connection.close();
    assert.deepEqual(stateOf(wire), { ...stateOf(wire), ...denied, nats_refused: "2" });
  });

  it("reports no message of such a subscription after another refusal, which says more", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    wire.client("SUB ok.x 1\r\n" + pub("no.y"));
    assert.ok(host.configure(policy({ rule: { subscribe: { allow: ["other"] } } })).accepted);
    assert.doesNotMatch(wire.server(msg("ok.x", "1")), /MSG/);
    assert.equal(stateOf(wire)["nats_last_refusal"], "PUB no.y not_allowed");
  });

  it("reports nothing that passes in DRY_RUN, neither as the last refusal nor as one that was denied", () => {
    const wire = Wire.connected(configuredHost({ mode: "DRY_RUN" }));
    wire.client(pub("no.x") + "SUB no.x 1\r\n");
    wire.server(msg("no.x", "1"));
    assert.deepEqual(stateOf(wire), {});
    wire.connection.close();
    const { nats_refused, nats_denied, nats_last_refusal } = stateOf(wire);
    assert.deepEqual([nats_refused, nats_denied, nats_last_refusal], ["0", "0", undefined]);
  });

  it("reports a connection's first refusal even where other connections have used up the audit's burst", () => {
    const host = configuredHost({ audit: { refusalsPerSecond: 1, burst: 1 } });
    Wire.connected(host).client(pub("no.1"));
    const wire = Wire.connected(host);
    wire.client(pub("no.2"));
    assert.equal(stateOf(wire)["nats_last_refusal"], "PUB no.2 not_allowed");
  });
});
