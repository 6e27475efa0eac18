import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { policy, pub, publishViolation } from "../host/wire.ts";
import { RawClient } from "../stand/raw-client.ts";
import { residentOf } from "../stand/resident.ts";
import { Stand } from "../stand/stand.ts";
import { waitFor } from "../stand/wait.ts";
import { linesOf } from "./frames.ts";
import { OPENED, waitForOpen } from "./open-connections.ts";
import { ORDERS_API } from "./policy.ts";
import { settled } from "../stand/settled.ts";

const MIB = 1 << 20;
/** How long a flood may take on a busy machine of two cores, in milliseconds. */
const LONG = 120_000;

describe("a client that floods", () => {
  let stand: Stand;

  before(async () => {
    stand = await Stand.start({
      listeners: {
        wide: { filter: { config: policy() }, bufferLimit: MIB },
        narrow: { filter: { config: policy() }, bufferLimit: 32 * 1024 },
        bare: {},
      },
      nats: { config: `max_payload: ${8 * MIB}` },
      serverProxy: { concurrency: 2 },
    });
  });

  after(() => stand.stop());

  async function connect(listener: string): Promise<RawClient> {
    const client = await RawClient.connect(stand.port(listener), {
      tls: await stand.identity(ORDERS_API),
      timeout: LONG,
    });
    await client.handshake();
    return client;
  }

  async function assertWorks(client: RawClient, subject: string): Promise<void> {
    await client.send(pub(subject, "hi") + pub("no.neighbour"));
    const lines = linesOf(await client.flush());
    assert.deepEqual(lines, [`MSG ${subject} 1 2`, publishViolation("no.neighbour").trimEnd()]);
  }

  for (const listener of ["wide", "narrow"]) {
    it(`with refused operations is held back, and gets every refusal in order when it reads (${listener} buffers)`, async () => {
      const count = 300_000;
      // Each of the two workers has somebody else's connection.
      const neighbours = await Promise.all(Array.from({ length: 6 }, () => connect(listener)));
      for (const [i, neighbour] of neighbours.entries()) await neighbour.send(`SUB ok.${listener}.${i} 1\r\n`);
      const flooding = await connect(listener);
      const memory = residentOf(stand.envoy.pid).all;
      const refusals = (): Promise<number> => stand.envoy.stat("istio_nats_refusals_total", { operation: "PUB" });
      const before = await refusals();

      flooding.pause();
      const padding = "x".repeat(100);
      // 80 MB, and twice what the buffers before the filter hold at most: the kernel lets one for reading grow to 32 MB here.
      const payload = "x".repeat(150);
      const operations: string[] = [];
      for (let i = 0; i < count; i++) operations.push(pub(`no.${padding}.${i}`, payload));
      let sent = false;
      const sending = flooding.send(operations.join("")).then(() => (sent = true));

      // The flood stops: the count of refusals no longer rises although bytes are left to send.
      await waitFor("the first refusals", async () => (await refusals()) > before, { timeout: LONG });
      const last = await settled(refusals, { timeout: LONG });
      assert.ok(last - before < count, `${last - before} of ${count} were refused while nobody read`);
      assert.equal(sent, false);
      for (const [i, neighbour] of neighbours.entries()) await assertWorks(neighbour, `ok.${listener}.${i}`);
      const grown = residentOf(stand.envoy.pid).all - memory;
      assert.ok(grown < 64 * MIB, `Envoy has grown by ${grown} bytes`);

      flooding.resume();
      await sending;
      for (let i = 0; i < count;) {
        const frame = await flooding.next();
        if (frame?.verb === "PING") await flooding.send("PONG\r\n");
        else assert.equal(`${frame?.line}\r\n`, publishViolation(`no.${padding}.${i++}`));
      }
      // The connection still works, and so do all others.
      assert.deepEqual(linesOf(await flooding.flush()), []);
      for (const [i, neighbour] of neighbours.entries()) await assertWorks(neighbour, `ok.${listener}.${i}`);
      for (const client of [flooding, ...neighbours]) client.close();
    });

    it(`with refused payloads of 8 MiB gets a refusal for each, and none reaches anybody (${listener} buffers)`, async () => {
      const client = await connect(listener);
      await client.send("SUB ok.> 1\r\n");
      const payload = Buffer.alloc(8 * MIB, "PUB ok.smuggled 1\r\nx\r\n");
      for (let i = 0; i < 4; i++) {
        await client.send(`PUB no.${i} ${payload.length}\r\n`);
        await client.send(payload);
        await client.send(`\r\n${pub("ok.after", "x")}`);
      }
      const expected = [0, 1, 2, 3].flatMap((i) => [publishViolation(`no.${i}`).trimEnd(), "MSG ok.after 1 1"]);
      assert.deepEqual(linesOf(await client.flush()), expected);
      client.close();
    });

    it(`with allowed payloads of 8 MiB among refused ones gets its own back, byte for byte (${listener} buffers)`, async () => {
      const client = await connect(listener);
      await client.send("SUB ok.> 1\r\n");
      const payload = Buffer.alloc(8 * MIB, "0123456789abcdef-");
      for (let i = 0; i < 3; i++) {
        await client.send(`PUB ok.${i} ${payload.length}\r\n`);
        await client.send(payload);
        await client.send(`\r\n${pub(`no.${i}`, "x")}`);
      }
      // A client's own publish may come back before or after the refusal that follows it. Each kind keeps its order.
      const frames = await client.flush();
      const deliveries = frames.filter(({ verb }) => verb === "MSG");
      assert.deepEqual(
        deliveries.map(({ line }) => line),
        [0, 1, 2].map((i) => `MSG ok.${i} 1 ${payload.length}`),
      );
      for (const delivery of deliveries) assert.ok(delivery.payload?.equals(payload));
      assert.deepEqual(
        linesOf(frames.filter(({ verb }) => verb === "-ERR")),
        [0, 1, 2].map((i) => publishViolation(`no.${i}`).trimEnd()),
      );
      client.close();
    });
  }

  it("that ends its half of the connection behind its flood, and reads only then, gets every refusal in order", async () => {
    const client = await connect("narrow");
    client.pause();
    const subjects = Array.from({ length: 20_000 }, (_, i) => `no.half.${i}`);
    const sent = client.send(`${subjects.map((subject) => pub(subject, "hi")).join("")}SUB no.half 1\r\n`);
    client.end();
    await sleep(300);
    client.resume();
    await sent;
    const last = "-ERR 'Permissions Violation for Subscription to \"no.half\"'";
    const expected = [...subjects.map((subject) => publishViolation(subject).trimEnd()), last];
    assert.deepEqual(linesOf(await client.untilClosed()), expected);
    client.close();
  });

  it("with 10,000 refused SUBs among as many allowed ones gets every refusal, in order", async () => {
    const client = await connect("narrow");
    const count = 10_000;
    let subs = "";
    for (let sid = 0; sid < count; sid++) subs += `SUB ok.${sid} ${sid}\r\nSUB no.${sid} n${sid}\r\n`;
    await client.send(subs);
    const lines = linesOf(await client.flush());
    assert.equal(lines.length, count);
    for (const [i, line] of lines.entries()) {
      assert.equal(line, `-ERR 'Permissions Violation for Subscription to "no.${i}"'`);
    }
    await client.send(Array.from({ length: count }, (_, sid) => pub(`ok.${sid}`)).join(""));
    const delivered = linesOf(await client.flush());
    assert.deepEqual(
      delivered,
      Array.from({ length: count }, (_, sid) => `MSG ok.${sid} ${sid} 0`),
    );
    client.close();
  });

  it("with 300 connections of half a line each, closed or reset, leaves nothing behind", async () => {
    await waitForOpen(stand, { wide: 0, narrow: 0 });
    const before = await stand.envoy.stat(OPENED);
    const memory = residentOf(stand.envoy.pid).all;
    for (let round = 0; round < 3; round++) {
      const clients = await Promise.all(Array.from({ length: 100 }, () => connect("wide")));
      await Promise.all(clients.map((client) => client.send(`PUB ok.${"x".repeat(4000)}`)));
      for (const [i, client] of clients.entries()) {
        if (i % 2 === 0) client.close();
        else client.reset();
      }
    }
    await stand.envoy.waitForStat(OPENED, {}, (count) => count === before + 300);
    await waitForOpen(stand, { wide: 0, narrow: 0 });
    const grown = residentOf(stand.envoy.pid).all - memory;
    assert.ok(grown < 64 * MIB, `Envoy has grown by ${grown} bytes`);
  });

  it("never ended the VM: no connection was lost to it", () => {
    assert.doesNotMatch(stand.envoy.log(), /RuntimeError|Uncaught|wasm.*(trap|crash|terminated)/i);
  });
});
