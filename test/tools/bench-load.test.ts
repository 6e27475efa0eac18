import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { Load, type Command } from "../../bench/load.ts";
import { patienceFor } from "../../bench/rig.ts";
import { WORKLOADS } from "../../bench/workloads.ts";
import { NatsServer } from "../stand/nats-server.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";

const PING = "PING\r\n";

describe("the bench's load generator", () => {
  let load: Load;
  let received = "";
  /** What the server answers no PING behind. */
  let hangs = "nothing";
  /** What the server sends besides, each as soon as it has read that. */
  let sends: Record<string, string> = {};
  /** Accepts what it is sent, as nats-server does. */
  const server = createServer((socket: Socket) => {
    let own = "";
    let searched = 0;
    received = "";
    socket.write("INFO {}\r\n");
    socket.on("data", (data) => {
      const text = data.toString("latin1");
      own += text;
      received += text;
      for (const [read, sent] of Object.entries(sends)) {
        if (!own.includes(read)) continue;
        socket.write(sent);
        sends = {};
      }
      // A subscriber's own PONG may come behind its PING at once, so PINGs also count within what is read.
      for (let at; (at = own.indexOf(PING, searched)) >= 0; searched = at + PING.length)
        if (!own.includes(hangs)) socket.write("PONG\r\n");
      searched = Math.max(searched, own.length - PING.length + 1);
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

  function commandFor(name: string, messages: number, more: Partial<Command> = {}): Command {
    const workload = WORKLOADS.find((one) => one.name === name)!;
    const target = { address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
    return { ...workload, ...{ messages, target, expect: 0, refused: 0, patience: 60, watch: [] }, ...more };
  }

  /** The publishes that it makes for a workload, in order. */
  async function published(name: string, messages: number): Promise<{ subject: string; size: number }[]> {
    await load.run(commandFor(name, messages));
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

  it("publishes with two blanks as libraries do that write a reply subject of no bytes", async () => {
    await load.run(commandFor("publish-blanks", 100));
    assert.equal([...received.matchAll(/^PUB orders\.e000\.created {2}16\r\n[a-z]{16}\r$/gm)].length, 100);
  });

  it("publishes with headers whose identifiers differ from one publish to the next, and the lengths are theirs", async () => {
    await load.run(commandFor("publish-headers", 100));
    const frames = received.matchAll(
      /^HPUB orders\.e000\.created (\d+) (\d+)\r\n(NATS\/1\.0\r\ntraceparent: 00-([0-9a-f]{32})-[0-9a-f]{16}-01\r\nNats-Msg-Id: \w{20}\r\n\r\n)[a-z]{128}\r$/gm,
    );
    const traces = [...frames].map(([, headers, total, block = "", trace]) => {
      assert.deepEqual([Number(headers), Number(total)], [block.length, block.length + 128]);
      return trace;
    });
    assert.equal(new Set(traces).size, 100);
  });

  it("finds out if deliveries have lost their headers, or have got some", async () => {
    const deliver = (name: string, delivered: string): Promise<unknown> => {
      sends = { "SUB ": delivered.repeat(2) };
      return load.run(commandFor(name, 2, { expect: 2 }));
    };
    const plain = "MSG orders.e000.created 1 2\r\nhi\r\n";
    const headed = "HMSG orders.e000.created 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n";
    await deliver("deliver-headers", headed);
    await assert.rejects(deliver("deliver-headers", plain), /0 messages arrived with headers, not 2$/);
    await deliver("fan-out-1", plain);
    await assert.rejects(deliver("fan-out-1", headed), /2 messages arrived with headers, not 0$/);
  });

  it("answers what nats-server asks a subscriber, which it would disconnect, but not within a publish", async () => {
    sends = { "SUB ": "PING\r\nMSG orders.e000.created 1 2\r\nhi\r\n".repeat(2) };
    await load.run(commandFor("fan-out-1", 2, { expect: 2 }));
    assert.match(received, /^PONG\r\n/m);
    sends = { "PUB ": "PING\r\n" };
    await load.run(commandFor("publish-16k", 200));
    assert.doesNotMatch(received, /PONG/);
  });

  // The last ones, since work that hangs goes on without anybody who waits for it.
  for (const [part, read] of [
    ["to prepare", "CONNECT"],
    ["to do", "PUB "],
  ] as const) {
    it(`gives up work that takes longer ${part} than it may, and says so`, async () => {
      hangs = read;
      await assert.rejects(
        load.run(commandFor("publish-16", 100, { patience: 0.5 })),
        /^Error: publish did not end within 0\.5 s$/,
      );
    });
  }

  it("gives up work that takes longer to check what has arrived than it may, and says so", async () => {
    hangs = "PUB ";
    sends = { "SUB ": "MSG orders.e000.created 1 2\r\nhi\r\n".repeat(2) };
    await assert.rejects(
      load.run(commandFor("fan-out-1", 2, { expect: 2, patience: 0.5 })),
      /^Error: deliver did not end within 0\.5 s$/,
    );
  });

  it("that has ended is told of by each further command, and nothing else comes of it", async () => {
    hangs = "nothing";
    const other = await Load.start();
    process.kill(other.pid, "SIGKILL");
    for (let i = 0; i < 3; i++)
      await assert.rejects(other.run(commandFor("publish-16", 1)), /^Error: The load generator has ended\.$/);
  });
});

describe("the bench's deliveries to many subscriptions", () => {
  const folder = makeScratch();
  const { subjects, subscribe = [], ...workload } = WORKLOADS.find(({ name }) => name === "deliver-subscriptions")!;
  let nats: NatsServer;
  let load: Load;

  before(async () => {
    [nats, load] = await Promise.all([NatsServer.start(folder, { jetStream: false }), Load.start()]);
  });

  after(async () => {
    load.stop();
    await nats.stop();
    removeScratch(folder);
  });

  /** As in a run, and with these subscriptions. */
  async function deliver(subscriptions: readonly string[]): Promise<unknown> {
    const target = { address: `127.0.0.1:${nats.port}` };
    const command = { ...workload, subjects, subscribe: subscriptions, messages: 1000, target };
    return load.run({ ...command, expect: 1000, refused: 0, patience: 60, watch: [] });
  }

  it("all arrive, each at one of ten subscriptions, literal ones and ones with wildcards", async () => {
    assert.equal(subscribe.length, 10);
    assert.ok(subscribe.filter((subject) => /[*>]/.test(subject)).length >= 3);
    await deliver(subscribe);
  });

  it("fail if more arrive than were published", async () => {
    await assert.rejects(deliver([...subscribe, "stock.>"]), /1[12]\d\d messages arrived, not 1000$/);
  });
});
