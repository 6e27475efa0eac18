import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { CLIENT_ALPN, SERVER_NAME } from "../test/stand/mesh.ts";
import { Stand } from "../test/stand/stand.ts";
import { PATIENCE, waitFor } from "../test/stand/wait.ts";
import { Fault, messageOf } from "../tools/fault.ts";
import { Load, type Target } from "./load.ts";
import { NATIVE_USER, PEER, serverConfig } from "./policy.ts";
import type { Peer } from "./peers/modules.ts";
import { listeners, type Setup, type SetupName } from "./setups.ts";
import { expected, type Workload } from "./workloads.ts";

/** What a piece of work took, in nanoseconds. `operations` are counted as its workload counts them. */
export interface Piece {
  operations: number;
  elapsed: number;
  envoyCpu: number;
  natsCpu: number;
  loadCpu: number;
  /** Latencies of requests, sorted. */
  latencies?: number[];
}

/** The callbacks of an empty filter, and the bytes that they brought. */
export interface Callbacks {
  downstream: { count: number; bytes: number };
  upstream: { count: number; bytes: number };
}

/** The connections that are open at any listener. All listeners were asked for port 0, and Envoy names them by that. */
const OPEN = "listener.127.0.0.1_0.downstream_cx_active";

/** Milliseconds in which we hear of a process's end, after its connections have ended with it. */
const NEWS_OF_AN_END = 200;

/** Milliseconds between two looks at a count. */
const LOOK = 10;

/** Seconds after which work counts as hung: a minute, besides several times what a turn of it should take (measure.ts TOO_SLOW). */
export function patienceFor({ longer = 1 }: Pick<Workload, "longer">, seconds: number): number {
  return 60 + 4 * seconds * longer;
}

/** Waits until a count that lags behind has reached `wanted`, or for `patience` milliseconds. Returns what it is then. */
async function reached(wanted: number, count: () => Promise<number>, patience = PATIENCE): Promise<number> {
  const end = performance.now() + patience;
  for (;;) {
    const counted = await count();
    if (counted >= wanted || performance.now() > end) return counted;
    await sleep(LOOK);
  }
}

interface Explains {
  explain(): string;
}

/** How a process has ended, as its log begins to tell. */
function endOf(one: Explains): string {
  return one.explain().split(";")[0] ?? "";
}

/** One nats-server, one Envoy with one worker and a listener for each setup, and one load generator. */
export class Rig {
  readonly stand: Stand;
  #load: Load;
  readonly #tls: NonNullable<Target["tls"]>;
  /** A lower bound of the publishes that have gone through istio-nats: the ones that the work itself consists of. */
  #published = 0;
  /** The exact number of publishes that have gone through peers, which share one counter name. */
  #peersPublished = 0;
  /** Publishes of failed work, of which the peers may have had any number. */
  #peersDoubtful = 0;
  /** Why no more work can be done, once none can. */
  ended: string | undefined;
  /** The peers that were wanted. */
  readonly peers: readonly Peer[];

  readonly #seconds: number;

  private constructor(
    stand: Stand,
    load: Load,
    tls: NonNullable<Target["tls"]>,
    peers: readonly Peer[],
    seconds: number,
  ) {
    this.#seconds = seconds;
    this.stand = stand;
    this.peers = peers;
    this.#load = load;
    this.#tls = tls;
  }

  /**
   * Starts everything. `wanted` are the setups that will get work, a turn of which takes about `seconds`. `beside` is another build
   * of istio-nats.
   */
  static async start(wanted: ReadonlySet<SetupName>, seconds: number, beside?: string): Promise<Rig> {
    const { specs, peers } = await listeners(wanted, beside);
    const load = await Load.start();
    try {
      const stand = await Stand.start({
        listeners: specs,
        nats: { config: serverConfig },
        // Istio's own log level: only warnings, which include audit records.
        serverProxy: { concurrency: 1, logLevel: "warning" },
      });
      const { certificateFile, keyFile, authorityFile } = await stand.identity(PEER);
      const tls = { certificateFile, keyFile, authorityFile, serverName: SERVER_NAME, alpn: CLIENT_ALPN };
      return new Rig(stand, load, tls, peers, seconds);
    } catch (error) {
      load.stop();
      throw error;
    }
  }

  /** Every process that takes part, except this one. */
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

  /** Sends `messages` operations of a workload (publishes, requests and so on) through a setup. */
  async run(workload: Workload, setup: Setup, messages: number): Promise<Piece> {
    const what = `${workload.name} by ${setup.name}`;
    try {
      return await this.#run(what, workload, setup, messages);
    } catch (error) {
      if (setup.language) this.#peersDoubtful += messages;
      if (error instanceof Fault) throw error;
      const gone = await this.#gone();
      const since = gone.map((one) => `, since ${endOf(one)}`).join("");
      const reason = error instanceof Error ? error.message : String(error);
      const logs = (gone.length > 0 ? gone : [this.stand.envoy]).map((one) => one.explain());
      throw new Fault(`${what}: ${reason}${since}\n${logs.join("\n")}`, { cause: error });
    }
  }

