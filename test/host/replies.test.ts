import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import {
  configuredHost,
  CONNECT,
  hpub,
  INFO,
  msg,
  PING,
  PONG,
  pub,
  publishViolation,
  subscriptionViolation,
  VERBOSE_CONNECT,
  Wire,
} from "./wire.ts";

/** The INFO that nats-server sends after its PONG to the first PING after CONNECT (`processPing` in its client.go). */
const CONNECT_INFO = 'INFO {"connect_info":true,"headers":true,"max_payload":1048576} \r\n';

describe("PONGs", () => {
  it("answer PINGs in the order in which they were sent, both the client's own and those that stand for refusals", () => {
    const wire = Wire.connected(configuredHost());
    wire.client(PING + pub("no.1") + PING + PING + "SUB no.2 1\r\n" + pub("no.3") + PING);
    const expected = [
      PONG,
      publishViolation("no.1"),
      PONG,
      PONG,
      subscriptionViolation("no.2"),
      publishViolation("no.3"),
      PONG,
    ];
    for (const text of expected) assert.equal(wire.server(PONG), text);
  });

  it("pass if nobody asked for them, even between those that somebody did", () => {
    const wire = Wire.connected(configuredHost());
    assert.equal(wire.server(PONG), PONG);
    wire.client(pub("no.1"));
    assert.equal(wire.server(PONG + PONG), publishViolation("no.1") + PONG);
    wire.client(PING);
    assert.equal(wire.server(PONG), PONG);
  });

  it("keep their order over 100,000 PINGs of the client between refusals", () => {
    const wire = Wire.connected(configuredHost());
    wire.client(pub("no.1") + PING.repeat(100_000) + pub("no.2"));
    assert.equal(wire.server(PONG), publishViolation("no.1"));
    assert.equal(wire.server(PONG.repeat(100_000)), PONG.repeat(100_000));
    assert.equal(wire.server(PONG), publishViolation("no.2"));
  });

  it("for the client, and its own to PINGs of the server, pass unchanged and are not counted as answers", () => {
    const wire = Wire.connected(configuredHost());
    wire.client(pub("no.1"));
    assert.equal(wire.server("PING\r\n"), "PING\r\n");
    assert.equal(wire.client(PONG), PONG);
    assert.equal(wire.server(PONG), publishViolation("no.1"));
  });
});

describe("the second INFO", () => {
  it("is held until the client's own first PONG, if a PING of the filter's caused it", () => {
    const wire = Wire.connected(configuredHost());
    wire.client(pub("no.1"));
    assert.equal(wire.server(PONG + CONNECT_INFO), publishViolation("no.1"));
    assert.equal(wire.server(msg("ok.1", "1")), msg("ok.1", "1"));
    wire.client(PING);
    assert.equal(wire.server(PONG + msg("ok.1", "1")), PONG + CONNECT_INFO + msg("ok.1", "1"));
    wire.client(PING);
    assert.equal(wire.server(PONG), PONG);
  });

  it("is not held if the client's PING caused it", () => {
    const wire = Wire.connected(configuredHost());
    wire.client(PING + pub("no.1"));
    assert.equal(wire.server(PONG + CONNECT_INFO + PONG), PONG + CONNECT_INFO + publishViolation("no.1"));
  });

  it("is not overtaken by a later INFO", () => {
    const wire = Wire.connected(configuredHost());
    wire.client(pub("no.1"));
    wire.server(PONG + CONNECT_INFO);
    const lameDuck = 'INFO {"ldm":true,"headers":true,"max_payload":1048576} \r\n';
    assert.equal(wire.server(lameDuck), CONNECT_INFO + lameDuck);
    const again = Wire.connected(configuredHost());
    again.client(pub("no.1"));
    again.server(PONG + CONNECT_INFO);
    assert.equal(again.server(CONNECT_INFO), CONNECT_INFO + CONNECT_INFO);
  });

  it("alone is held, and no other INFO that comes before it", () => {
    const wire = Wire.connected(configuredHost());
    wire.client(pub("no.1"));
    const lameDuck = 'INFO {"ldm":true,"headers":true,"max_payload":1048576} \r\n';
    assert.equal(wire.server(lameDuck), lameDuck);
    assert.equal(wire.server(PONG + CONNECT_INFO), publishViolation("no.1"));
  });

  it("is not held in DRY_RUN", () => {
    const wire = Wire.connected(configuredHost({ mode: "DRY_RUN" }));
    wire.client(pub("no.1"));
    assert.equal(wire.server(CONNECT_INFO), CONNECT_INFO);
  });
});

