import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, it } from "node:test";
import { CONNECT, policy, pub } from "../host/wire.ts";
import { publishByMqtt } from "../stand/mqtt-publish.ts";
import { RawClient } from "../stand/raw-client.ts";
import { Stand } from "../stand/stand.ts";
import { waitFor } from "../stand/wait.ts";
import { linesOf } from "./frames.ts";
import { inBatches } from "./open-connections.ts";
import { settled } from "../stand/settled.ts";

/**
 * Envoy nests the closings of one tick inside each other. 4,000 closings in one tick overflowed the worker's stack, and the whole
 * proxy was gone (Envoy 1.40, "Check failed: IsOnCentralStack()"); 745 were not too many.
 */
const CROWD = 3000;
const HALF_HPUB = `HPUB ok.1 60000 60000\r\n${"x".repeat(30_000)}`;

describe("a crowd of connections that uses up limits.memory at once", () => {
  let stand: Stand;
  before(async () => {
    const config = { ...policy({ limits: { memory: 8 << 20, headers: 65_536 } }), identity: "WAYPOINT" };
    stand = await Stand.start({ listeners: { waypoint: { mode: "WAYPOINT", filter: { config } } } });
  });
  after(() => stand.stop());

  it("is shed without harm to the proxy and to connections that were there before", async () => {
    const neighbour = await RawClient.connect(stand.port());
    await neighbour.handshake();
    const crowd = await inBatches(CROWD, async () => {
      const client = await RawClient.connect(stand.port());
      await client.expect("INFO");
      return client;
    });
    await Promise.all(crowd.map((client) => client.send(CONNECT + HALF_HPUB).catch(() => undefined)));

    // What fits stays open: at most 8 MiB of half HPUBs. All others are closed.
    const open = (): number => crowd.filter((client) => !client.isClosed).length;
    const fits = (8 << 20) / 30_000;
    await waitFor("the crowd is shed", () => open() <= fits, { timeout: 60_000, explain: () => `${open()} are open` });
    assert.equal(stand.envoy.isRunning, true);
    assert.ok(open() > fits / 3, `${open()} are left`);
    // On a busy machine this process learns of the last ones after the filter has counted them.
    const counted = (): Promise<number> => stand.envoy.stat("istio_nats_protocol_errors_total", { kind: "memory" });
    await waitFor("each that was shed is counted, and no other", async () => (await counted()) === CROWD - open(), {
      explain: async () => `${await counted()} are counted, ${CROWD - open()} are closed`,
    });

    await neighbour.send(pub("no.1"));
    const refused = "-ERR 'Permissions Violation for Publish to \"no.1\"'";
    assert.deepEqual(linesOf(await neighbour.flush()), [refused]);
    for (const client of crowd) client.close();
    const later = await RawClient.connect(stand.port());
    await later.handshake();
    await later.send(pub("no.1"));
    assert.deepEqual(linesOf(await later.flush()), [refused]);
    later.close();
    neighbour.close();
  });
});

