import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import { configuredHost, hpub, msg, PING, PONG, policy, pub, publishViolation, Wire } from "./wire.ts";

describe("reply grants (allow_responses)", () => {
  const grants = (max: number, expires = "1m"): object => ({
    publish: { deny: ["never.>"] },
    allow_responses: { max, expires },
  });

  function subscribed(rule: object): Wire {
    const wire = Wire.connected(configuredHost({ rule }));
    wire.client("SUB ok.1 1\r\n");
    return wire;
  }

  it("allow as many answers as max says, to exactly the reply subject that was delivered", () => {
    const wire = subscribed(grants(2));
    assert.equal(wire.client(pub("r.1")), PING);
    wire.server(PONG + msg("ok.1", "1", "", "r.1"));
    assert.equal(wire.client(pub("r.1") + pub("r.2") + pub("r.1") + pub("r.1")), pub("r.1") + PING + pub("r.1") + PING);
    assert.equal(wire.server(PONG + PONG), publishViolation("r.2") + publishViolation("r.1"));
  });

  it("are made by an enforced rule also beside one in DRY_RUN", () => {
    const { rules, ...rest } = policy({ rule: grants(1) }) as { rules: object[] };
    const trial = { name: "trial", mode: "DRY_RUN", from: [{ principals: ["*"] }], publish: { deny: ["never.>"] } };
    const host = new Host(filterModule());
    assert.ok(host.configure({ ...rest, rules: [...rules, trial] }).accepted);
    const wire = Wire.connected(host);
    wire.client("SUB ok.1 1\r\n");
    wire.server(msg("ok.1", "1", "", "r.1"));
    assert.equal(wire.client(pub("r.1") + pub("r.1")), pub("r.1") + PING);
  });

  it("end if the host's clock is set back before they were made, which nats-server would not notice", () => {
    const rule = { publish: {}, allow_responses: { max: 5, expires: "1s" } };
    const host = configuredHost({ rule });
    const wire = Wire.connected(host);
    wire.client("SUB ok.1 1\r\n");
    wire.server(msg("ok.1", "1", "", "r.1"));
    host.advance(-3_600_000);
    assert.equal(wire.client(pub("r.1")), PING);
  });

  it("end when their time is up", () => {
    const wire = subscribed(grants(5, "10s"));
    wire.server(msg("ok.1", "1", "", "r.1"));
    wire.host.advance(10_000);
    assert.equal(wire.client(pub("r.1")), pub("r.1"));
    wire.host.advance(1);
    assert.equal(wire.client(pub("r.1")), PING);
  });

  it("are used up by a second delivery with the same reply, as at nats-server: with max 1 none is left", () => {
    const wire = subscribed(grants(1));
    wire.server(msg("ok.1", "1", "", "r.1").repeat(2));
    assert.equal(wire.client(pub("r.1")), PING);
  });

  it("are used up by an answer that is refused for its reply subject, as at nats-server, or for a header", () => {
    const headers = (line: string): string => hpub("r.1", `NATS/1.0\r\n${line}\r\n\r\n`);
    for (const [refused, isUsed] of [
      [pub("r.1", "", "_R_.x"), true],
      [pub("r.1", "", "somebody.elses"), true],
      [headers("Nats-Rollup: all"), true],
      [headers("Nats-Trace-Dest: never.1"), false],
      [headers(`A: ${"x".repeat(16_384)}`), false],
    ] as const) {
      const wire = subscribed(grants(1));
      wire.server(msg("ok.1", "1", "", "r.1"));
      assert.equal(wire.client(refused + pub("r.1")), PING + (isUsed ? PING : pub("r.1")), refused.slice(0, 60));
    }
  });

  it("survive UNSUB, and never override a deny", () => {
    const wire = subscribed(grants(1));
    wire.server(msg("ok.1", "1", "", "r.1") + msg("ok.1", "1", "", "never.1"));
    assert.equal(wire.client(`UNSUB 1\r\n${pub("r.1")}${pub("never.1")}`), `UNSUB 1\r\n${pub("r.1")}${PING}`);
  });

  it("never let pass what is published on a subject of nats-server's own, which no client may (client.go)", () => {
    for (const reply of ["_GR_.cluster.server.r", "$GR.cluster.r", "$NRG.P.group"]) {
      const wire = subscribed(grants(5));
      wire.server(msg("ok.1", "1", "", reply) + msg("ok.1", "1", "", "r.1"));
      assert.equal(wire.client(pub(reply) + pub(reply, "2") + pub("r.1")), PING + PING + pub("r.1"), reply);
      assert.equal(wire.server(PONG + PONG), publishViolation(reply).repeat(2));
    }
  });

  it("belong to one connection", () => {
    const wire = subscribed(grants(1));
    wire.server(msg("ok.1", "1", "", "r.1"));
    const other = Wire.connected(wire.host);
    assert.equal(other.client(pub("r.1")), PING);
    assert.equal(wire.client(pub("r.1")), pub("r.1"));
  });

  it("are not made by a message that was withheld", () => {
    const rule = {
      subscribe: { allow: ["ok.>"], deny: ["ok.secret"] },
      publish: {},
      allow_responses: { max: 1, expires: "1m" },
    };
    const wire = Wire.connected(configuredHost({ rule }));
    wire.client("SUB ok.* 1\r\n");
    wire.server(msg("ok.secret", "1", "", "r.1"));
    assert.equal(wire.client(pub("r.1")), PING);
  });
});