describe("texts of refusals", () => {
  it("come after `Invalid Publish Subject` in pedantic mode, if the subject is not literal", () => {
    const pedantic = 'CONNECT {"verbose":false,"pedantic":true,"headers":true}\r\n';
    const wire = Wire.connected(configuredHost(), { connect: pedantic });
    wire.client(pub("no.*") + pub("no.1") + pub("ok.>", "", "no.reply"));
    assert.equal(
      wire.server(PONG.repeat(3)),
      "-ERR 'Invalid Publish Subject'\r\n" +
        publishViolation("no.*") +
        publishViolation("no.1") +
        "-ERR 'Invalid Publish Subject'\r\n" +
        "-ERR 'Permissions Violation for Publish with Reply of \"no.reply\"'\r\n",
    );
  });

  it("quote what a client wrote as Go's %q does, so that none of its bytes breaks the line", () => {
    const wire = Wire.connected(configuredHost());
    wire.client(pub('no."\\\x01\xff'));
    assert.equal(wire.server(PONG), String.raw`-ERR 'Permissions Violation for Publish to "no.\"\\\x01\xff"'` + "\r\n");
  });

  it("name the reply, the trace destination or the queue, whichever is refused", () => {
    const wire = Wire.connected(configuredHost());
    const traced = "NATS/1.0\r\nNats-Trace-Dest: no.trace\r\n\r\n";
    wire.client(
      pub("ok.1", "", "no.reply") +
        hpub("ok.1", traced) +
        "SUB ok.1 _sys_ 1\r\n" +
        pub("$NRG.x") +
        pub("ok.1", "", "_R_.x"),
    );
    assert.equal(
      wire.server(PONG.repeat(5)),
      "-ERR 'Permissions Violation for Publish with Reply of \"no.reply\"'\r\n" +
        publishViolation("no.trace") +
        subscriptionViolation("ok.1", "_sys_") +
        publishViolation("$NRG.x") +
        "-ERR 'Permissions Violation for Publish with Reply of \"_R_.x\"'\r\n",
    );
  });

  it("take the place of +OK in verbose mode, one for each operation", () => {
    const wire = Wire.connected(configuredHost(), { connect: VERBOSE_CONNECT });
    wire.client(pub("ok.1") + pub("no.1") + "SUB no.2 1\r\nUNSUB 1\r\n");
    const answers = `+OK\r\n${PONG}${PONG}+OK\r\n`;
    const expected = `+OK\r\n${publishViolation("no.1")}${subscriptionViolation("no.2")}+OK\r\n`;
    assert.equal(wire.server(answers), expected);
  });
});

