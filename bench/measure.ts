import { attempt, type Failure } from "./failures.ts";
import type { Callbacks, Piece, Rig } from "./rig.ts";
import { quantile } from "./statistics.ts";
import { setupOf, type SetupName } from "./setups.ts";
import type { Workload } from "./workloads.ts";

export interface Plan {
  rounds: number;
  /** How long a piece of work should take, in seconds, in the setup that it is paced by. */
  seconds: number;
}

/** One round of one setup. Figures are nanoseconds for each operation; the rate is operations per second. */
export interface Round {
  seconds: number;
  rate: number;
  envoyCpu: number;
  natsCpu: number;
  loadCpu: number;
  /** Latencies of requests. */
  latency?: { p50: number; p99: number; p999: number };
}

/** What the callbacks of the empty filter brought in a round, in both directions, for each operation. */
export interface CallbackCounts {
  toServer: { perOperation: number; bytes: number };
  toClient: { perOperation: number; bytes: number };
}

/** A workload's figures: for each setup a list of rounds, in the order in which they ran. */
export interface Measured {
  workload: string;
  title: string;
  operation: string;
  messages: number;
  /** Messages of the setups that are so slow that they get fewer. */
  fewer: Partial<Record<SetupName, number>>;
  setups: Partial<Record<SetupName, Round[]>>;
  callbacks?: CallbackCounts;
}

/** A setup that takes this many times longer than it should gets fewer messages. The figures are for each operation anyway. */
const TOO_SLOW = 3;

/** How often a setup is tried until it counts as slow. A machine that is busy holds up whoever has its turn, but seldom each time. */
const TRIES = 3;

/** What measures: the rig. */
export type Worker = Pick<Rig, "run" | "callbacks" | "recover" | "ended">;

/** A piece shorter than this says nothing about a rate. */
const LEAST_SECONDS = 0.05;

function roundOf({ operations, elapsed, envoyCpu, natsCpu, loadCpu, latencies }: Piece): Round {
  const latency = latencies && {
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    p999: quantile(latencies, 0.999),
  };
  return {
    seconds: elapsed / 1e9,
    rate: (operations * 1e9) / elapsed,
    envoyCpu: envoyCpu / operations,
    natsCpu: natsCpu / operations,
    loadCpu: loadCpu / operations,
    ...(latency ? { latency } : {}),
  };
}

/** At least `messages`, and an even number, so that half of them can be denied. */
function even(messages: number): number {
  return Math.max(2, 2 * Math.ceil(messages / 2));
}

/** How many messages keep a setup busy for about `seconds`. */
async function pace(rig: Worker, workload: Workload, seconds: number): Promise<number> {
  const most = workload.most ?? Infinity;
  const setup = setupOf(workload.paced ?? "envoy");
  const secondsFor = async (messages: number): Promise<number> =>
    (await rig.run(workload, setup, messages)).elapsed / 1e9;
  let messages = Math.max(2, Math.floor(10_000_000 / (workload.size + 5_000)));
  for (;;) {
    let took = await secondsFor(messages);
    // The longer a piece seems to take, the likelier is it that something else held it up.
    if (took >= LEAST_SECONDS) took = Math.min(took, await secondsFor(messages));
    const wanted = Math.min(most, even((messages * seconds) / took));
    if (took >= LEAST_SECONDS || wanted <= messages) return wanted;
    messages = Math.min(most, even(messages * Math.min(16, (4 * LEAST_SECONDS) / took)));
  }
}

/** As many messages as all setups get, or so many as keep this one busy for `seconds` if it is too slow for them. */
async function messagesFor(
  rig: Worker,
  workload: Workload,
  setup: SetupName,
  messages: number,
  seconds: number,
): Promise<number> {
  let fewer = 0;
  let tried = even(messages / 4);
  for (let tries = 0; tries < TRIES; tries++) {
    const { elapsed } = await rig.run(workload, setupOf(setup), tried);
    const expectedSeconds = (elapsed / 1e9) * (messages / tried);
    if (expectedSeconds <= TOO_SLOW * seconds) return messages;
    fewer = Math.max(fewer, even((messages * seconds) / expectedSeconds));
    tried = even(fewer / 4);
  }
  return fewer;
}

function countsOf(before: Callbacks, after: Callbacks, operations: number): CallbackCounts {
  const of = (direction: keyof Callbacks): CallbackCounts["toServer"] => {
    const count = after[direction].count - before[direction].count;
    const bytes = after[direction].bytes - before[direction].bytes;
    return { perOperation: count / operations, bytes: count === 0 ? 0 : bytes / count };
  };
  return { toServer: of("downstream"), toClient: of("upstream") };
}

