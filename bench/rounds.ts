import { quantile } from "./statistics.ts";
import { SETUPS, setupOf, type Setup, type SetupName } from "./setups.ts";
import type { Work } from "./works.ts";

/** What a turn took, in nanoseconds. `operations` are counted as its work counts them. */
export interface Piece {
  operations: number;
  elapsed: number;
  envoyCpu: number;
  natsCpu: number;
  loadCpu: number;
  /** Latencies of requests, sorted. */
  latencies?: number[];
}

/** Sends `messages` of a work through a setup. Rejects if anything but what must comes of it. */
export type Send = (work: Work, setup: Setup, messages: number) => Promise<Piece>;

/** One turn of one setup: operations in a second, CPU time in nanoseconds for each, and the 99th percentile of latencies, in ns. */
export interface Round {
  rate: number;
  envoy: number;
  nats: number;
  load: number;
  p99?: number;
}

/** A work's rounds by setup. Each setup has had as many turns as the others. */
export interface Measured {
  work: Work;
  messages: number;
  rounds: Partial<Record<SetupName, Round[]>>;
}

/** A turn shorter than this, in seconds, says nothing about a rate. */
const LEAST_SECONDS = 0.05;

/** A setup that takes this many times longer than it should gets fewer messages. The figures are for each operation anyway. */
export const TOO_SLOW = 3;

function roundOf({ operations, elapsed, envoyCpu, natsCpu, loadCpu, latencies }: Piece): Round {
  return {
    rate: (operations * 1e9) / elapsed,
    envoy: envoyCpu / operations,
    nats: natsCpu / operations,
    load: loadCpu / operations,
    ...(latencies && { p99: quantile(latencies, 0.99) }),
  };
}

/** At least `messages`, and an even number, so that half of them can be denied. */
function even(messages: number): number {
  return Math.max(2, 2 * Math.ceil(messages / 2));
}

/** How many messages keep the setup that paces this work busy for about `seconds`. */
async function pace(send: Send, work: Work, seconds: number): Promise<number> {
  const { most = Infinity, pacedBy = "envoy" } = work;
  const secondsFor = async (messages: number): Promise<number> =>
    (await send(work, setupOf(pacedBy), messages)).elapsed / 1e9;
  let messages = Math.max(2, Math.floor(10_000_000 / (work.size + 5_000)));
  for (;;) {
    let took = await secondsFor(messages);
    // The longer a piece seems to take, the likelier is it that something else held it up.
    if (took >= LEAST_SECONDS) took = Math.min(took, await secondsFor(messages));
    const wanted = Math.min(most, even((messages * seconds) / took));
    if (took >= LEAST_SECONDS || wanted <= messages) return wanted;
    messages = Math.min(most, even(messages * Math.min(16, (4 * LEAST_SECONDS) / took)));
  }
}

/**
 * Lets a setup do some of the work without counting it: V8 compiles hot code, and nats-server and Envoy allocate what they will need.
 * Answers how many messages it gets in a turn: as many as all others, unless it is too slow for that.
 */
async function warmUp(send: Send, work: Work, setup: SetupName, messages: number, seconds: number): Promise<number> {
  const few = even(messages / 4);
  const { elapsed } = await send(work, setupOf(setup), few);
  const wouldTake = (elapsed / 1e9) * (messages / few);
  return wouldTake <= TOO_SLOW * seconds ? messages : even((messages * seconds) / wouldTake);
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

/** The setups that a work goes through, in the order of their turns. */
export function setupsFor({ without = [] }: Work, hasOther: boolean): SetupName[] {
  return SETUPS.map(({ name }) => name).filter((name) => !without.includes(name) && (name !== "other" || hasOther));
}

/** Gives a work to each setup in turn, `rounds` times. A turn takes about `seconds`. */
export async function measure(
  send: Send,
  work: Work,
  setups: readonly SetupName[],
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<Measured> {
  const duration = seconds * (work.longer ?? 1);
  const messages = await pace(send, work, duration);
  const own = new Map<SetupName, number>();
  for (const name of setups) own.set(name, await warmUp(send, work, name, messages, duration));
  const measured: Measured = { work, messages, rounds: {} };
  for (let round = 0; round < rounds; round++) {
    for (const name of turnsOf(setups, round)) {
      const piece = await send(work, setupOf(name), own.get(name) ?? messages);
      (measured.rounds[name] ??= []).push(roundOf(piece));
    }
  }
  return measured;
}
