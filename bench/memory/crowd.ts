import { setTimeout as sleep } from "node:timers/promises";
import { buildModule } from "../../tools/wasm.ts";
import type { Identity } from "../../test/stand/certificates.ts";
import { CLIENT_ALPN, SERVER_NAME } from "../../test/stand/mesh.ts";
import { residentOf } from "../../test/stand/resident.ts";
import type { DownstreamMode } from "../../test/stand/server-proxy.ts";
import { Stand } from "../../test/stand/stand.ts";
import { waitFor } from "../../test/stand/wait.ts";
import type { WasmFilter } from "../../test/stand/wasm-filter.ts";
import { Load, type Command, type Taken } from "../load.ts";
import { quantile } from "../statistics.ts";
import { checkFiles } from "./files.ts";

/** What Envoy holds, in bytes. */
interface Level {
  connections: number;
  resident: number;
  /** What its own allocator has given out. */
  allocated: number;
  /** Of the linear memory of each VM, what was ever written to. */
  memories: number[];
  /** What it computed while nothing came, as a share of one core. */
  idle: number;
}

/** Nanoseconds from a question to its answer. */
interface Latency {
  median: number;
  p99: number;
  longest: number;
}

/** A crowd comes, stays for a while, and goes at once. */
export interface CrowdWave {
  setup: string;
  wave: number;
  high: Level;
  low: Level;
  /** Nanoseconds of Envoy's processor time for each connection that came or went, without what the PINGs take meanwhile. */
  cpu: { opening: number; closing: number };
  /** From CONNECT to PONG: of all while they come, and of those that come alone while all others are there. */
  connect: { opening: Latency; alone: Latency };
  /** The same of those that come alone with the handshakes of TCP and TLS, on average. */
  wholeConnect: number;
  /** From PING to PONG of connections that were there before: through Envoy, and, for comparison, directly to nats-server. */
  ping: Record<"opening" | "quiet" | "closing", { through: Latency; direct: Latency }>;
}

const WAVES = 5;
/** Each is a principal of its own. */
const PRINCIPALS = 100;
/** So many that most likely each worker has some. */
const PROBES = 8;
const NEWCOMERS = 200;
/** Envoy frees what belonged to a connection some moments after it was closed, and the filter's tick comes twice a second. */
const SETTLED = 3000;

const hosts = Array.from({ length: PRINCIPALS }, (_, i) => `127.0.1.${i + 1}`);

/** Twenty rules that match every peer, as in `npm run bench`. */
const policy = (identity: "PEER" | "WAYPOINT"): object => ({
  identity,
  trustDomains: ["cluster.local"],
  rules: Array.from({ length: 20 }, (_, i) => ({
    name: `app-${i}`,
    from: [{ namespaces: ["clients"] }],
    publish: { allow: [`orders.${i}.>`] },
    subscribe: { allow: [`inbox.${i}.>`] },
  })),
});

function latencyOf({ latencies = [] }: Taken): Latency {
  return { median: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), longest: latencies.at(-1) ?? NaN };
}

/** The load generators: one has the crowd, the others must not be held up by what it does. */
interface Loads {
  crowd: Load;
  through: Load;
  direct: Load;
}

interface Watched<T> {
  happened: T;
  ping: CrowdWave["ping"]["quiet"];
  computed: number;
  took: number;
}

class Crowd {
  readonly #stand: Stand;
  readonly #loads: Loads;
  readonly #through: Partial<Command>;
  readonly #direct: Partial<Command>;

  constructor(stand: Stand, loads: Loads, certificates: readonly Identity[]) {
    this.#stand = stand;
    this.#loads = loads;
    const tls = certificates.map((identity) => ({ ...identity, serverName: SERVER_NAME, alpn: CLIENT_ALPN }));
    this.#through = { target: { address: `127.0.0.1:${stand.port()}` }, hosts, certificates: tls };
    this.#direct = { target: { address: `127.0.0.1:${stand.nats.port}` } };
  }

