import { setTimeout as sleep } from "node:timers/promises";
import { sum } from "../../test/stand/prometheus.ts";
import { residentOf } from "../../test/stand/resident.ts";
import { Stand } from "../../test/stand/stand.ts";
import { waitFor } from "../../test/stand/wait.ts";
import { Account } from "./account.ts";
import { Comers } from "./comers.ts";
import { Events } from "./events.ts";
import type { Held } from "./growth.ts";
import { Orders } from "./orders.ts";
import { Quotes } from "./quotes.ts";
import { Reader } from "./reader.ts";
import { Refused } from "./refused.ts";
import { Sleeper } from "./sleeper.ts";
import type { Place, Work } from "./work.ts";

export interface SoakOptions {
  seed: number;
  workers: number;
  /** Milliseconds of traffic in each round. */
  round: number;
  /** Asked after each round: is there to be another one? */
  goesOn: () => boolean;
  /** After so many rounds Envoy gets new VMs, and nats-server starts anew. */
  renewal: number;
  /** Milliseconds (`Place`). */
  pause: number;
}

/** What a round has come to. */
export interface Round {
  /** How often VMs had been replaced before. */
  life: number;
  /** So far, of which clients know each. */
  messages: number;
  /** So far, those that come and go. */
  connections: number;
  /** Milliseconds until a change of the policy had revoked a subscription. */
  revoked: number;
  /** Milliseconds: the 99th percentile of requests. */
  p99: number;
  held: Held;
}

const ACTIVE = "istio_nats_connections_active";
/** Orders, quotes, events, refused and the reader have so many connections. */
const STANDING = 2 + 3 + 1 + 1 + 1;

/** Waits until the stats count what clients have seen, and no connections but those that stay, as Envoy itself does. */
async function reconcile({ stand: { envoy }, account }: Place): Promise<void> {
  let differences: string[] = [];
  await waitFor(
    "stats that agree with what clients have seen",
    async () => {
      const samples = await envoy.samples();
      differences = account.differences(samples);
      const open = {
        [ACTIVE]: sum(samples, ACTIVE),
        "connections to nats-server":
          (await envoy.rawStat("cluster.nats-mtls.upstream_cx_active")) +
          (await envoy.rawStat("cluster.nats-waypoint.upstream_cx_active")),
      };
      for (const [name, count] of Object.entries(open)) {
        if (count !== STANDING) differences.push(`${name}: ${count}, not ${STANDING}`);
      }
      return differences.length === 0;
    },
    { explain: () => `${differences.join("\n")}\n${envoy.explain()}` },
  );
}

async function look({ envoy }: Stand): Promise<Held> {
  const { all, anonymous, memories } = residentOf(envoy.pid);
  return {
    resident: all,
    own: anonymous,
    wasm: memories.reduce((sum, { resident }) => sum + resident, 0),
    allocated: await envoy.allocated(),
    stats: (await envoy.samples()).length,
    vms: await envoy.rawStat("wasm.envoy.wasm.runtime.v8.active"),
  };
}

/** Lets all of them work for so long, during which `meanwhile` goes on. The first that fails ends the others. */
async function together(works: readonly Work[], duration: number, meanwhile: () => Promise<void>): Promise<void> {
  const end = new AbortController();
  const rounds = Promise.all(works.map((work) => work.round(end.signal)));
  try {
    await Promise.race([Promise.all([meanwhile(), sleep(duration)]), rounds]);
  } finally {
    end.abort();
  }
  await rounds;
}

/**
 * Real clients through a real Envoy with the filter to a real nats-server, round after round. In each of them the policy changes
 * twice while messages pass. Afterwards everything must have arrived, and stats must count exactly that. Rejects with the first thing
 * that is not so; `tell` gets what each round has come to.
 */
export async function soak(
  { seed, workers, round: duration, goesOn, renewal, pause }: SoakOptions,
  tell: (round: Round) => void,
): Promise<void> {
  const filters = Reader.filters();
  const stand = await Stand.start({
    listeners: { mtls: { filter: filters["mtls"] }, waypoint: { mode: "WAYPOINT", filter: filters["waypoint"] } },
    serverProxy: { concurrency: workers },
  });
  const standing: Work[] = [];
  try {
    const place: Place = { stand, account: new Account(), pause };
    const reader = await Reader.start(stand);
    const quotes = await Quotes.start(place);
    const comers = new Comers(place, seed);
    standing.push(quotes, await Orders.start(place, seed), await Events.start(place), await Refused.start(place));
    const works = [...standing, comers, new Sleeper(place)];
    for (let number = 1; ; number++) {
      let revoked = NaN;
      await together(works, duration, async () => {
        await sleep(duration / 4);
        revoked = await reader.revoke();
        await sleep(duration / 4);
        await reader.allow();
      });
      await reconcile(place);
      tell({
        life: Math.floor((number - 1) / renewal),
        messages: place.account.total,
        connections: comers.count,
        revoked,
        p99: quotes.p99,
        held: await look(stand),
      });
      if (!goesOn()) break;
      if (number % renewal === 0) {
        await reader.upgrade();
        await stand.nats.restart();
        place.account.beginAgain();
        await reader.again();
        for (const work of works) await work.again();
      }
    }
    reader.close();
    const faults = stand.envoy.log().match(/^.*\]\[(?:error|critical)\].*$/gm) ?? [];
    if (faults.length > 0) throw new Error(`Envoy has logged errors:\n${faults.slice(0, 10).join("\n")}`);
  } finally {
    await Promise.all(standing.map((work) => work.close()));
    await stand.stop();
  }
}