describe("CONNECT", () => {
  it("is legal twice, and the second one's fields are added to those of the first", () => {
    const wire = Wire.connected(configuredHost(), { connect: 'CONNECT {"verbose":false,"headers":true}\r\n' });
    const headers = "NATS/1.0\r\n\r\n";
    const second = 'CONNECT {"pedantic":false}\r\n';
    assert.equal(wire.client(second + hpub("ok.1", headers)), second + PING + hpub("ok.1", headers));
    // The PING after it is the filter's own, and so is its PONG.
    assert.equal(wire.server(PONG + PONG), PONG);
    const third = 'CONNECT {"headers":false}\r\n';
    assert.equal(wire.client(third + hpub("ok.1", headers)), `${third}${PING}PUB x\r\n`);
  });

  it("is not needed: before it, nats-server is verbose and pedantic and accepts no headers", () => {
    const wire = new Wire(configuredHost());
    wire.server(INFO);
    assert.equal(wire.client(pub("ok.1") + pub("no.*")), pub("ok.1") + PING);
    assert.equal(wire.server(`+OK\r\n${PONG}`), `+OK\r\n-ERR 'Invalid Publish Subject'\r\n${publishViolation("no.*")}`);
    assert.equal(wire.client(hpub("ok.1", "NATS/1.0\r\n\r\n")), "PUB x\r\n");
  });

  it("forgets the granted reply subjects when it comes twice", () => {
    const rule = { publish: {}, allow_responses: { max: 5, expires: "1m" } };
    const wire = Wire.connected(configuredHost({ rule }));
    wire.client("SUB ok.1 1\r\n");
    wire.server(msg("ok.1", "1", "", "r.1"));
    assert.equal(wire.client(pub("r.1")), pub("r.1"));
    assert.equal(wire.client(CONNECT + pub("r.1")), CONNECT + PING + PING);
    assert.equal(wire.server(PONG + PONG), publishViolation("r.1"));
  });

  it("forgets them with any nats-server 2, and subscriptions from 2.14 on, once a PONG shows that it was read", () => {
    const rule = { publish: {}, allow_responses: { max: 5, expires: "1m" } };
    for (const [version, ping] of [
      ["2.10.29", ""],
      ["2.13.0", ""],
      ["2.14.0", PING],
      ["2.15.2", PING],
    ] as const) {
      const info = INFO.replace("2.15.2", version);
      const wire = Wire.connected(configuredHost({ rule, limits: { subscriptions: 1 } }), { info });
      wire.client("SUB ok.1 1\r\n");
      wire.server(msg("ok.1", "1", "", "r.1"));
      assert.equal(wire.client(CONNECT + pub("r.1")), CONNECT + ping + PING, version);
      // The limit has room for another subscription only if the first is gone.
      const another = "SUB ok.2 2\r\n";
      assert.equal(wire.client(another), ping === "" ? PING : another, version);
    }
  });
});

describe("a reply subject that is not the peer's own", () => {
  it("is refused if it is nats-server's, even though the peer may receive on it", () => {
    const wire = Wire.connected(configuredHost({ rule: { subscribe: { allow: "ALL" } } }));
    assert.equal(wire.client(pub("ok.1", "", "any")), pub("ok.1", "", "any"));
    for (const reply of ["_R_.x", "$JS.ACK.x", "$JS.API.INFO", "$JS.hub.API.INFO", "_GR_.x", "$GR.x"]) {
      assert.equal(wire.client(pub("ok.1", "", reply)), PING, reply);
      assert.equal(wire.server(PONG), `-ERR 'Permissions Violation for Publish with Reply of "${reply}"'\r\n`);
    }
  });

  it("is allowed in an answer that a rule with `replies: ANY` grants, and in no publish after that", () => {
    const everybody = [{ principals: ["*"] }];
    const rules = [
      { name: "responder", from: everybody, allow_responses: { max: 9, expires: "1m" }, replies: "ANY" },
      { name: "publisher", from: everybody, publish: { allow: ["ok.>"] }, subscribe: { allow: ["ask"] } },
    ];
    const host = new Host(filterModule());
    assert.ok(host.configure({ trustDomains: ["cluster.local"], rules }).accepted);
    const wire = Wire.connected(host);
    wire.client("SUB ask 1\r\n");
    wire.server(msg("ask", "1", "", "r.1"));
    const answer = pub("r.1", "", "elsewhere.1");
    assert.equal(wire.client(answer + pub("ok.1", "", "elsewhere.2") + answer), answer + PING + answer);
    const text = "-ERR 'Permissions Violation for Publish with Reply of \"elsewhere.2\"'\r\n";
    assert.equal(wire.server(PONG), text);
  });

  it("is granted no answer if that would be a request to JetStream's API", () => {
    const rule = { publish: { allow: ["ok.>"] }, subscribe: { allow: ["ask"] }, allow_responses: true };
    const wire = Wire.connected(configuredHost({ rule }));
    wire.client("SUB ask 1\r\n");
    for (const reply of ["$JS.API.STREAM.DELETE.S", "$JS.hub.API.STREAM.DELETE.S"]) {
      wire.server(msg("ask", "1", "", reply));
      assert.equal(wire.client(pub(reply)), PING);
      assert.equal(wire.server(PONG), publishViolation(reply));
    }
    // A stream may be called API.
    for (const reply of ["$JS.ACK.S.c.1.2.3.4.5", "$JS.ACK.API.c.1.2.3.4.5", "$JS.FC.API.c.x"]) {
      wire.server(msg("ask", "1", "", reply));
      assert.equal(wire.client(pub(reply)), pub(reply));
    }
  });
});
