import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { RawClient } from "../stand/raw-client.ts";
import { residentOf } from "../stand/resident.ts";
import { computedBy } from "../stand/server-proxy.ts";
import { Stand } from "../stand/stand.ts";
import { waitFor } from "../stand/wait.ts";
import { linesOf } from "./frames.ts";
import { inBatches } from "./open-connections.ts";
import { IN_FORCE, stopwatch } from "./stopwatch.ts";

/** How long a change may hold up a worker, in milliseconds. */
const LONGEST_TURN = 100;
const CROWD = 5000;
const RULES = 10_000;
const WORKERS = 2;
/** What the memory of a VM may take. */
const LARGEST_MEMORY = 32 << 20;

/** One principal for each client address. The crowd has 127.0.0.1. */
const CROWD_RULE = { name: "crowd", from: [{ serviceAccounts: ["clients/127.0.0.1"] }], publish: { allow: ["ok.>"] } };
const BYSTANDER_RULE = {
  name: "bystander",
  from: [{ serviceAccounts: ["clients/127.0.0.2"] }],
  publish: { allow: ["ok.>"] },
  subscribe: { allow: ["ok.>"] },
};

function policyOf(rules: object[]): object {
  return { identity: "WAYPOINT", trustDomains: ["cluster.local"], audit: { refusalsPerSecond: 1, burst: 1 }, rules };
}

/** About 1 MiB, with as many rules as Kubernetes can comfortably carry. `from` is what the rule of that number matches. */
function manyRules(from: (i: number) => object): object[] {
  return Array.from({ length: RULES }, (_, i) => ({
    name: `app-${i}`,
    from: [from(i)],
    publish: { allow: [`orders.${i}.created.>`] },
  }));
}

async function longestTurn(stand: Stand): Promise<number> {
  // Envoy merges its histograms every five seconds.
  await sleep(6000);
  return stand.proxy.longestTurn();
}

/**
 * The same for the turns that end after `since`, a moment of performance.now(). Envoy also reports each of its five-second
 * intervals separately. A worker's first turn makes its VM and takes longer than any change, so five seconds must lie between.
 */
async function longestTurnSince(stand: Stand, since: number): Promise<number> {
  let longest = 0;
  // The interval that contains the change ends within five seconds, and Envoy reports it for five more.
  while (performance.now() < since + 6000) {
    await sleep(250);
    const text = await stand.envoy.admin("/stats?filter=worker_.*loop_duration_us");
    for (const [, most] of text.matchAll(/P100\(([\d.]+),/g)) longest = Math.max(longest, Number(most) / 1000);
  }
  return longest;
}

/**
 * Watches each worker until it is asked, on Linux, for the longest stretch in milliseconds that it computed without waiting. A turn
 * of an event loop is no longer than that. Unlike `longestTurn`, this leaves out what else runs on this machine. Time that falls
 * between two looks counts for the stretch before and the stretch after.
 */
function watchStretches({ proxy }: Stand): () => number[] {
  const workers = proxy.workers().map((task) => ({ task, waits: NaN, computed: NaN, stretch: 0, longest: 0 }));
  const look = (): void => {
    for (const worker of workers) {
      const status = readFileSync(`${worker.task}/status`, "utf8");
      const waits = Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)![1]);
      const computed = computedBy(worker.task);
      const more = Number.isNaN(worker.computed) ? 0 : computed - worker.computed;
      worker.longest = Math.max(worker.longest, worker.stretch + more);
      worker.stretch = waits === worker.waits ? worker.stretch + more : more;
      worker.waits = waits;
      worker.computed = computed;
    }
  };
  look();
  const timer = setInterval(look, 1);
  return () => {
    clearInterval(timer);
    look();
    return workers.map(({ longest }) => longest);
  };
}

