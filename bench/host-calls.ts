import { setTimeout as sleep } from "node:timers/promises";
import { RawClient } from "../test/stand/raw-client.ts";
import type { Stand } from "../test/stand/stand.ts";
import { turnsOf } from "./measure.ts";
import { estimatePairs, type Estimate } from "./statistics.ts";

/** The name of the listener that runs bench/modules/host-calls.ts. */
export const HOST_CALLS = "host-calls";

/** What a call to the host costs, in nanoseconds of CPU time. */
export interface HostCall {
  name: string;
  cost: Estimate;
}

/** Bytes of an order, which are also the bytes of the longer read. */
const ORDER = 16_384;
const SMALL = 16;
const READ = `get_buffer_bytes, ${SMALL} B`;
const LONG_READ = "get_buffer_bytes, 16 KiB";

/** The kinds of call, at the indices by which the module knows them. Kind 0 makes no call. */
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

/** Calls in one callback: 1 ms even for the cheapest kind, so a callback's own cost does not show. */
const CALLS = 20_000;
const ROUNDS = 15;
/** Rounds until V8 has compiled the module again, which it does not do while a loop runs. */
const WARMING_ROUNDS = 4;

/** Linux adds up a thread's time when the thread stops, so the time of a worker that still runs is incomplete. */
async function timeAtRest({ proxy }: Stand): Promise<number> {
  const time = (): number => proxy.workerTimes().reduce((sum, each) => sum + each, 0);
  for (let before = time(); ;) {
    await sleep(2);
    const now = time();
    if (now === before) return now;
    before = now;
  }
}

/** CPU time of the workers for one order, in milliseconds. */
async function obeyed(stand: Stand, client: RawClient, kind: number, count: number): Promise<number> {
  const order = `${kind} ${String(count).padStart(6, "0")}`.padEnd(ORDER);
  const before = await timeAtRest(stand);
  await client.send(order);
  await client.until("PONG");
  return (await timeAtRest(stand)) - before;
}

/**
 * Measures single host calls in the stand's Envoy: in each round, callbacks with CALLS calls of a kind are compared with callbacks
 * that make none. It takes about two seconds.
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

/** The cost of a read, in nanoseconds: a fixed part, and a part for each byte. */
export interface ReadCosts {
  each: number;
  byte: number;
}

/** The costs that follow from reads of two sizes. Undefined if these were not measured. */
export function readCosts(calls: readonly HostCall[]): ReadCosts | undefined {
  const cost = (name: string): number | undefined => calls.find((call) => call.name === name)?.cost.value;
  const [short, long] = [cost(READ), cost(LONG_READ)];
  if (short === undefined || long === undefined) return undefined;
  const byte = (long - short) / (ORDER - SMALL);
  return { each: short - SMALL * byte, byte };
}
