import { setTimeout as sleep } from "node:timers/promises";
import { parseSamples, sum } from "../../test/stand/prometheus.ts";
import { RawClient, type RawClientOptions } from "../../test/stand/raw-client.ts";
import { residentOf } from "../../test/stand/resident.ts";
import { addressOf, type DownstreamMode } from "../../test/stand/server-proxy.ts";
import { settled } from "../../test/stand/settled.ts";
import { Stand } from "../../test/stand/stand.ts";
import { waitFor } from "../../test/stand/wait.ts";
import type { WasmFilter } from "../../test/stand/wasm-filter.ts";
import { buildModule } from "../../tools/wasm.ts";
import type { MemoryRow, Stage } from "../results.ts";

/**
 * Milliseconds until what happened has been worked off: Envoy frees what belonged to a connection some moments after it was closed,
 * and a few ticks of the filter have then brought all connections under a policy.
 */
const SETTLED = 3000;

const CLIENTS = [{ namespaces: ["clients"] }];

/** Rules that match every client. 10,000 of them are about 1 MiB. No two tokens make the same policy. */
function policyOf(identity: "PEER" | "WAYPOINT", rules: number, token = "a"): object {
  return {
    identity,
    trustDomains: ["cluster.local"],
    rules: Array.from({ length: rules }, (_, i) => ({
      name: `app-${i}`,
      from: CLIENTS,
      publish: { allow: [`orders.${i}.${token}.>`] },
      subscribe: { allow: [`inbox.${i}.>`] },
    })),
  };
}

async function withStand<T>(
  mode: DownstreamMode,
  filter: WasmFilter | undefined,
  workers: number,
  use: (stand: Stand) => Promise<T>,
): Promise<T> {
  const stand = await Stand.start({
    listeners: { nats: { mode, filter } },
    serverProxy: { concurrency: workers, logLevel: "warning" },
  });
  try {
    return await use(stand);
  } finally {
    await stand.stop();
  }
}

/** What Envoy holds once what happened has been worked off. */
async function look(
  { envoy }: Stand,
  filter: MemoryRow["filter"],
  stage: Stage,
  of?: number,
  rest = SETTLED,
): Promise<MemoryRow> {
  await sleep(rest);
  const { all, anonymous, memories } = residentOf(envoy.pid);
  return {
    ...{ filter, stage, ...(of === undefined ? {} : { of }) },
    ...{ resident: all, own: anonymous, wasm: memories.reduce((bytes, { resident }) => bytes + resident, 0) },
    allocated: await envoy.allocated(),
  };
}

/** A client that has introduced itself, and answers nats-server's PINGs until it is closed. */
async function idleClient(port: number, options: RawClientOptions): Promise<RawClient> {
  const client = await RawClient.connect(port, { timeout: 60_000, ...options, answersPings: true });
  await client.handshake();
  return client;
}

const AT_ONCE = 50;
/** Principals that these connections have in turn. */
const IDENTITIES = 100;

/** Connections with mTLS and a subscription each that come and go. */
async function connectionRows(
  name: MemoryRow["filter"],
  filter: WasmFilter | undefined,
  workers: number,
  count: number,
): Promise<MemoryRow[]> {
  return withStand("STRICT", filter, workers, async (stand) => {
    const rows = name === "istio-nats" ? [] : [await look(stand, name, "start")];
    const uris = Array.from({ length: IDENTITIES }, (_, i) => `spiffe://cluster.local/ns/clients/sa/c${i}`);
    const identities = await Promise.all(uris.map((uri) => stand.identity(uri)));
    const clients: RawClient[] = [];
    const come = async (number: number): Promise<RawClient> => {
      const client = await idleClient(stand.port(), { tls: identities[number % IDENTITIES] });
      await client.send(`SUB inbox.1.c${number} 1\r\n`);
      await client.flush();
      return client;
    };
    while (clients.length < count) {
      const numbers = Array.from({ length: Math.min(AT_ONCE, count - clients.length) }, (_, i) => clients.length + i);
      clients.push(...(await Promise.all(numbers.map(come))));
    }
    rows.push(await look(stand, name, "connections", count));
    for (const client of clients) client.close();
    rows.push(await look(stand, name, "gone"));
    return rows;
  });
}

const FEW_RULES = 10;
/** How often a policy takes the place of another one. Most of the plateau is reached by the fifth. */
const CHANGES = 10;
/** Four principals with several connections each, so that most likely each worker has all of them. */
const PEERS = Array.from({ length: 16 }, (_, i) => `127.0.0.${2 + (i % 4)}`);

