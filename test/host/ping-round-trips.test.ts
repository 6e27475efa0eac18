import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { configuredHost, INFO, PING, PONG, pub, valuesOf, Wire } from "./wire.ts";

const PING_RTT = "istio_nats_ping_rtt_milliseconds";

describe("the round trip of a PING", () => {
  it("is the time to its PONG", () => {
    const wire = Wire.connected(configuredHost());
    for (const milliseconds of [4, 9]) {
      wire.client(PING);
      wire.host.advance(milliseconds);
      wire.server(PONG);
    }
    assert.deepEqual(valuesOf(wire.host, PING_RTT), [4, 9]);
  });

  it("is measured for the first of several under way, and never ends with the PONG for one of the filter's own", () => {
    const wire = Wire.connected(configuredHost());
    wire.client(PING + PING);
    wire.host.advance(5);
    wire.server(PONG);
    wire.host.advance(5);
    wire.client(PING);
    wire.server(PONG + PONG);
    assert.deepEqual(valuesOf(wire.host, PING_RTT), [5]);
    wire.client(pub("no.1"));
    wire.client(PING);
    wire.host.advance(5);
    wire.server(PONG + PONG);
    assert.deepEqual(valuesOf(wire.host, PING_RTT), [5]);
  });

  it("is also measured in DRY_RUN", () => {
    const wire = Wire.connected(configuredHost({ mode: "DRY_RUN" }));
    wire.server(INFO);
    wire.client(PING + PING);
    wire.host.advance(2);
    wire.server(PONG);
    wire.client(PING);
    wire.server(PONG + PONG);
    assert.deepEqual(valuesOf(wire.host, PING_RTT), [2]);
  });
});