/**
 * The order of the setups in a round. Every second round goes backwards, so that a drift of the machine affects the first setup as
 * much as the last. Each pair of rounds begins one setup further on. Forward and backward rounds begin at opposite ends, so in as
 * many rounds as there are setups each begins once, whether their number is odd or even.
 */
export function turnsOf<T>(all: readonly T[], round: number): T[] {
  const order = round % 2 === 0 ? [...all] : [...all].reverse();
  const first = Math.floor(round / 2) % all.length;
  return [...order.slice(first), ...order.slice(0, first)];
}

/** A workload, and the setups that get it. */
export interface Job {
  workload: Workload;
  setups: readonly SetupName[];
}

/** Finds how many messages each setup of a job gets, and does the job once without counting it. */
async function prepare(rig: Worker, { workload, setups }: Job, seconds: number): Promise<Measured> {
  const length = seconds * (workload.longer ?? 1);
  const messages = await pace(rig, workload, length);
  const { name, title, operation } = workload;
  const measured: Measured = { workload: name, title, operation, messages, fewer: {}, setups: {} };

  // Not counted: V8 compiles hot code, and nats-server and Envoy allocate the memory that they will need.
  for (const setup of setups) {
    const own = await messagesFor(rig, workload, setup, messages, length);
    if (own !== messages) measured.fewer[setup] = own;
  }
  return measured;
}

async function takeTurn(rig: Worker, workload: Workload, setup: SetupName, measured: Measured): Promise<void> {
  const counts = setup === "empty" && !measured.callbacks;
  const before = counts ? await rig.callbacks() : undefined;
  const piece = await rig.run(workload, setupOf(setup), measured.fewer[setup] ?? measured.messages);
  (measured.setups[setup] ??= []).push(roundOf(piece));
  if (before) measured.callbacks = countsOf(before, await rig.callbacks(), piece.operations);
}

/** Jobs that take their turns together. One that fails gets no more of them, and the others go on. */
export class Turns {
  private round = 0;
  private readonly running: (Job & { measured: Measured })[] = [];
  readonly failures: Failure[] = [];

  private constructor(
    private readonly rig: Worker,
    /** Called with the reason as soon as a job has failed. */
    private readonly onFailure: (reason: string) => void,
  ) {}

  static async prepare(
    rig: Worker,
    jobs: readonly Job[],
    seconds: number,
    onFailure: (reason: string) => void,
  ): Promise<Turns> {
    const turns = new Turns(rig, onFailure);
    for (const job of jobs) {
      await turns.attempt(job, async () => {
        turns.running.push({ ...job, measured: await prepare(rig, job, seconds) });
      });
    }
    return turns;
  }

  /**
   * The work of which each setup has had so many rounds. Of work that has failed nothing is left: what went wrong may have begun in
   * any of its rounds.
   */
  finished(rounds: number): Measured[] {
    return this.running
      .filter(({ workload }) => !this.hasFailed(workload))
      .filter(({ setups, measured }) => setups.every((name) => (measured.setups[name]?.length ?? 0) >= rounds))
      .map(({ measured }) => measured);
  }

  private hasFailed({ name }: Workload): boolean {
    return this.failures.some(({ workload }) => workload === name);
  }

  /** Does a part of a job, unless that has failed or nothing can be done any more. */
  private async attempt({ workload }: Job, part: () => Promise<void>): Promise<void> {
    if (this.rig.ended !== undefined || this.hasFailed(workload)) return;
    await attempt(this.rig, { workload: workload.name, title: workload.title }, this.failures, this.onFailure, part);
  }

  /**
   * Gives the same work to every setup in turn, or only to the setups named for it. Several jobs also take turns with each other:
   * each setup gets all of them at once, so a comparison between jobs is as good as one between setups.
   */
  async take(only?: (workload: string) => readonly SetupName[]): Promise<void> {
    const running = this.running.map(({ setups, ...rest }) => {
      const wanted = only?.(rest.workload.name);
      return { ...rest, setups: wanted ? setups.filter((name) => wanted.includes(name)) : setups };
    });
    const all = [...new Set(running.flatMap(({ setups }) => setups))];
    const round = this.round++;
    for (const setup of turnsOf(all, round)) {
      for (const { measured, ...job } of turnsOf(running, round)) {
        if (!job.setups.includes(setup)) continue;
        await this.attempt(job, () => takeTurn(this.rig, job.workload, setup, measured));
      }
    }
  }
}
