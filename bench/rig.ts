import { CLIENT_ALPN, SERVER_NAME } from "../test/stand/mesh.ts";
import { Stand } from "../test/stand/stand.ts";
import { waitFor } from "../test/stand/wait.ts";
import { Load, type Target, type Taken } from "./load.ts";
import { NATIVE_USER, PEER, serverConfig } from "./policy.ts";
import type { Peer } from "./peers/modules.ts";
import { listeners, type Setup, type SetupName } from "./setups.ts";
import { expected, type Workload } from "./workloads.ts";

/** What a piece of work took, in nanoseconds; `operations` as its workload counts them. */
export interface Piece {
  operations: number;
  elapsed: number;
  envoyCpu: number;
  natsCpu: number;
  loadCpu: number;
  /** Of requests, sorted. */
  latencies?: number[];
}

/** What callbacks have brought to an empty filter. */
export interface Callbacks {
  downstream: { count: number; bytes: number };
  upstream: { count: number; bytes: number };
}

/** The connections that are open at any listener: all were asked for port 0, which is how Envoy calls them. */
const OPEN = "listener.127.0.0.1_0.downstream_cx_active";

/** One nats-server, one Envoy of one worker with a listener for each setup, one load generator. */
export class Rig {
  readonly stand: Stand;
  readonly #load: Load;
  readonly #tls: NonNullable<Target["tls"]>;
  /** Publishes that have gone through istio-nats, at least: those that the work itself consists of. */
  #published = 0;
  /** Publishes that have gone through peers, which count under one name: exactly so many. */
  #peersPublished = 0;
  /** The peers that were wanted. */
  readonly peers: readonly Peer[];

  private constructor(stand: Stand, load: Load, tls: NonNullable<Target["tls"]>, peers: readonly Peer[]) {
    this.stand = stand;
    this.peers = peers;
    this.#load = load;
    this.#tls = tls;
  }

  /** `wanted` are the setups that will get work, `beside` another build of istio-nats. */
  static async start(wanted: ReadonlySet<SetupName>, beside?: string): Promise<Rig> {
    const { specs, peers } = await listeners(wanted, beside);
    const load = await Load.start();
    try {
      const stand = await Stand.start({
        listeners: specs,
        nats: { config: serverConfig },
        // Istio's own log level: nothing but warnings, audit records among them.
        serverProxy: { concurrency: 1, logLevel: "warning" },
      });
      const { certificateFile, keyFile, authorityFile } = await stand.identity(PEER);
      const tls = { certificateFile, keyFile, authorityFile, serverName: SERVER_NAME, alpn: CLIENT_ALPN };
      return new Rig(stand, load, tls, peers);
    } catch (error) {
      load.stop();
      throw error;
    }
  }

  /** Every process that takes part, but this one. */
  get pids(): number[] {
    return [this.stand.envoy.pid, this.stand.nats.pid, this.#load.pid];
  }

  #target(setup: Setup): Target {
    if (setup.envoy) {
      const address = `127.0.0.1:${this.stand.port(setup.name)}`;
      return setup.tls ? { address, tls: this.#tls } : { address };
    }
    const address = `127.0.0.1:${this.stand.nats.port}`;
    return setup.enforces ? { address, user: NATIVE_USER, password: NATIVE_USER } : { address };
  }

  /** Does `messages` of a workload's publishes, requests or the like through a setup. */
  async run(workload: Workload, setup: Setup, messages: number): Promise<Piece> {
    const { work, subjects, atRandom, size, leastSize, subscribers, subscribe, queue } = workload;
    const direct = { address: `127.0.0.1:${this.stand.nats.port}` };
    const command = {
      ...{ work, subjects, atRandom, size, leastSize, messages, subscribers, subscribe, queue },
      target: this.#target(setup),
      ...(workload.fromOrigin || work.startsWith("jetstream") ? { origin: direct } : {}),
      expect: expected(workload, setup, messages),
      refused: workload.allDenied ? messages : 0,
      watch: [this.stand.envoy.pid, this.stand.nats.pid],
    };
    let taken: Taken;
    try {
      taken = await this.#load.run(command);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${workload.name} by ${setup.name}: ${reason}\n${this.stand.envoy.explain()}`, { cause: error });
    }
    if (setup.language) this.#peersPublished += messages;
    if (setup.envoy && setup.enforces && !workload.fromOrigin && work !== "jetstream-pull") this.#published += messages;
    const [envoyCpu = NaN, natsCpu = NaN] = taken.cpu;
    return {
      operations: messages * (workload.operationsPerMessage ?? 1),
      elapsed: taken.elapsed,
      envoyCpu,
      natsCpu,
      loadCpu: taken.own,
      ...(taken.latencies ? { latencies: taken.latencies } : {}),
    };
  }

  /** What the empty filters have counted so far; a connection counts when it is closed. */
  async callbacks(): Promise<Callbacks> {
    // Envoy learns of a close by itself, and the filters hear of it before the connection is no longer active.
    await waitFor("the load's connections to be closed", async () => (await this.stand.envoy.rawStat(OPEN)) === 0);
    const stat = (name: string): Promise<number> => this.stand.envoy.rawStat(`wasmcustom.bench_${name}`);
    const [down, downBytes, up, upBytes] = await Promise.all([
      stat("downstream_callbacks"),
      stat("downstream_bytes"),
      stat("upstream_callbacks"),
      stat("upstream_bytes"),
    ]);
    return { downstream: { count: down, bytes: downBytes }, upstream: { count: up, bytes: upBytes } };
  }

  /** Sees to it that istio-nats and the peers have counted what went through them: else something else was measured. */
  async checkStats(): Promise<void> {
    const labels = { operation: "PUB" };
    await this.stand.envoy.waitForStat("istio_nats_messages_total", labels, (count) => count >= this.#published);
    if (this.#peersPublished === 0) return;
    const name = "wasmcustom.peer.operation.PUB.verdict.allowed.messages_total";
    const read = (): Promise<number> => this.stand.envoy.rawStat(name);
    // They tell on their tick.
    await waitFor(`the peers to have counted ${this.#peersPublished} publishes`, async () =>
      (await read()) === this.#peersPublished ? true : undefined,
    );
  }

  async stop(): Promise<void> {
    this.#load.stop();
    await this.stand.stop();
  }
}