  async #run(load: Load, work: string, more: Partial<Command>): Promise<Taken> {
    const nothing = { target: { address: "" }, subjects: [], size: 0, messages: 0, expect: 0, refused: 0, watch: [] };
    return load.run({ work, ...nothing, patience: 300, ...more });
  }

  /** Has connections come until there are as many, or go. They are counted where they end, at nats-server. */
  async become(connections: number): Promise<Taken> {
    const others = 1 + 2 * PROBES; // The monitoring of nats-server does not count.
    const taken = await this.#run(this.#loads.crowd, "crowd", {
      ...this.#through,
      connections,
      subscribe: ["inbox.1.c#"],
    });
    const there = async (): Promise<number> => {
      return (await this.#stand.nats.monitor<{ connections: number }>("/varz")).connections;
    };
    let seen = 0;
    await waitFor(
      `${connections} connections at nats-server`,
      async () => {
        seen = await there();
        return seen >= connections && seen <= connections + others;
      },
      { explain: () => `there are ${seen}\n${this.#stand.envoy.explain()}` },
    );
    return taken;
  }

  /** What connections that ping notice of `event`, and what Envoy computes meanwhile, in milliseconds. */
  async watched<T>(event: () => Promise<T>): Promise<Watched<T>> {
    const { through, direct } = this.#loads;
    await this.#run(through, "probe", { ...this.#through, connections: PROBES });
    await this.#run(direct, "probe", { ...this.#direct, connections: PROBES });
    const { proxy } = this.#stand;
    const [before, began] = [proxy.computed(), performance.now()];
    const happened = await event();
    const [computed, took] = [proxy.computed() - before, performance.now() - began];
    const ping = {
      through: latencyOf(await this.#run(through, "probed", {})),
      direct: latencyOf(await this.#run(direct, "probed", {})),
    };
    return { happened, ping, computed, took };
  }

  /** Clients that come one after the other. */
  newcomers(): Promise<Taken> {
    return this.#run(this.#loads.through, "newcomers", { ...this.#through, messages: NEWCOMERS });
  }

  async level(connections: number): Promise<Level> {
    await sleep(SETTLED / 2);
    const { envoy, proxy } = this.#stand;
    const idle = await proxy.load(SETTLED / 2);
    const { all, memories } = residentOf(envoy.pid);
    const allocated = await envoy.allocated();
    return { connections, resident: all, allocated, memories: memories.map(({ resident }) => resident), idle };
  }
}

async function withLoads<T>(use: (loads: Loads) => Promise<T>): Promise<T> {
  const [crowd, through, direct] = [await Load.start(), await Load.start(), await Load.start()];
  try {
    return await use({ crowd, through, direct });
  } finally {
    for (const load of [crowd, through, direct]) load.stop();
  }
}

async function wavesOf(
  setup: string,
  count: number,
  workers: number,
  mode: DownstreamMode,
  filter: WasmFilter | undefined,
): Promise<CrowdWave[]> {
  const stand = await Stand.start({
    listeners: { nats: { mode, filter } },
    serverProxy: { concurrency: workers, logLevel: "warning" },
  });
  try {
    const uris = hosts.map((host) => `spiffe://cluster.local/ns/clients/sa/${host}`);
    const certificates = mode === "STRICT" ? await Promise.all(uris.map((uri) => stand.identity(uri))) : [];
    return await withLoads(async (loads) => {
      const crowd = new Crowd(stand, loads, certificates);
      const few = Math.ceil(count / 10);
      await crowd.become(few);
      const waves: CrowdWave[] = [];
      for (let wave = 1; wave <= WAVES; wave++) {
        const opening = await crowd.watched(() => crowd.become(count));
        const high = await crowd.level(count);
        const quiet = await crowd.watched(() => sleep(SETTLED));
        const newcomers = await crowd.newcomers();
        // The last one leaves nobody.
        const left = wave === WAVES ? 0 : few;
        const closing = await crowd.watched(async () => {
          await crowd.become(left);
          await sleep(SETTLED);
        });
        const cpuOf = ({ computed, took }: Watched<unknown>, connections: number): number =>
          (1e6 * (computed - (took * quiet.computed) / quiet.took)) / connections;
        waves.push({
          setup,
          wave,
          high,
          low: await crowd.level(left),
          cpu: {
            opening: cpuOf(opening, opening.happened.latencies?.length ?? NaN),
            closing: cpuOf(closing, count - left),
          },
          connect: { opening: latencyOf(opening.happened), alone: latencyOf(newcomers) },
          wholeConnect: newcomers.elapsed / NEWCOMERS,
          ping: { opening: opening.ping, quiet: quiet.ping, closing: closing.ping },
        });
      }
      return waves;
    });
  } finally {
    await stand.stop();
  }
}

/**
 * Clients that subscribe and then are idle come and go by thousands: through Envoy alone, through a filter that does nothing, and
 * through istio-nats, plain and with mTLS.
 */
export async function measureCrowd(
  count: number,
  workers: number,
  announce: (text: string) => void,
): Promise<CrowdWave[]> {
  checkFiles("crowd", count);
  const empty = { wasm: await buildModule("bench/modules/empty.ts") };
  const waves: CrowdWave[] = [];
  for (const [how, mode, identity] of [
    ["plain", "WAYPOINT", "WAYPOINT"],
    ["mTLS", "STRICT", "PEER"],
  ] as const) {
    for (const [what, filter] of [
      ["none", undefined],
      ["empty", empty],
      ["istio-nats", { config: policy(identity) }],
    ] as const) {
      const setup = `${what}, ${how}`;
      announce(`${count} clients: ${setup}`);
      waves.push(...(await wavesOf(setup, count, workers, mode, filter)));
    }
  }
  return waves;
}
