import { setTimeout as sleep } from "node:timers/promises";
import { buildModule } from "../../tools/wasm.ts";
import { residentOf } from "../../test/stand/resident.ts";
import type { RawClient } from "../../test/stand/raw-client.ts";
import { Stand } from "../../test/stand/stand.ts";
import type { WasmFilter } from "../../test/stand/wasm-filter.ts";
import { idleClient } from "./idle.ts";

/** What Envoy holds, in bytes. */
interface Level {
  resident: number;
  /** What its own allocator has given out. */
  allocated: number;
  /** Pages of Wasm's linear memories that were ever written to. */
  wasm: number;
}

/** All connections are opened, and all but a tenth closed again. */
export interface Wave {
  setup: string;
  wave: number;
  high: Level;
  low: Level;
  /** Bytes of one more connection: between the first tenth and all of them, in the first wave. */
  each: Pick<Level, "allocated" | "wasm">;
}

const WAVES = 5;
const AT_ONCE = 100;
/** Envoy frees what belonged to a connection some moments after it was closed. */
const SETTLED = 3000;

const policy = {
  identity: "WAYPOINT",
  trustDomains: ["cluster.local"],
  rules: [{ name: "clients", from: [{ namespaces: ["clients"] }], publish: { allow: ["ok.>"] } }],
};

async function wavesOf(setup: string, count: number, filter: WasmFilter | undefined): Promise<Wave[]> {
  const stand = await Stand.start({
    listeners: { waypoint: { mode: "WAYPOINT", filter } },
    serverProxy: { concurrency: 1, logLevel: "warning" },
  });
  try {
    let clients: RawClient[] = [];
    const openTo = async (wanted: number): Promise<void> => {
      while (clients.length < wanted) {
        const more = Array.from({ length: Math.min(AT_ONCE, wanted - clients.length) }, () =>
          idleClient(stand.port(), { timeout: 60_000 }),
        );
        clients.push(...(await Promise.all(more)));
      }
    };
    const level = async (): Promise<Level> => {
      await sleep(SETTLED);
      const { all, memories } = residentOf(stand.envoy.pid);
      const wasm = memories.reduce((sum, { resident }) => sum + resident, 0);
      return { resident: all, allocated: await stand.envoy.allocated(), wasm };
    };
    const few = Math.ceil(count / 10);
    await openTo(few);
    const first = await level();
    const waves: Wave[] = [];
    let each: Wave["each"] | undefined;
    for (let wave = 1; wave <= WAVES; wave++) {
      await openTo(count);
      const high = await level();
      each ??= {
        allocated: (high.allocated - first.allocated) / (count - few),
        wasm: (high.wasm - first.wasm) / (count - few),
      };
      // What stays lies scattered among what goes.
      for (const [i, client] of clients.entries()) if (i % 10 !== 0) client.close();
      clients = clients.filter((_, i) => i % 10 === 0);
      waves.push({ setup, wave, high, low: await level(), each });
    }
    for (const client of clients) client.close();
    return waves;
  } finally {
    await stand.stop();
  }
}

/** Idle connections that come and go: through Envoy alone, through a filter that does nothing, and through istio-nats. */
export async function measureConnections(count: number, announce: (text: string) => void): Promise<Wave[]> {
  announce(`${count} connections`);
  const empty = { wasm: await buildModule("bench/modules/empty.ts") };
  return [
    ...(await wavesOf("none", count, undefined)),
    ...(await wavesOf("empty", count, empty)),
    ...(await wavesOf("istio-nats", count, { config: policy })),
  ];
}