describe("a policy that takes the rights of 5,000 connections of one worker", () => {
  let stand: Stand;
  before(async () => {
    const filter = { config: policyOf([CROWD_RULE, BYSTANDER_RULE]) };
    stand = await Stand.start({
      listeners: { waypoint: { mode: "WAYPOINT", filter } },
      serverProxy: { concurrency: 1, measuresTurns: true },
    });
  });
  after(() => stand.stop());

  it("closes all of them, stalls the worker for no more than 100 ms, and leaves others alone", async (t: TestContext) => {
    const bystander = await RawClient.connect(stand.port(), { localAddress: "127.0.0.2" });
    await bystander.handshake();
    const crowd = await inBatches(CROWD, async () => {
      const client = await RawClient.connect(stand.port(), { timeout: 60_000 });
      await client.handshake();
      return client;
    });
    const before = await longestTurn(stand);
    const stretches = watchStretches(stand);
    assert.equal(await stand.update({ config: policyOf([BYSTANDER_RULE]) }), "ACCEPTED");
    const watch = stopwatch(stand);
    const open = (): number => crowd.filter((client) => !client.isClosed).length;
    await waitFor("the crowd is closed", () => open() === 0, { timeout: 60_000, explain: () => `${open()} are open` });
    const { took, waited } = watch();
    const stretch = Math.max(...stretches());
    const longest = await longestTurn(stand);
    t.diagnostic(`closed within ${took.toFixed(0)} ms, in ${waited.toFixed(0)} ms of which others had the cores`);
    t.diagnostic(`longest turn ${longest} ms (${before} ms before the change), ${stretch.toFixed(0)} ms at a stretch`);
    // Either figure is more than the longest turn, as below.
    assert.ok(
      Math.min(stretch, longest) <= Math.max(LONGEST_TURN, before),
      `${stretch} ms at a stretch, ${longest} ms`,
    );
    // The crowd's sockets close in this process, which takes part of the time.
    assert.ok(took - waited <= 2 * IN_FORCE, `${took} ms, of which others had ${waited} ms`);
    await stand.envoy.waitForStat("istio_nats_revoked_connections_total", {}, (count) => count === CROWD);
    await bystander.send("SUB ok.1 1\r\nPUB ok.1 2\r\nhi\r\n");
    assert.deepEqual(linesOf(await bystander.flush()), ["MSG ok.1 1 2"]);
    bystander.close();
  });
});

/** Principals that each differ in a rule of their own, so a worker compiles the permissions of each separately. */
const ADDRESSES = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"];

function ownRules(publish: string): object[] {
  return ADDRESSES.map((address) => ({
    name: `own-${address}`,
    from: [{ serviceAccounts: [`clients/${address}`] }],
    publish: { allow: [publish] },
  }));
}

const CASES: [whom: string, rules: object[]][] = [
  [
    "each about another workload, none of which is connected",
    manyRules((i) => ({ serviceAccounts: [`team-${i % 100}/app-${i}`] })),
  ],
  ["all about each of four connected principals", manyRules(() => ({ namespaces: ["clients"] }))],
];

