import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readNatsConf } from "../../cli/mesh/nats-conf.ts";

/** `websocket.port=8080@1:12`, with lines and columns from 1. */
function keys(text: string): string[] {
  return readNatsConf(text).map(
    ({ path, value, line, column }) =>
      `${path.join(".")}${value === undefined ? "" : `=${value}`}@${line + 1}:${column + 1}`,
  );
}

describe("a nats.conf", () => {
  it("separates keys from values by a colon, an equals sign or a blank", () => {
    assert.deepEqual(keys('port: 4222\nhttp=8222\nserver_name "n 1"\nlisten:0.0.0.0:4222'), [
      "port=4222@1:1",
      "http=8222@2:1",
      "server_name=n 1@3:1",
      "listen=0.0.0.0:4222@4:1",
    ]);
  });

  it("nests blocks, on one line or on many, and its keys are case-insensitive", () => {
    assert.deepEqual(keys("TLS{ handshake_first: true }\nwebsocket\n{\n  port: 8080, no_tls: true\n}\n"), [
      "tls@1:1",
      "tls.handshake_first=true@1:6",
      "websocket@2:1",
      "websocket.port=8080@4:3",
      "websocket.no_tls=true@4:15",
    ]);
  });

  it("has no keys in comments and strings", () => {
    assert.deepEqual(keys("# tls {}\n// tls {}\na: \"tls { }\" # tls {}\nb: 'tls {'\nurl: nats://host // tls {}\n"), [
      "a=tls { }@3:1",
      "b=tls {@4:1",
      "url=nats://host@5:1",
    ]);
  });

  it("may stand in braces of its own, as NATS's own chart writes it, which are no level", () => {
    assert.deepEqual(keys('{\n  "tls": {\n    "cert_file": "x"\n  },\n  { "port": 4222 }\n}\nhttp: 8222'), [
      "tls@2:3",
      "tls.cert_file=x@3:5",
      "port=4222@5:5",
      "http=8222@7:1",
    ]);
  });

  it("does not read blocks in lists as its own", () => {
    assert.deepEqual(keys("leafnodes { remotes: [ { url: x, tls: { a: b } } ], port: 7422 }\ntls {}"), [
      "leafnodes@1:1",
      "leafnodes.remotes@1:13",
      "leafnodes.port=7422@1:53",
      "tls@2:1",
    ]);
  });

  it("tells of a block in a list only that it has latency measured, however that is written", () => {
    for (const export_ of [
      "{ service: a, latency: { sampling: 50%, subject: b } }",
      "{ latency = { subject: b } }",
      "{ latency { subject: b }, service: a }",
      '{ "service": "a", "latency": { "subject": "b" } }',
      "{ service: a, Latency: b }",
    ])
      assert.deepEqual(
        keys(`exports: [ ${export_} ]`).map((key) => key.replace(/@.*/, "")),
        ["exports", "exports.latency"],
        export_,
      );
    for (const export_ of [
      "{ stream: latency }",
      "{ service: latency, accounts: [{}] }",
      "latency",
      "{ service: latency.a }",
    ])
      assert.doesNotMatch(keys(`exports: [ ${export_} ]`).join(), /exports\.latency/, export_);
  });

  it("has the words of a list as values of the list's key, a URL without quotes too", () => {
    const routes =
      "cluster { routes = [\n  nats://a.b:6222 # tls {}\n  // tls {}\n  nats-route://u:p@c, 'nats://d'\n] }\ntls {}";
    assert.deepEqual(keys(routes), [
      "cluster@1:1",
      "cluster.routes@1:11",
      "cluster.routes=nats://a.b:6222@2:3",
      "cluster.routes=nats-route://u:p@c@4:3",
      "cluster.routes=nats://d@4:23",
      "tls@6:1",
    ]);
  });

  it("has no list where a string is a bracket", () => {
    assert.deepEqual(keys('server_name: "["\ntls { a: [ "]", { b: "[" } ] }\nport: "]"\nhttp: 1'), [
      "server_name=[@1:1",
      "tls@2:1",
      "tls.a@2:7",
      "tls.a=]@2:12",
      "port=]@3:1",
      "http=1@4:1",
    ]);
  });

  it("that is broken ends, and does not misread what follows a key without value", () => {
    assert.deepEqual(keys("dangling\ntls { x }\n}}}]]]\nport: 1"), ["tls@2:1", "port=1@4:1"]);
    for (const text of ["{".repeat(10_000), "[".repeat(10_000), '"', "'", ":::", "\0"])
      assert.doesNotThrow(() => keys(text));
  });
});
