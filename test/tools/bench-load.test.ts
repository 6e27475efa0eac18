import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { Load } from "../../bench/load.ts";
import { WORKLOADS } from "../../bench/workloads.ts";

describe("the bench's load generator", () => {
  let load: Load;
  let received = "";
  /** Takes what it is sent, as nats-server does. */
  const server = createServer((socket: Socket) => {
    received = "";
    socket.write("INFO {}\r\n");
    socket.on("data", (data) => {
      received += data.toString("latin1");
      if (received.endsWith("PING\r\n")) socket.write("PONG\r\n");
    });
    socket.on("error", () => socket.destroy());
  });

  before(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    load = await Load.start();
  });

  after(() => {
    load.stop();
    server.close();
  });

  /** The subjects to which it publishes for a workload, in their order. */
  async function published(name: string, messages: number): Promise<string[]> {
    const { work, subjects, atRandom, size } = WORKLOADS.find((workload) => workload.name === name)!;
    const target = { address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
    await load.run({
      ...{ work, subjects, size, messages, target, expect: 0, refused: 0, watch: [] },
      ...(atRandom === undefined ? {} : { atRandom }),
    });
    return [...received.matchAll(/^PUB (\S+) /gm)].map(([, subject = ""]) => subject);
  }

  it("draws each subject anew where their order is random, the same in every run", async () => {
    const order = await published("publish-random", 6000);
    assert.equal(order.length, 6000);
    const again = order.filter((subject, i) => i >= 1000 && subject === order[i - 1000]);
    assert.ok(again.length < 50, `${again.length} of 5,000 are what they were 1,000 before`);
    assert.ok(new Set(order).size > 950, `${new Set(order).size} subjects`);
    assert.deepEqual(await published("publish-random", 6000), order);
  });

  it("publishes to one subject alone where there is one", async () => {
    assert.deepEqual(new Set(await published("publish-128", 1000)), new Set(["orders.e000.created"]));
  });
});
