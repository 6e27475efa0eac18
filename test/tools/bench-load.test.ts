import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { Load, type Command } from "../../bench/load.ts";
import { WORKS } from "../../bench/works.ts";

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
    const { work, subjects, atRandom, size, leastSize, subscribers, subscribe } = WORKS.find(
      (one) => one.name === name,
    )!;
    const target = { address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
    const sent = { work, subjects, atRandom, size, leastSize, subscribers, subscribe };
    return { ...sent, ...{ messages, target, expect: 0, refused: 0, patience: 60, watch: [] }, ...more };
  }

  /** The publishes that it makes for a work, in order. */
  async function published(name: string, messages: number): Promise<{ subject: string; size: number }[]> {
    await load.run(commandFor(name, messages));
    const frames = received.matchAll(/^PUB (\S+) (\d+)\r\n([a-z]*)\r$/gm);
    return [...frames].map(([, subject = "", size, payload = ""]) => {
      assert.equal(payload.length, Number(size));
      return { subject, size: payload.length };
    });
  }

  const subjectsOf = (frames: { subject: string }[]): string[] => frames.map(({ subject }) => subject);

  function assertEquallyOften(subjects: readonly string[], each: number): void {
    const times = new Map<string, number>();
    for (const subject of subjects) times.set(subject, (times.get(subject) ?? 0) + 1);
    assert.equal(times.size, 1000);
    assert.deepEqual(new Set(times.values()), new Set([each]));
  }

  it("publishes to each of 1,000 subjects equally often in a random order, the same in every run", async () => {
    const order = subjectsOf(await published("publish-many", 14_000));
    assertEquallyOften(order.slice(0, 7000), 7);
    const again = order.filter((subject, i) => i >= 1000 && i < 7000 && subject === order[i - 1000]);
    assert.ok(again.length < 50, `${again.length} of 6,000 are what they were 1,000 before`);
    assert.deepEqual(order.slice(7000), order.slice(0, 7000), "the period is not 7,000 publishes");
    assert.deepEqual(subjectsOf(await published("publish-many", 14_000)), order);
  });

  it("publishes mixed work to 1,000 subjects of many lengths, equally often, with payloads of many sizes", async () => {
    const { size: most, leastSize: least = NaN } = WORKS.find(({ name }) => name === "publish-mixed")!;
    const frames = await published("publish-mixed", 4000);
    assertEquallyOften(subjectsOf(frames), 4);
    assert.ok(new Set(frames.map(({ subject }) => subject.length)).size >= 12);
    const sizes = frames.map(({ size }) => size).sort((a, b) => a - b);
    assert.ok(sizes[0]! >= least && sizes.at(-1)! <= most, `${sizes[0]} to ${sizes.at(-1)}`);
    // Three of the six doublings lie on either side of 128.
    const small = sizes.filter((size) => size < 128).length;
    assert.ok(small > 1800 && small < 2200, `${small} of 4,000 are below 128 bytes`);
  });

  it("fails where more messages arrive than must, or other publishes are refused", async () => {
    const message = "MSG orders.e000.created 1 2\r\nhi\r\n";
    sends = { "SUB ": message.repeat(2) };
    await load.run(commandFor("fan-out-1", 2, { expect: 2 }));
    sends = { "SUB ": message.repeat(3) };
    await assert.rejects(load.run(commandFor("fan-out-1", 2, { expect: 2 })), /3 messages arrived, not 2$/);
    sends = { "PUB ": `-ERR 'Permissions Violation for Publish to "orders.e000.created"'\r\n` };
    await assert.rejects(load.run(commandFor("publish-16", 2)), /1 of 2 publishes were refused, not 0$/);
  });

  it("answers what nats-server asks a subscriber, which it would disconnect, but not within a publish", async () => {
    sends = { "SUB ": "PING\r\nMSG orders.e000.created 1 2\r\nhi\r\n".repeat(2) };
    await load.run(commandFor("fan-out-1", 2, { expect: 2 }));
    assert.match(received, /^PONG\r\n/m);
    sends = { "PUB ": "PING\r\n" };
    await load.run(commandFor("publish-16k", 200));
    assert.doesNotMatch(received, /PONG/);
  });

  // The last one, since work that hangs goes on without anybody who waits for it.
  it("gives up work that takes longer than it may, and says so", async () => {
    hangs = "PUB ";
    await assert.rejects(
      load.run(commandFor("publish-16", 100, { patience: 0.5 })),
      /^Error: publish did not end within 0\.5 s$/,
    );
  });
});
