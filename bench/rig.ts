import { setTimeout as sleep } from "node:timers/promises";
import { CLIENT_ALPN, SERVER_NAME } from "../test/stand/mesh.ts";
import { Stand } from "../test/stand/stand.ts";
import { PATIENCE } from "../test/stand/wait.ts";
import { Fault } from "../tools/fault.ts";
import { Load, type Target } from "./load.ts";
import { NATIVE_USER, PEER, serverConfig } from "./policy.ts";
import { TOO_SLOW, type Piece } from "./rounds.ts";
import { listeners, type Setup } from "./setups.ts";
import { expected, type Work } from "./works.ts";

/** Milliseconds between two looks at a count. */
const LOOK = 10;
/** Milliseconds in which we hear of a process's end, after its connections have ended with it. */
const NEWS_OF_AN_END = 200;

/** Waits until a count that lags behind has reached `wanted`, or for `patience` milliseconds. Returns what it is then. */
async function reached(wanted: number, count: () => Promise<number>, patience = PATIENCE): Promise<number> {
  const end = performance.now() + patience;
  for (;;) {
    const counted = await count();
    if (counted >= wanted || performance.now() > end) return counted;
    await sleep(LOOK);
  }
}

/** One nats-server, one Envoy with one worker and a listener for each setup, and one load generator. */
export class Rig {
  readonly stand: Stand;
  readonly #load: Load;
  readonly #tls: NonNullable<Target["tls"]>;
  readonly #seconds: number;
  /** A lower bound of the publishes that have gone through istio-nats: those that the work itself consists of. */
  #published = 0;

  private constructor(stand: Stand, load: Load, tls: NonNullable<Target["tls"]>, seconds: number) {
    this.stand = stand;
    this.#load = load;
    this.#tls = tls;
    this.#seconds = seconds;
  }

  /** Starts everything, for turns of about `seconds`. `otherBuild` is another module of istio-nats. */
  static async start(seconds: number, otherBuild?: string): Promise<Rig> {
    const specs = await listeners(otherBuild);
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
      return new Rig(stand, load, tls, seconds);
    } catch (error) {
      load.stop();
      throw error;
    }
  }

  /** Every process that takes part, except this one. */
  get pids(): number[] {
    return [this.stand.envoy.pid, this.stand.nats.pid, this.#load.pid];
  }

  /** Sends `messages` of a work through a setup. Rejects with what went wrong, where, and the ends of the logs. */
  async send(work: Work, setup: Setup, messages: number): Promise<Piece> {
    try {
      return await this.#send(work, setup, messages);
    } catch (error) {
      await sleep(NEWS_OF_AN_END);
      const { nats, envoy } = this.stand;
      const reason = error instanceof Error ? error.message : String(error);
      throw new Fault(`${work.name} by ${setup.name}: ${reason}\n${nats.explain()}\n${envoy.explain()}`, {
        cause: error,
      });
    }
  }

  async #send(work: Work, setup: Setup, messages: number): Promise<Piece> {
    const { subjects, atRandom, size, leastSize, subscribers, subscribe, queue } = work;
    const isRefused = work.allDenied === true && setup.enforces;
    const received = work.work === "publish" ? await this.#received() : undefined;
    const taken = await this.#load.run({
      ...{ work: work.work, subjects, atRandom, size, leastSize, subscribers, subscribe, queue, messages },
      target: this.#target(setup),
      ...(work.fromOrigin || work.work.startsWith("jetstream") ? { origin: this.#origin } : {}),
      expect: expected(work, setup, messages),
      refused: isRefused ? messages : 0,
      patience: 60 + (TOO_SLOW + 1) * this.#seconds * (work.longer ?? 1),
      watch: [this.stand.envoy.pid, this.stand.nats.pid],
    });
    // What nats-server itself refuses it has had.
    if (received !== undefined) await this.#checkReceived(received + (isRefused && setup.isEnvoy ? 0 : messages));
    const goesThrough = !work.fromOrigin && work.work !== "jetstream-pull";
    if (setup.isEnvoy && setup.enforces && goesThrough) this.#published += messages;
    const [envoyCpu = NaN, natsCpu = NaN] = taken.cpu;
    return {
      operations: messages * (work.operationsPerMessage ?? 1),
      ...{ elapsed: taken.elapsed, envoyCpu, natsCpu, loadCpu: taken.own },
      ...(taken.latencies && { latencies: taken.latencies }),
    };
  }

  get #origin(): Target {
    return { address: `127.0.0.1:${this.stand.nats.port}` };
  }

  #target(setup: Setup): Target {
    if (setup.isEnvoy) return { address: `127.0.0.1:${this.stand.port(setup.name)}`, tls: this.#tls };
    return setup.enforces ? { ...this.#origin, user: NATIVE_USER, password: NATIVE_USER } : this.#origin;
  }

  /** The messages that nats-server has had so far, from whomever. */
  async #received(): Promise<number> {
    return (await this.stand.nats.monitor<{ in_msgs: number }>("/varz")).in_msgs;
  }

  /** A filter that lost messages would seem to be quick, since nobody subscribes to what is only published. */
  async #checkReceived(wanted: number): Promise<void> {
    // nats-server counts what it has read in one go after it has answered that.
    const received = await reached(wanted, () => this.#received());
    if (received < wanted) throw new Error(`nats-server has had ${wanted - received} messages too few.`);
    if (received > wanted) throw new Error(`nats-server has had ${received - wanted} messages too many.`);
  }

  /**
   * Checks that istio-nats has counted what has gone through it so far, and that it has written its audit. If it has not, the bench
   * measures something else. Counts come with the tick, for which this waits at most `patience` milliseconds.
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
    if (this.#published === 0) return;
    await this.stand.waitForAudit(({ event, source_principal: who }) => event === "connected" && who === PEER);
  }

  async stop(): Promise<void> {
    this.#load.stop();
    await this.stand.stop();
  }
}
