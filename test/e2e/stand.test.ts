import { connect } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { auditRecords } from "../stand/audit.ts";
import { NatsServer } from "../stand/nats-server.ts";
import { RawClient } from "../stand/raw-client.ts";
import { Stand } from "../stand/stand.ts";
import { Started } from "../stand/started.ts";
import { PATIENCE, waitFor } from "../stand/wait.ts";
import { ORDERS_API } from "./policy.ts";

describe("the stand, without any filter", () => {
  let stand: Stand;

  before(async () => {
    stand = await Stand.start({
      listeners: { mtls: {}, permissive: { mode: "PERMISSIVE" }, waypoint: { mode: "WAYPOINT" } },
    });
  });

  after(() => stand.stop());

  it("carries nats.js through the client's Envoy, mTLS and the server's Envoy", async () => {
    const sidecar = await stand.sidecar(ORDERS_API);
    const connection = await connect({ servers: sidecar.url });
    connection.subscribe("greet", {
      callback: (_, message) => {
        message.respond(`hello ${message.string()}`);
      },
    });
    const reply = await connection.request("greet", "mesh", { timeout: PATIENCE });
    assert.equal(reply.string(), "hello mesh");
    await connection.close();
    assert.ok((await stand.envoy.stat("envoy_listener_ssl_handshake")) > 0);
  });

  it("accepts a client that speaks TLS itself", async () => {
    const identity = await stand.identity(ORDERS_API);
    const client = await RawClient.connect(stand.port(), { tls: identity });
    await client.handshake();
    await client.send("SUB a 1\r\nPUB a 2\r\nhi\r\n");
    const [message] = await client.flush();
    assert.equal(message?.payload?.toString(), "hi");
    client.reset();
    await stand.envoy.waitForStat("envoy_listener_downstream_cx_destroy", {}, (value) => value > 0);
  });

  it("refuses a certificate of an authority that the mesh does not know", async () => {
    const stranger = await stand.wrongIdentity(ORDERS_API);
    const sidecar = await stand.sidecar(stranger);
    const client = await RawClient.connect(sidecar.port);
    assert.deepEqual(await client.untilClosed(), []);
    await stand.envoy.waitForStat("envoy_listener_ssl_fail_verify_error", {}, (value) => value > 0);
  });

  it("refuses plain bytes where mTLS is STRICT, and until they come leaves the client waiting, as Istio does", async () => {
    const client = await RawClient.connect(stand.port());
    const first = client.next();
    assert.equal(await Promise.race([first, sleep(1000, "nothing yet")]), "nothing yet");
    await client.send("CONNECT {}\r\nPING\r\n");
    assert.equal(await first, undefined);
  });

  it("lets plain bytes through where mTLS is PERMISSIVE", async () => {
    const client = await RawClient.connect(stand.port("permissive"));
    // Istio sniffs the protocol, and NATS is server-first: INFO comes only after the client's first byte.
    await client.send('CONNECT {"verbose":false}\r\nPING\r\n');
    await client.expect("INFO");
    await client.expect("PONG");
    client.close();
  });

  it("restarts nats-server on the port that clients know", async () => {
    const { port } = stand.nats;
    await stand.nats.restart("SIGKILL");
    assert.equal(stand.nats.port, port);
    const client = await RawClient.connect(stand.port("waypoint"), { localAddress: "127.1.2.3" });
    await client.handshake();
    client.close();
  });
});

describe("what a test waits for", () => {
  it("is not taken for a PING of the server's, which is answered, unless it is one", async () => {
    let answers = "";
    const server = createServer((socket) => {
      socket.on("data", (chunk) => (answers += chunk.toString()));
      socket.write("INFO {}\r\nPING\r\nMSG a 1 2\r\nhi\r\nPING\r\n");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const client = await RawClient.connect((server.address() as AddressInfo).port);
    try {
      await client.expect("INFO");
      await client.expect("MSG", "MSG a 1 2");
      await client.expect("PING");
      await waitFor("the answer", () => answers === "PONG\r\n");
    } finally {
      client.close();
      server.close();
    }
  });

  it("is not half of an audit record that Envoy is still writing", () => {
    const whole = '[2026-01-01][7][warning][wasm] [context.cc:1] wasm log messaging.mtls: {"event":"first"}\n';
    const log = whole + whole.replace("first", "second");
    for (let end = whole.length; end < log.length; end++) {
      assert.deepEqual(auditRecords(log.slice(0, end)), [{ event: "first" }]);
    }
    assert.deepEqual(auditRecords(log), [{ event: "first" }, { event: "second" }]);
  });
});

describe("starts that belong together", () => {
  it("leave no process and no folder if one of them fails, including those that were still under way", async () => {
    const servers: NatsServer[] = [];
    let folder = "";
    const start = Started.whole(async (started) => {
      folder = started.folder;
      const begin = async (): Promise<NatsServer> => {
        const server = await NatsServer.start(folder);
        servers.push(server);
        return server;
      };
      await started.add(begin());
      await Promise.all([started.add(begin()), started.add(Promise.reject<NatsServer>(new Error("no third")))]);
    });
    await assert.rejects(start, /no third/);
    assert.equal(servers.length, 2);
    for (const { pid } of servers) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
    assert.ok(!existsSync(folder));
  });
});