/** Policies that all match sixteen connections of four principals: with few rules, with many, and after other ones. */
async function ruleRows(workers: number, count: number): Promise<MemoryRow[]> {
  const few = { config: policyOf("WAYPOINT", FEW_RULES) };
  return withStand("WAYPOINT", few, workers, async (stand) => {
    const clients = await Promise.all(PEERS.map((localAddress) => idleClient(stand.port(), { localAddress })));
    // A peer's rules are compiled when it first does something.
    const ask = async (): Promise<void> => {
      for (const client of clients) {
        await client.send("PUB orders.1.a.x 2\r\nhi\r\n");
        await client.flush();
      }
    };
    const push = async (token: string): Promise<void> => {
      const answer = await stand.update({ config: policyOf("WAYPOINT", count, token) });
      if (answer !== "ACCEPTED") throw new Error(`Envoy has ${answer} a policy of ${count} rules`);
      await sleep(SETTLED);
      await ask();
    };
    await ask();
    const rows = [await look(stand, "istio-nats", "few", FEW_RULES)];
    await push("a");
    rows.push(await look(stand, "istio-nats", "rules", count));
    for (let change = 1; change <= CHANGES; change++) await push(`c${change}`);
    rows.push(await look(stand, "istio-nats", "changed"));
    for (const client of clients) client.close();
    return rows;
  });
}

/** As many as `telemetry.principals` allows at most. */
export const MOST_PRINCIPALS = 4096;
/** Milliseconds. New series are defined in slices. */
const COMPLETE = 600_000;
const PRINCIPALS_AT_ONCE = 16;

const statsPolicy = {
  identity: "WAYPOINT",
  trustDomains: ["cluster.local"],
  rules: [
    {
      name: "jobs",
      from: CLIENTS,
      publish: { allow: ["jobs.>", "answers.>"] },
      subscribe: { allow: ["jobs.>", "answers.>"] },
    },
  ],
  telemetry: {
    principals: MOST_PRINCIPALS,
    subjects: [
      { name: "jobs", patterns: ["jobs.>"] },
      { name: "answers", patterns: ["answers.>"] },
    ],
  },
};

/** What `visit` has counted: a CONNECT, three PINGs, and two SUBs, PUBs, deliveries and UNSUBs. */
const MESSAGES = 12;

/** A principal that subscribes, sends a request, answers it itself and goes: it has a series of each stat of healthy traffic. */
async function visit(port: number, principal: number): Promise<void> {
  const client = await RawClient.connect(port, { localAddress: addressOf(principal) });
  await client.handshake();
  const [job, answer] = [`jobs.j${principal}`, `answers.a${principal}`];
  await client.send(`SUB ${job} 1\r\nSUB ${answer} 2\r\nPUB ${job} ${answer} 2\r\nhi\r\n`);
  await client.expect("MSG", `MSG ${job} 1 ${answer} 2`);
  await client.send(`PUB ${answer} 2\r\nok\r\nUNSUB 1\r\nUNSUB 2\r\n`);
  await client.expect("MSG", `MSG ${answer} 2 2`);
  await client.flush();
  client.close();
}

/** Waits until stats count so many messages, and all their series are there. */
async function complete({ envoy }: Stand, messages: number): Promise<void> {
  const read = async (): Promise<{ series: number; counted: number }> => {
    const samples = await envoy.samples();
    return { series: samples.length, counted: sum(samples, "istio_nats_messages_total") };
  };
  let counted = NaN;
  await waitFor(
    "stats that count all messages",
    async () => {
      ({ counted } = await settled(read, { timeout: COMPLETE }));
      return counted === messages;
    },
    { timeout: COMPLETE, explain: () => `they count ${counted} of ${messages}` },
  );
}

/** What the stats of ever more principals take when these have gone, and Envoy has rested so long. `counts` rise. */
export async function principalRows(workers: number, counts: readonly number[], rest = SETTLED): Promise<MemoryRow[]> {
  return withStand("WAYPOINT", { config: statsPolicy }, workers, async (stand) => {
    const rows: MemoryRow[] = [];
    let done = 0;
    for (const count of counts) {
      while (done < count) {
        const some = Array.from({ length: Math.min(PRINCIPALS_AT_ONCE, count - done) }, (_, i) => done + i);
        await Promise.all(some.map((principal) => visit(stand.port(), principal)));
        done += some.length;
      }
      await complete(stand, count * MESSAGES);
      const row = await look(stand, "istio-nats", "principals", count, rest);
      const text = await stand.envoy.admin("/stats/prometheus");
      rows.push({ ...row, series: parseSamples(text).length, scrape: Buffer.byteLength(text) });
    }
    return rows;
  });
}

export interface Counts {
  connections: number;
  rules: number;
  principals: number;
}

/** Everything, one Envoy after the other. */
export async function measureMemory(
  workers: number,
  { connections, rules, principals }: Counts,
  announce: (text: string) => void,
): Promise<MemoryRow[]> {
  const filters: [MemoryRow["filter"], WasmFilter | undefined][] = [
    ["none", undefined],
    ["empty", { wasm: await buildModule("bench/modules/empty.ts") }],
    ["istio-nats", { config: policyOf("PEER", 20) }],
  ];
  const rows: MemoryRow[] = [];
  for (const [name, filter] of filters) {
    announce(`${connections} connections, filter: ${name}`);
    rows.push(...(await connectionRows(name, filter, workers, connections)));
  }
  announce(`${rules} rules`);
  rows.push(...(await ruleRows(workers, rules)));
  announce(`${principals} principals`);
  rows.push(...(await principalRows(workers, [0, principals])));
  return rows;
}