describe("a workload that uses up limits.memory", () => {
  const MEMORY = 8 << 20;
  const EVIL = "127.0.0.2";
  const HONEST = "127.0.0.3";
  /** Half messages that ask for half as much more as is left of it, the largest first, and then for what no larger one gets. */
  const HALVES = [32_768, 16_384, 8192, 4096, 2048, 1024, 512, 256, 128, 64].flatMap((bytes, i) =>
    Array.from({ length: i === 0 ? 80 : 4 }, () => "HPUB ok.1 60000 60000\r\n".padEnd(bytes, "x")),
  );
  let stand: Stand;

  before(async () => {
    const config = { ...policy({ limits: { memory: MEMORY, headers: 65_536 } }), identity: "WAYPOINT" };
    stand = await Stand.start({
      listeners: { waypoint: { mode: "WAYPOINT", filter: { config } } },
      nats: { jetStream: false },
    });
  });

  after(() => stand.stop());

  it("ends nobody else, though it uses up again and again in an instant what is left", async () => {
    const connect = (localAddress: string): Promise<RawClient> => RawClient.connect(stand.port(), { localAddress });
    const evil = await Promise.all(Array.from({ length: 7 }, () => connect(EVIL)));
    const subs = Array.from({ length: 230 }, (_, sid) => `SUB ok.${"x".repeat(4000)} ${sid}\r\n`).join("");
    for (const client of evil) {
      await client.handshake();
      await client.send(subs);
      await client.flush();
    }
    assert.ok(
      (await stand.envoy.waitForStat("istio_nats_memory_bytes", {}, (bytes) => bytes > MEMORY * 0.75)) < MEMORY * 0.9,
    );

    const honest = await connect(HONEST);
    await honest.handshake();
    let sid = 0;
    for (let round = 0; round < 10; round++) {
      const burst = await Promise.all(Array.from({ length: HALVES.length }, () => connect(EVIL)));
      await Promise.all(burst.map((client) => client.expect("INFO")));
      await Promise.all(burst.map((client, i) => client.send(CONNECT + HALVES[i]!).catch(() => undefined)));
      for (let i = 0; i < 20; i++, sid++) {
        await honest.send(`SUB ok.${sid} ${sid}\r\n${pub(`ok.${sid}`)}`);
        assert.deepEqual(linesOf(await honest.flush()), [`MSG ok.${sid} ${sid} 0`]);
      }
      for (const client of burst) client.close();
    }
    const ended = await stand.envoy.waitForStat(
      "istio_nats_protocol_errors_total",
      { kind: "memory" },
      (count) => count > 0,
    );
    assert.ok(ended > 0 && !honest.isClosed);
    for (const client of [...evil, honest]) client.close();
    await stand.envoy.waitForStat("istio_nats_memory_bytes", {}, (bytes) => bytes === 0);
  });

  it("loses what it holds even if it does not read, though Envoy closes no connection whose client has more to read", async () => {
    // More than the kernel's buffers between Envoy and the client hold, which takes Envoy's writing half beyond its limit.
    const unread = pub("ok.evil", "x".repeat(1_000_000)).repeat(5);
    const crowd = await Promise.all(
      Array.from({ length: 16 }, () => RawClient.connect(stand.port(), { localAddress: EVIL })),
    );
    const subs = Array.from({ length: 4000 }, (_, sid) => `SUB ok.${"x".repeat(70)} ${sid}\r\n`).join("");
    for (const client of crowd) {
      await client.handshake();
      client.pause();
      await client.send(`SUB ok.evil evil\r\n${unread}`);
    }
    const held = (): Promise<number> => stand.envoy.stat("istio_nats_memory_bytes");
    const ended = (): Promise<number> => stand.envoy.stat("istio_nats_protocol_errors_total", { kind: "memory" });
    // Until nothing more comes, since until then Envoy could close a connection.
    await settled(() => stand.envoy.stat("istio_nats_messages_total", { operation: "MSG" }));
    const before = await ended();
    for (const client of crowd) void client.send(subs).catch(() => undefined);
    await waitFor("the budget is used up", async () => (await ended()) > before);
    await waitFor("a tenth is free", async () => (await held()) < MEMORY * 0.9, {
      explain: async () => `${await held()} bytes are held, ${await ended()} connections have ended`,
    });

    const honest = await RawClient.connect(stand.port(), { localAddress: HONEST });
    await honest.handshake();
    const own = Array.from({ length: 2000 }, (_, sid) => `SUB ok.honest.${sid} ${sid}\r\n`).join("");
    await honest.send(`${own}${pub("ok.honest.7", "hi")}${pub("no.honest")}`);
    assert.deepEqual(linesOf(await honest.flush()), [
      "MSG ok.honest.7 7 2",
      "-ERR 'Permissions Violation for Publish to \"no.honest\"'",
    ]);
    assert.ok(crowd.every((client) => !client.isClosed));
    for (const client of [...crowd, honest]) client.close();
    await stand.envoy.waitForStat("istio_nats_memory_bytes", {}, (bytes) => bytes === 0);
  });
});

