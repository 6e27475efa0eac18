import { sourceConstant } from "../../tools/source-constant.ts";
import { buildModule } from "../../tools/wasm.ts";
import { parseSamples, sum } from "../../test/stand/prometheus.ts";
import { RawClient } from "../../test/stand/raw-client.ts";
import { addressOf, computedBy } from "../../test/stand/server-proxy.ts";
import { settled } from "../../test/stand/settled.ts";
import { Stand } from "../../test/stand/stand.ts";
import { waitFor } from "../../test/stand/wait.ts";
import type { WasmFilter } from "../../test/stand/wasm-filter.ts";
import { median } from "../statistics.ts";

/** What the stats of so many principals take, when all of them have gone. */
export interface StatsLevel {
  setup: string;
  principals: number;
  /** Bytes that Envoy has allocated itself. */
  allocated: number;
  scrape: Scrape;
  /** What Envoy computes while nothing comes and nobody scrapes, as a share of one core. */
  idle: number;
}

/** One answer to `/stats/prometheus`. */
interface Scrape {
  series: number;
  bytes: number;
  /** Milliseconds that Envoy's main thread computes for it. */
  computed: number;
  /** Milliseconds until it is there. */
  took: number;
}

const SCRAPES = 5;
/** Of the most principals, so many are there in each of the stages. */
const STAGES = [1 / 4, 1 / 2, 1];
const AT_ONCE = 16;
/** Two of the intervals in which Envoy brings its histograms together (`stats_flush_interval`), in milliseconds. */
const IDLE = 10_000;
/** Milliseconds. New series are defined in slices (docs/performance-scale.md). */
const COMPLETE = 600_000;

/** As many as `telemetry.principals` allows at most. */
export const MOST_PRINCIPALS = sourceConstant("policy/config-telemetry.ts", "MOST_PRINCIPALS");

const policy = {
  identity: "WAYPOINT",
  trustDomains: ["cluster.local"],
  rules: [
    {
      name: "jobs",
      from: [{ namespaces: ["clients"] }],
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

/** What `work` has counted: a CONNECT, three PINGs, and two SUBs, PUBs, deliveries and UNSUBs. */
const MESSAGES = 12;

/** A principal that subscribes, sends a request, and answers it itself: it has a series of each stat of healthy traffic. */
async function work(port: number, principal: number): Promise<void> {
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

async function scrapeOf({ envoy }: Stand): Promise<Scrape> {
  const main = `/proc/${envoy.pid}/task/${envoy.pid}`;
  const [before, began] = [computedBy(main), performance.now()];
  const text = await envoy.admin("/stats/prometheus");
  const [computed, took] = [computedBy(main) - before, performance.now() - began];
  return { series: parseSamples(text).length, bytes: Buffer.byteLength(text), computed, took };
}

async function levelOf(stand: Stand, setup: string, principals: number, duration: number): Promise<StatsLevel> {
  const idle = await stand.proxy.load(duration);
  const scrapes: Scrape[] = [];
  for (let i = 0; i < SCRAPES; i++) scrapes.push(await scrapeOf(stand));
  const middle = (what: keyof Scrape): number => median(scrapes.map((scrape) => scrape[what]));
  const scrape = {
    series: middle("series"),
    bytes: middle("bytes"),
    computed: middle("computed"),
    took: middle("took"),
  };
  return { setup, principals, allocated: await stand.envoy.allocated(), scrape, idle };
}

async function levelsOf(
  setup: string,
  workers: number,
  filter: WasmFilter | undefined,
  counts: readonly number[],
  duration: number,
): Promise<StatsLevel[]> {
  const stand = await Stand.start({
    listeners: { waypoint: { mode: "WAYPOINT", filter } },
    serverProxy: { concurrency: workers, logLevel: "warning" },
  });
  try {
    const levels = [await levelOf(stand, setup, 0, duration)];
    let done = 0;
    for (const count of counts) {
      for (; done < count; done += AT_ONCE) {
        const some = Array.from({ length: Math.min(AT_ONCE, count - done) }, (_, i) => done + i);
        await Promise.all(some.map((principal) => work(stand.port(), principal)));
      }
      done = count;
      await complete(stand, filter?.config === undefined ? 0 : count * MESSAGES);
      levels.push(await levelOf(stand, setup, count, duration));
    }
    return levels;
  } finally {
    await stand.stop();
  }
}

/**
 * What stats of ever more principals take: with a filter that has none of them, and with istio-nats. Idleness is looked at for so many
 * milliseconds each time.
 */
export async function measurePrincipals(
  most: number,
  workers: number,
  announce: (text: string) => void,
  duration = IDLE,
): Promise<StatsLevel[]> {
  const empty = { wasm: await buildModule("bench/modules/empty.ts") };
  announce(`${most} principals`);
  const counts = STAGES.map((share) => Math.ceil(most * share));
  return [
    ...(await levelsOf("empty", workers, empty, [most], duration)),
    ...(await levelsOf("istio-nats", workers, { config: policy }, counts, duration)),
  ];
}
