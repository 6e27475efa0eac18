import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { configuredHost, msg, PING, pub, Wire } from "./wire.ts";

describe("a subject at the address where another callback's subject was", () => {
  it("is judged by itself, published or delivered", () => {
    // Without a queue, so that the short ways are taken.
    const rule = { subscribe: { allow: ["ok.>"], deny: ["ok.secret"] } };
    const wire = Wire.connected(configuredHost({ rule }));
    wire.client("SUB ok.* 2\r\n");
    for (let i = 0; i < 2; i++) {
      assert.equal(wire.client(pub("ok.1", "x")), pub("ok.1", "x"));
      assert.equal(wire.client(pub("no.1", "x")), PING);
      assert.equal(wire.server(msg("ok.public", "2", "x")), msg("ok.public", "2", "x"));
      assert.equal(wire.server(msg("ok.secret", "2", "x")), "");
    }
  });
});