describe("devices of MQTT that publish the longest topics to many readers", () => {
  const READERS = "127.0.0.2";
  const READERS_COUNT = 100;
  const OTHER = "127.0.0.3";
  /** Dots of the longest topic, behind `ok/`. */
  const LONGEST = 65_532;
  let stand: Stand;
  const connect = (localAddress: string): Promise<RawClient> => RawClient.connect(stand.port(), { localAddress });

  before(async () => {
    const config = { ...policy({ limits: { memory: 8 << 20 } }), identity: "WAYPOINT" };
    stand = await Stand.start({
      listeners: { waypoint: { mode: "WAYPOINT", filter: { config } } },
      nats: { config: 'mqtt { listen: "127.0.0.1:-1" }' },
    });
  });

  after(() => stand.stop());

  /** Connects readers, and lets each of them have begun a line that has not ended. Answers how many of them have ended for that. */
  async function beginLines(dotsBefore: number): Promise<number> {
    const readers = await inBatches(READERS_COUNT, () => connect(READERS));
    for (const reader of readers) {
      await reader.handshake();
      await reader.send("SUB ok.> 1\r\n");
      await reader.flush();
      reader.pause();
    }
    const { mqtt } = await stand.nats.monitor<{ mqtt: { port: number } }>("/varz");
    // While Envoy reads nothing, nats-server writes until the kernel takes no more, which is inside a line of 131 KB. (Each dot is two
    // bytes of a subject.) While nats-server does not go on, Envoy has such a beginning for each reader.
    process.kill(stand.envoy.pid, "SIGSTOP");
    await publishByMqtt(mqtt.port, `ok/${".".repeat(dotsBefore)}`, "x");
    for (let i = 0; i < 40; i++) await publishByMqtt(mqtt.port, `ok/${".".repeat(LONGEST)}`, "x");
    await sleep(500);
    process.kill(stand.nats.pid, "SIGSTOP");
    process.kill(stand.envoy.pid, "SIGCONT");
    const ended = (): Promise<number> => stand.envoy.stat("istio_nats_protocol_errors_total", { kind: "memory" });
    // A tick has the connections judged that have room no more.
    for (let looks = 0; looks < 20 && (await ended()) === 0; looks++) await sleep(200);
    const count = await ended();
    process.kill(stand.nats.pid, "SIGCONT");
    for (const reader of readers) reader.close();
    return count;
  }

  it("end readers alone where limits.memory has no room for a begun line of each, which is told, and free again soon", async () => {
    const other = await connect(OTHER);
    await other.handshake();
    await other.send("SUB ok.1 1\r\n");
    await other.flush();
    // Where the kernel stops in a line is another place in each round. In one of them two thirds of it are there, for which there is
    // no room.
    let ended = 0;
    for (let third = 0; third < 3 && ended === 0; third++) ended = await beginLines(Math.round((LONGEST * third) / 3));
    await other.send(pub("ok.1", "x"));
    assert.deepEqual(linesOf(await other.flush()), ["MSG ok.1 1 1"]);
    // 57 lines fit into nine tenths of 8 MiB.
    assert.ok(ended > 0 && ended < READERS_COUNT / 2, `${ended} have ended`);
    await stand.waitForAudit(({ kind }) => kind === "memory");
    const whose = stand
      .refusals()
      .flatMap(({ kind, source_principal }) => (kind === "memory" ? [source_principal] : []));
    assert.deepEqual([...new Set(whose)], [`spiffe://cluster.local/ns/clients/sa/${READERS}`]);
    other.close();
    await stand.envoy.waitForStat("istio_nats_memory_bytes", {}, (bytes) => bytes === 0);
  });
});