  async #run(what: string, workload: Workload, setup: Setup, messages: number): Promise<Piece> {
    const { work, subjects, atRandom, size, leastSize, headers, emptyReply, subscribers, subscribe, queue } = workload;
    const direct = { address: `127.0.0.1:${this.stand.nats.port}` };
    const command = {
      ...{ work, subjects, atRandom, size, leastSize, headers, emptyReply, messages, subscribers, subscribe, queue },
      target: this.#target(setup),
      ...(workload.fromOrigin || work.startsWith("jetstream") ? { origin: direct } : {}),
      expect: expected(workload, setup, messages),
      refused: workload.allDenied && setup.enforces ? messages : 0,
      patience: patienceFor(workload, this.#seconds),
      watch: [this.stand.envoy.pid, this.stand.nats.pid],
    };
    const received = work === "publish" ? await this.#received() : undefined;
    const taken = await this.#load.run(command);
    if (received !== undefined) {
      // What nats-server itself refuses it has had.
      const kept = setup.envoy ? command.refused : 0;
      await this.#checkReceived(what, received + messages - kept);
    }
    if (setup.language) this.#peersPublished += messages;
    const isOurs = setup.envoy && (setup.enforces || setup.observed !== undefined);
    if (isOurs && !workload.fromOrigin && work !== "jetstream-pull") this.#published += messages;
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

  /** Which of nats-server and Envoy have ended. */
  async #gone(): Promise<Explains[]> {
    await sleep(NEWS_OF_AN_END);
    // Where this process itself had no core for as long, Node sees to its timers before it hears of ends.
    await setImmediate();
    const { nats, envoy } = this.stand;
    return [nats, envoy].filter(({ isRunning }) => !isRunning);
  }

  /**
   * Makes ready for other work after some has failed. What that may still do ends with the load generator, and another one takes its
   * place. If no more work can be done, `ended` says why.
   */
  async recover(): Promise<void> {
    this.#load.kill();
    const [gone] = await this.#gone();
    try {
      if (gone) throw new Fault(endOf(gone));
      this.#load = await Load.start();
      await waitFor("the failed work's connections to be closed", async () => {
        return (await this.stand.nats.monitor<{ connections: number }>("/varz")).connections === 0;
      });
    } catch (error) {
      this.ended = messageOf(error).split("\n")[0];
    }
  }

  /** The messages that nats-server has had so far, from whomever. */
  async #received(): Promise<number> {
    return (await this.stand.nats.monitor<{ in_msgs: number }>("/varz")).in_msgs;
  }

  /** A filter that lost messages would seem to be quick, since nobody subscribes to what is only published. */
  async #checkReceived(what: string, wanted: number): Promise<void> {
    // nats-server counts what it has read in one go after it has answered that.
    const received = await reached(wanted, () => this.#received());
    if (received < wanted) throw new Fault(`${what}: nats-server has had ${wanted - received} messages too few.`);
    if (received > wanted) throw new Fault(`${what}: nats-server has had ${received - wanted} messages too many.`);
  }

  /** What the empty filters have counted so far. A connection is counted when it is closed. */
  async callbacks(): Promise<Callbacks> {
    // Envoy notices a close by itself, and the filters hear of it before the connection stops being active.
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

  /**
   * Checks that istio-nats and the peers have counted what has gone through them so far, and that it has written its audit. If they
   * have not, the bench measures something else. They report their counts on their tick, for which this waits at most `patience`
   * milliseconds.
   */
  async checkStats(patience = PATIENCE): Promise<void> {
    const { envoy } = this.stand;
    const ours = async (): Promise<number> => {
      const of = (operation: string): Promise<number> => envoy.stat("istio_nats_messages_total", { operation });
      return (await of("PUB")) + (await of("HPUB"));
    };
    const counted = await reached(this.#published, ours, patience);
    if (counted < this.#published) {
      throw new Fault(
        `istio-nats has counted ${counted} publishes, and ${this.#published} went through it. Is the file of --beside, if there is one, a build of it?\n${envoy.explain()}`,
      );
    }
    if (this.#published > 0) {
      await this.stand.waitForAudit(({ event, source_principal: who }) => event === "connected" && who === PEER);
    }
    if (this.#peersPublished === 0) return;
    const theirs = (): Promise<number> => envoy.rawStat("wasmcustom.peer.operation.PUB.verdict.allowed.messages_total");
    const peersCounted = await reached(this.#peersPublished, theirs, patience);
    const most = this.#peersPublished + this.#peersDoubtful;
    if (peersCounted < this.#peersPublished || peersCounted > most) {
      const through = this.#peersDoubtful > 0 ? `${this.#peersPublished} to ${most}` : most;
      throw new Fault(
        `The peers have counted ${peersCounted} publishes, and ${through} went through them.\n${envoy.explain()}`,
      );
    }
  }

  async stop(): Promise<void> {
    this.#load.stop();
    await this.stand.stop();
  }
}