for (const [whom, rules] of CASES) {
  describe(`a policy of 10,000 rules, ${whom}`, () => {
    let stand: Stand;
    before(async () => {
      const filter = { config: policyOf(ownRules("ok.>")) };
      stand = await Stand.start({
        listeners: { waypoint: { mode: "WAYPOINT", filter } },
        serverProxy: { concurrency: WORKERS, measuresTurns: true },
      });
    });
    after(() => stand.stop());

    it("is in force on open connections within 2 s, takes no worker more than 100 ms, and no VM more than 32 MiB", async (t: TestContext) => {
      // Most likely each worker has more than one connection of each principal, because the kernel spreads them.
      const addresses = ADDRESSES.flatMap((address) => Array<string>(4).fill(address));
      const clients = await Promise.all(
        addresses.map(async (localAddress) => {
          const client = await RawClient.connect(stand.port(), { localAddress });
          await client.handshake();
          return client;
        }),
      );
      const config = policyOf([...rules, ...ownRules("new.>")]);
      assert.ok(JSON.stringify(config).length > 1_000_000);
      // Waits until the five seconds in which Envoy started are over.
      await longestTurn(stand);
      const before = stand.proxy.workerTimes();
      assert.equal(before.length, WORKERS);
      const stretches = watchStretches(stand);
      const pushed = performance.now();
      const watch = stopwatch(stand);
      assert.equal(await stand.update({ config }), "ACCEPTED");
      const isUnder = (client: RawClient): Promise<boolean> =>
        waitFor("the new policy", async () => {
          await client.send("PUB new.1 2\r\nhi\r\n");
          return linesOf(await client.flush()).length === 0;
        });
      await Promise.all(clients.map(isUnder));
      const { took, waited } = watch();
      const longestStretches = stretches();
      const computed = stand.proxy.workerTimes().map((time, k) => time - before[k]!);
      const longest = await longestTurnSince(stand, pushed);
      t.diagnostic(
        `in force after ${took.toFixed(0)} ms (${waited.toFixed(0)} ms without a core); workers computed ${computed.map(Math.round).join(" and ")} ms`,
      );
      t.diagnostic(`of that at a stretch ${longestStretches.map(Math.round).join(" and ")} ms`);
      t.diagnostic(`longest turn of a worker, with whatever else this machine did: ${longest} ms`);
      assert.ok(took - waited <= IN_FORCE, `${took} ms, of which others had ${waited} ms`);
      // A turn holds a worker up for no longer than either figure: what it computed at a stretch, and the longest turn, which
      // includes what else ran.
      for (const [k, stretch] of longestStretches.entries()) {
        assert.ok(computed[k]! > 0 && stretch > 0, `worker ${k} has done nothing`);
        assert.ok(Math.min(stretch, longest) <= LONGEST_TURN, `${stretch} ms at a stretch, longest turn ${longest} ms`);
      }
      // Also with each later policy. The main thread and each worker have a VM, and there is the one that these are cloned from. The
      // one in which Envoy has tried the policy is gone.
      for (const token of ["other.>", "new.>", "other.>"]) {
        assert.equal(await stand.update({ config: policyOf([...rules, ...ownRules(token)]) }), "ACCEPTED");
        await sleep(1000);
        const { memories } = residentOf(stand.envoy.pid);
        t.diagnostic(memories.map(({ size, resident }) => `${resident >> 10} of ${size >> 10} KiB`).join(", "));
        assert.equal(memories.length, WORKERS + 2);
        for (const { size } of memories) assert.ok(size <= LARGEST_MEMORY, `${size} bytes`);
      }
      for (const client of clients) client.close();
    });
  });
}

describe("policies of 10,000 rules, each of which has left connections behind on both workers", () => {
  let stand: Stand;
  const config = (number: number): object =>
    policyOf([...manyRules((i) => ({ serviceAccounts: [`team-${i % 100}/app-${i}`] })), ...ownRules(`t${number}.>`)]);
  before(async () => {
    stand = await Stand.start({
      listeners: { waypoint: { mode: "WAYPOINT", filter: { config: config(0) } } },
      serverProxy: { concurrency: WORKERS },
    });
  });
  after(() => stand.stop());

  it("take no VM more than 32 MiB, however many there are, and judge all of these connections by the last one", async (t: TestContext) => {
    const CHANGES = 25;
    const left: RawClient[] = [];
    for (let number = 1; number <= CHANGES; number++) {
      // Most likely the kernel gives some to each worker.
      for (let i = 0; i < 8; i++) {
        const client = await RawClient.connect(stand.port(), { localAddress: ADDRESSES[i % ADDRESSES.length]! });
        await client.handshake();
        left.push(client);
      }
      assert.equal(await stand.update({ config: config(number) }), "ACCEPTED");
      await sleep(100);
    }
    const allowed = async (client: RawClient, subject: string): Promise<boolean> => {
      await client.send(`PUB ${subject} 2\r\nhi\r\n`);
      return linesOf(await client.flush()).length === 0;
    };
    for (const client of left) {
      await waitFor("the last policy", () => allowed(client, `t${CHANGES}.1`));
      assert.equal(await allowed(client, "t1.1"), false);
    }
    const { memories } = residentOf(stand.envoy.pid);
    t.diagnostic(memories.map(({ size, resident }) => `${resident >> 10} of ${size >> 10} KiB`).join(", "));
    assert.equal(memories.length, WORKERS + 2);
    for (const { size } of memories) assert.ok(size <= LARGEST_MEMORY, `${size} bytes`);
    for (const client of left) client.close();
  });
});
