import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { ask } from "../stand/ask.ts";

async function listening(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/varz`;
}

describe("a process that is asked over HTTP", () => {
  it("is named if it does not answer in time, as one that is stopped", async (t) => {
    const url = await listening(t, () => undefined);
    await assert.rejects(ask("nats-server", url, { timeout: 50 }), {
      message: `nats-server answers ${url} not within 50 ms`,
    });
  });

  it("is named if it is gone", async (t) => {
    // The near end of an open connection is a port at which nobody listens, and that nobody else is given meanwhile.
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
    t.after(() => {
      client.destroy();
      server.close();
    });
    await once(client, "connect");
    const url = `http://127.0.0.1:${client.localPort}/ready`;
    await assert.rejects(ask("envoy", url), { message: `envoy answers ${url} not at all` });
  });

  it("has time for its answer", async (t) => {
    const url = await listening(t, (_, response) => setTimeout(() => response.end("{}"), 20));
    assert.deepEqual(await (await ask("envoy", url, { timeout: 10_000 })).json(), {});
  });
});
