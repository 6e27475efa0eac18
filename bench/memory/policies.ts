import { setTimeout as sleep } from "node:timers/promises";
import { buildModule } from "../../tools/wasm.ts";
import { forgetPeak, peakOf, residentOf, type Resident } from "../../test/stand/resident.ts";
import type { RawClient } from "../../test/stand/raw-client.ts";
import { Stand } from "../../test/stand/stand.ts";
import type { WasmFilter } from "../../test/stand/wasm-filter.ts";
import { idleClient } from "./idle.ts";

/** What Envoy holds at a moment, in bytes. */
export interface Stage {
  setup: string;
  after: string;
  resident: Resident;
  /** The most that it held since the stage before. */
  peak: number;
  /** What it has allocated itself, without the memories of Wasm and V8's heap. */
  allocated: number;
  /** Milliseconds that all its threads have computed since the stage before, or since it began. */
  computed: number;
}

/** Each is a principal of its own, with several connections, so that most likely each worker has all of them. */
const ADDRESSES = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"];
const CONNECTIONS_OF_EACH = 4;

/** A few of the filter's ticks of 500 ms: by then each worker has read a policy, and brought its connections under it. */
const SETTLED = 3000;
/** How often a policy takes the place of another one before the plateau is looked at. Most of it is reached by the fifth. */
const CHANGES = 10;

/** Rules that all match every peer. With 10,000 of them it is about 1 MiB. */
function policyOf(rules: number, token: string): object {
  const of = (name: string, subject: string): object => ({
    name,
    from: [{ namespaces: ["clients"] }],
    publish: { allow: [subject] },
  });
  return {
    identity: "WAYPOINT",
    trustDomains: ["cluster.local"],
    rules: Array.from({ length: rules }, (_, i) => of(`app-${i}`, `orders.${i}.${token}.>`)),
  };
}

async function connectAll(port: number): Promise<RawClient[]> {
  const addresses = ADDRESSES.flatMap((address) => Array<string>(CONNECTIONS_OF_EACH).fill(address));
  return Promise.all(
    addresses.map(async (localAddress) => {
      const client = await idleClient(port, { localAddress });
      // A peer's rules are compiled when it first does something.
      await client.send("PUB orders.1.a.x 2\r\nhi\r\n");
      await client.flush();
      return client;
    }),
  );
}

/** Something that happens to an Envoy with connections. */
type Change = (stand: Stand, clients: readonly RawClient[]) => Promise<void>;

/** What this filter makes of Envoy, in which peers are connected, and what each of the changes does, one after the other. */
async function measureOne(
  setup: string,
  workers: number,
  filter: WasmFilter | undefined,
  changes: readonly [after: string, change: Change][],
): Promise<Stage[]> {
  const stand = await Stand.start({
    listeners: { waypoint: { mode: "WAYPOINT", filter } },
    serverProxy: { concurrency: workers, logLevel: "warning" },
  });
  try {
    const { envoy, proxy } = stand;
    const stages: Stage[] = [];
    let before = 0;
    const look = async (after: string): Promise<void> => {
      await sleep(SETTLED);
      const [resident, peak, allocated] = [residentOf(envoy.pid), peakOf(envoy.pid), await envoy.allocated()];
      const now = proxy.computed();
      stages.push({ setup, after, resident, peak, allocated, computed: now - before });
      before = now;
      forgetPeak(envoy.pid);
    };
    await look("its start");
    const clients = await connectAll(stand.port());
    await look("16 connections");
    for (const [after, change] of changes) {
      await change(stand, clients);
      await look(after);
    }
    for (const client of clients) client.close();
    return stages;
  } finally {
    await stand.stop();
  }
}

/**
 * Envoy alone, with a filter that does nothing, with few rules and with many. Where there are many, also what further policies do:
 * in the VMs that are there, and in new ones, as another version of the module makes them. Those of the former version stay for the
 * connections that they have.
 */
export async function measurePolicies(
  workers: number,
  rules: number,
  announce: (text: string) => void,
): Promise<Stage[]> {
  const push = (count: number, token: string, environment?: Record<string, string>): Change => {
    return async (stand) => {
      const filter: WasmFilter = { config: policyOf(count, token), ...(environment ? { environment } : {}) };
      const answer = await stand.update(filter);
      if (answer !== "ACCEPTED") throw new Error(`Envoy has ${answer} a policy of ${count} rules`);
    };
  };
  const often = (times: number, change: (i: number) => Change): Change => {
    return async (stand, clients) => {
      for (let i = 0; i < times; i++) {
        await change(i)(stand, clients);
        await sleep(SETTLED / 3);
      }
    };
  };
  // A text that Envoy has tried before it does not try again.
  let changes = 0;
  const again = often(CHANGES, () => push(rules, `c${changes++}`));
  const newVms = (i: number): Change => push(rules, `v${i}`, { VERSION: `${i}` });
  const close: Change = (_, clients) => {
    for (const client of clients) client.close();
    return Promise.resolve();
  };
  announce(`policies of 10 and ${rules} rules`);
  const empty = { wasm: await buildModule("bench/modules/empty.ts") };
  const many = rules.toLocaleString("en-US");
  return [
    ...(await measureOne("none", workers, undefined, [])),
    ...(await measureOne("empty", workers, empty, [])),
    ...(await measureOne("10 rules", workers, { config: policyOf(10, "a") }, [])),
    ...(await measureOne(`${many} rules`, workers, { config: policyOf(rules, "a") }, [
      ["another such policy", push(rules, "b")],
      [`${CHANGES} more`, again],
      [`${CHANGES} more again`, again],
      ["10 rules instead", push(10, "d")],
      ["new VMs", newVms(0)],
      [`${CHANGES} times new VMs`, often(CHANGES, (i) => newVms(i + 1))],
      ["the connections are closed", close],
    ])),
  ];
}
