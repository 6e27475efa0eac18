import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, it } from "node:test";
import { Load, type Command, type Taken } from "../../bench/load.ts";
import { checkFiles } from "../../bench/memory/files.ts";
import { idleClient } from "../../bench/memory/idle.ts";
import { inRoot } from "../../tools/paths.ts";
import { NatsServer } from "../stand/nats-server.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { PATIENCE, waitFor } from "../stand/wait.ts";

const INTERVAL = 300;
/** How many PINGs nats-server lets be unanswered: so many that a busy machine has the time to answer one. */
const UNANSWERED = 10;

/** The kernel's number of that state of a connection in /proc/net/tcp. */
const ESTABLISHED = "01";

/** Whether some connection to that port has sent what its process has not read (Linux). */
function hasUnread(port: number): boolean {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = readFileSync("/proc/net/tcp", "latin1").split("\n");
  return lines.some((line) => {
    const [, from = "", , state, queues = ""] = line.trim().split(/\s+/);
    return from.endsWith(local) && state === ESTABLISHED && !queues.endsWith(":00000000");
  });
}

describe("the memory bench's crowd", () => {
  const folder = makeScratch();
  let nats: NatsServer;
  let load: Load;

  before(async () => {
    const config = `ping_interval: "${INTERVAL}ms", ping_max: ${UNANSWERED}`;
    [nats, load] = await Promise.all([NatsServer.start(folder, { jetStream: false, config }), Load.start()]);
  });

  after(async () => {
    load.stop();
    await nats.stop();
    removeScratch(folder);
  });

  function run(work: string, more: Partial<Command>): Promise<Taken> {
    const target = { address: `127.0.0.1:${nats.port}` };
    const nothing = { subjects: [], size: 0, messages: 0, expect: 0, refused: 0, watch: [] };
    return load.run({ work, target, ...nothing, patience: 60, ...more });
  }

  interface Connections {
    connections: { ip: string; subscriptions_list?: string[] }[];
  }

  async function connected(count: number): Promise<Connections["connections"]> {
    return waitFor(`${count} connections`, async () => {
      const { connections } = await nats.monitor<Connections>("/connz?subs=1");
      return connections.length === count && connections;
    });
  }

  it("comes with a subscription each, from all addresses, and goes at once but for some that lie scattered", async () => {
    const hosts = ["127.0.1.1", "127.0.1.2", "127.0.1.3"];
    const { latencies = [] } = await run("crowd", { connections: 60, hosts, subscribe: ["inbox.#"] });
    assert.equal(latencies.length, 60);
    const all = await connected(60);
    for (const host of hosts) assert.equal(all.filter(({ ip }) => ip === host).length, 20, host);
    const subjects = all.flatMap(({ subscriptions_list: subjects = [] }) => subjects);
    assert.deepEqual(new Set(subjects), new Set(Array.from({ length: 60 }, (_, i) => `inbox.${i}`)));
    await run("crowd", { connections: 6 });
    const left = (await connected(6)).map(({ subscriptions_list: [subject = ""] = [] }) =>
      Number(subject.split(".")[1]),
    );
    assert.deepEqual(
      left.sort((a, b) => a - b),
      [9, 19, 29, 39, 49, 59],
    );
  });

  it("stays as long as nats-server has its PINGs answered", async () => {
    await run("crowd", { connections: 20, subscribe: ["inbox.#"] });
    await sleep((UNANSWERED + 3) * INTERVAL);
    assert.equal((await connected(20)).length, 20);
    await run("crowd", { connections: 0 });
    await connected(0);
  });

  it("asks of clients that come one by one how long CONNECT takes", async () => {
    const { latencies = [], elapsed } = await run("newcomers", { messages: 30 });
    assert.equal(latencies.length, 30);
    assert.ok(latencies.reduce((sum, each) => sum + each) < elapsed);
    await connected(0);
  });

  it("notices with PINGs how long nobody is answered", async () => {
    await run("probe", { connections: 4 });
    await sleep(500);
    process.kill(nats.pid, "SIGSTOP");
    // A probe may have no core when the stall begins.
    await waitFor("a PING that nobody reads", () => hasUnread(nats.port));
    const began = performance.now();
    await sleep(1000);
    const stall = performance.now() - began;
    process.kill(nats.pid, "SIGCONT");
    await sleep(500);
    const { latencies = [] } = await run("probed", {});
    const [longest = 0, median = Infinity] = [latencies.at(-1), latencies[latencies.length >> 1]];
    assert.ok(longest >= stall * 1e6, `${longest} ns`);
    assert.ok(median < (stall / 4) * 1e6, `${median} ns`);
  });
});

describe("the memory bench's idle connections", () => {
  it("stay as long as nats-server has its PINGs answered, whatever they wait for", async (t) => {
    const folder = makeScratch();
    t.after(() => removeScratch(folder));
    const config = `ping_interval: "${INTERVAL}ms", ping_max: ${UNANSWERED}`;
    const nats = await NatsServer.start(folder, { jetStream: false, config });
    t.after(() => nats.stop());
    const client = await idleClient(nats.port);
    await sleep((UNANSWERED + 3) * INTERVAL);
    assert.equal(client.isClosed, false);
    // A wait that begins later finds none of the PINGs.
    assert.deepEqual(await client.flush(), []);
    client.close();
  });
});

describe("the memory bench", () => {
  const limits =
    "Max processes             94000                94000                processes\nMax open files            1024                 20000                files\n";

  it("refuses more connections than Envoy may have files for, and says how many it may", () => {
    checkFiles("crowd", 9950, limits);
    assert.throws(
      () => checkFiles("crowd", 9951, limits),
      /^Fault: 9951 connections .* may open 20000 here\. Raise that .* or measure --crowd 9950\.$/,
    );
  });

  it("refuses them before it has measured anything else", () => {
    const command = `ulimit -n 1500 && exec "$0" --import tsx bench/memory/main.ts --connections 1000`;
    const { status, stdout, stderr } = spawnSync("sh", ["-c", command, process.execPath], {
      cwd: inRoot(),
      encoding: "utf8",
      timeout: PATIENCE,
    });
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(stderr, /^1000 connections .* may open 1500 here\. Raise that .* or measure --connections 700\.\n$/);
  });

  it("refuses none where nothing bounds the files", () => {
    checkFiles("connections", 1_000_000, limits.replace("20000    ", "unlimited"));
  });
});
