import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, it } from "node:test";
import { buildModule } from "../../tools/wasm.ts";
import { Host } from "./host.ts";
import { CONNECT, INFO, latin1, msg, PING, PONG, pub } from "./wire.ts";

/** A payload that would be taken for lines by a filter that looked at it. */
const PAYLOAD = "PUB a 9\r\n".repeat(2000);

describe("the bench's filter that reads lines alone", () => {
  let module: WebAssembly.Module;
  before(async () => {
    module = new WebAssembly.Module(readFileSync(await buildModule("bench/modules/lines.ts")));
  });

  function connected(): { host: Host; connection: ReturnType<Host["connect"]> } {
    const host = new Host(module);
    assert.ok(host.configure("").accepted);
    const connection = host.connect();
    assert.equal(latin1(connection.fromServer(INFO)), INFO);
    assert.equal(latin1(connection.fromClient(CONNECT + PING)), CONNECT + PING);
    assert.equal(latin1(connection.fromServer(PONG)), PONG);
    host.resetCounts();
    return { host, connection };
  }

  it("reads once for each publish and each delivery, and never a payload", () => {
    const { host, connection } = connected();
    connection.fromClient(pub("ok.1", PAYLOAD).repeat(3));
    assert.equal(host.counts["proxy_get_buffer_bytes"], 3);
    connection.fromServer(msg("ok.1", "1", PAYLOAD).repeat(3));
    assert.equal(host.counts["proxy_get_buffer_bytes"], 6);
  });

  it("finds the next line wherever a stream is cut, and reads no callback that a payload fills", () => {
    const two = pub("ok.1", PAYLOAD) + pub("ok.2");
    const line = two.indexOf("\n") + 1;
    for (let cut = line + 1; cut <= line + PAYLOAD.length; cut += 997) {
      const { host, connection } = connected();
      connection.fromClient(two.slice(0, line));
      connection.fromClient(two.slice(line, cut));
      assert.equal(host.counts["proxy_get_buffer_bytes"], 1);
      connection.fromClient(two.slice(cut));
      assert.equal(host.counts["proxy_get_buffer_bytes"], 2);
    }
    for (let cut = 1; cut < line; cut++) {
      const { host, connection } = connected();
      connection.fromClient(two.slice(0, cut));
      connection.fromClient(two.slice(cut));
      assert.equal(host.counts["proxy_get_buffer_bytes"], 3, `cut at ${cut}`);
    }
  });
});
