import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { Load } from "../../bench/load.ts";
import { patienceFor } from "../../bench/rig.ts";
import { WORKLOADS } from "../../bench/workloads.ts";

describe("the bench's load generator", () => {
  let load: Load;
  let received = "";
  /** Whether the server answers no more once something has been published. */
  let isHung = false;
  /** Accepts what it is sent, as nats-server does. */
  const server = createServer((socket: Socket) => {
    received = "";
    socket.write("INFO {}\r\n");
    socket.on("data", (data) => {
      received += data.toString("latin1");
      if (received.endsWith("PING\r\n") && !(isHung && received.includes("PUB "))) socket.write("PONG\r\n");
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

  /** The publishes that it makes for a workload, in order. */
  async function published(name: string, messages: number): Promise<{ subject: string; size: number }[]> {
    const { work, subjects, atRandom, size, leastSize } = WORKLOADS.find((workload) => workload.name === name)!;
    const target = { address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
    await load.run({
      ...{ work, subjects, size, messages, target, expect: 0, refused: 0, patience: 60, watch: [] },
      ...(atRandom === undefined ? {} : { atRandom }),
      ...(leastSize === undefined ? {} : { leastSize }),
    });
    const frames = received.matchAll(/^PUB (\S+) (\d+)\r\n([a-z]*)\r$/gm);
    return [...frames].map(([, subject = "", size, payload = ""]) => {
      assert.equal(payload.length, Number(size));
      return { subject, size: payload.length };
    });
  }

  it("may take as long as a turn was asked to take, also where that is minutes", () => {
    for (const workload of WORKLOADS) {
      for (const seconds of [0.25, 15, 120]) {
        assert.ok(patienceFor(workload, seconds) > 60 + 3 * seconds * (workload.longer ?? 1), workload.name);
      }
    }
  });

  const subjectsOf = (frames: { subject: string }[]): string[] => frames.map(({ subject }) => subject);

  function assertEquallyOften(subjects: readonly string[], each: number): void {
    const times = new Map<string, number>();
    for (const subject of subjects) times.set(subject, (times.get(subject) ?? 0) + 1);
    assert.equal(times.size, 1000);
    assert.deepEqual(new Set(times.values()), new Set([each]));
  }

  it("publishes to each of 1,000 subjects equally often in a random order, the same in every run", async () => {
    const order = subjectsOf(await published("publish-random", 14_000));
    assertEquallyOften(order.slice(0, 7000), 7);
    const again = order.filter((subject, i) => i >= 1000 && i < 7000 && subject === order[i - 1000]);
    assert.ok(again.length < 50, `${again.length} of 6,000 are what they were 1,000 before`);
    assert.deepEqual(order.slice(7000), order.slice(0, 7000), "the period is not 7,000 publishes");
    assert.deepEqual(subjectsOf(await published("publish-random", 14_000)), order);
  });

  it("publishes mixed work to 1,000 subjects of many lengths, equally often, with payloads of many sizes", async () => {
    const { size: most, leastSize: least = NaN } = WORKLOADS.find(({ name }) => name === "publish-mixed")!;
    const frames = await published("publish-mixed", 4000);
    assertEquallyOften(subjectsOf(frames), 4);
    assert.ok(new Set(frames.map(({ subject }) => subject.length)).size >= 12);
    const sizes = frames.map(({ size }) => size).sort((a, b) => a - b);
    assert.ok(sizes[0]! >= least && sizes.at(-1)! <= most, `${sizes[0]} to ${sizes.at(-1)}`);
    // Three of the six doublings lie on either side of 128.
    const small = sizes.filter((size) => size < 128).length;
    assert.ok(small > 1800 && small < 2200, `${small} of 4,000 are below 128 bytes`);
    const likeBefore = frames.filter(({ size }, i) => size === frames[i - 1]?.size).length;
    assert.ok(likeBefore < 200, `${likeBefore} of 4,000 have the size of the one before`);
  });

  it("publishes to one subject only if there is only one", async () => {
    assert.deepEqual(new Set(subjectsOf(await published("publish-128", 1000))), new Set(["orders.e000.created"]));
  });

  // The last one, since the work goes on without anybody who waits for it.
  it("gives up work that takes longer than it may, and says so", async () => {
    const target = { address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
    const work = {
      work: "publish",
      subjects: ["a"],
      size: 16,
      messages: 100,
      target,
      expect: 0,
      refused: 0,
      watch: [],
    };
    isHung = true;
    await assert.rejects(load.run({ ...work, patience: 0.001 }), /^Error: publish did not end within 0\.001 s$/);
  });
});
