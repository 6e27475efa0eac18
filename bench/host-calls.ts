import { setTimeout as sleep } from "node:timers/promises";
import { RawClient } from "../test/stand/raw-client.ts";
import type { Stand } from "../test/stand/stand.ts";
import { turnsOf } from "./measure.ts";
import { estimatePairs, type Estimate } from "./statistics.ts";

/** The listener with bench/modules/host-calls.ts. */
export const HOST_CALLS = "host-calls";

/** What a call to the host costs, in nanoseconds of CPU time. */
export interface HostCall {
  name: string;
  cost: Estimate;
}

/** Bytes of an order, and of the longer read. */
const ORDER = 16_384;
const SMALL = 16;
const READ = `get_buffer_bytes, ${SMALL} B`;
const LONG_READ = "get_buffer_bytes, 16 KiB";

/** The kinds that the module knows, by its numbers; 0 makes no call. */
const KINDS = [
  "nothing",
  READ,
  LONG_READ,
  `set_buffer_bytes, ${SMALL} B`,
  "get_property, source.address",
  "get_property, absent",
  "get_current_time_nanoseconds",
  "increment_metric",
];

/** Calls in one callback: 1 ms of the cheapest, which no callback's own cost shows in. */
const CALLS = 20_000;
const ROUNDS = 15;
/** Until V8 has compiled the module anew, which it does not while a loop runs. */
const WARMING_ROUNDS = 4;

/** Linux counts what a thread has run when it stops: a worker that still runs has not told all. */
async function timeAtRest({ proxy }: Stand): Promise<number> {
  const time = (): number => proxy.workerTimes().reduce((sum, each) => sum + each, 0);
  for (let before = time(); ;) {
    await sleep(2);
    const now = time();
    if (now === before) return now;
    before = now;
  }
}

/** Milliseconds of the workers for one order. */
async function obeyed(stand: Stand, client: RawClient, kind: number, count: number): Promise<number> {
  const order = `${kind} ${String(count).padStart(6, "0")}`.padEnd(ORDER);
  const before = await timeAtRest(stand);
  await client.send(order);
  await client.until("PONG");
  return (await timeAtRest(stand)) - before;
}

/**
 * Measures single host calls in the stand's Envoy: callbacks of CALLS calls of a kind against callbacks of none, round by round.
 * It takes about two seconds.
 */
export async function measureHostCalls(stand: Stand): Promise<HostCall[]> {
  const client = await RawClient.connect(stand.port(HOST_CALLS));
  try {
    await client.handshake();
    const times = KINDS.map((): number[] => []);
    for (let round = -WARMING_ROUNDS; round < ROUNDS; round++) {
      for (const kind of turnsOf([...KINDS.keys()], round + WARMING_ROUNDS)) {
        const took = await obeyed(stand, client, kind, kind === 0 ? 0 : CALLS);
        if (round >= 0) times[kind]?.push(took);
      }
    }
    const [none = [], ...others] = times;
    return others.map((each, i) => ({
      name: KINDS[i + 1] ?? "",
      cost: estimatePairs(each, none, (one, other) => ((one - other) * 1e6) / CALLS),
    }));
  } finally {
    client.close();
  }
}

/** What a read costs whatever its size, and for each byte of it, in nanoseconds. */
export interface ReadCosts {
  each: number;
  byte: number;
}

/** By the reads of two sizes; undefined where they were not measured. */
export function readCosts(calls: readonly HostCall[]): ReadCosts | undefined {
  const cost = (name: string): number | undefined => calls.find((call) => call.name === name)?.cost.value;
  const [short, long] = [cost(READ), cost(LONG_READ)];
  if (short === undefined || long === undefined) return undefined;
  const byte = (long - short) / (ORDER - SMALL);
  return { each: short - SMALL * byte, byte };
}
