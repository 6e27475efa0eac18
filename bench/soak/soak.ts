import { setTimeout as sleep } from "node:timers/promises";
import { bytesFrom } from "../../test/stand/child.ts";
import { sum } from "../../test/stand/prometheus.ts";
import type { Envoy } from "../../test/stand/envoy.ts";
import { residentOf } from "../../test/stand/resident.ts";
import { settled } from "../../test/stand/settled.ts";
import { waitFor } from "../../test/stand/wait.ts";
import { Fault, messageOf } from "../../tools/fault.ts";
import { Account } from "./account.ts";
import type { Held } from "./growth.ts";
import { events, orders, quotes, refusals, type Place, type Work } from "./members.ts";
import { comers, Reader, sleeper } from "./raw-clients.ts";
import { Twins } from "./twins.ts";

export interface SoakOptions {
  seed: number;
  workers: number;
  /** Milliseconds of traffic in each round, besides what changes of the policy take. */
  round: number;
  /** Asked after each round: is there to be another one? */
  goesOn: () => boolean;
  /** Ends the round under way early, and the soak after it. */
  interruption: AbortSignal;
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
  /** Milliseconds from the push of a policy until the reader was told that its subscription is revoked. */
  revoked: number;
  /** Milliseconds: the 99th percentile of requests. */
  p99: number;
  held: Held;
}

const ACTIVE = "istio_nats_connections_active";

/** Milliseconds. Series of thousands of principals that are new in a VM take some 15 s. */
const COMPLETE = 120_000;

/** Waits until the stats count what clients have seen, and no connections but those that stay, as Envoy itself does. */
async function reconcile({ stand: { envoy }, account, members }: Place): Promise<void> {
  // The reader has one, too.
  const standing = members.length + 1;
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
        if (count !== standing) differences.push(`${name}: ${count}, not ${standing}`);
      }
      return differences.length === 0;
    },
    { timeout: COMPLETE, explain: () => differences.join("\n") },
  );
}

/** Milliseconds of idleness in which wake-ups are counted: four of the filter's ticks. */
const IDLE = 2000;

/** What Envoy holds when nothing is under way. */
async function look({ stand: { envoy, proxy }, twin }: Twins): Promise<Held> {
  const stats = await settled(async () => (await envoy.samples()).length, { timeout: COMPLETE });
  const wakeUps = (await proxy.wakeUps(IDLE)) / (IDLE / 1000);
  const { all, anonymous, memories } = residentOf(envoy.pid);
  const { allocated, spare } = await envoy.heap();
  return {
    resident: all,
    own: anonymous,
    wasm: memories.reduce((sum, { resident }) => sum + resident, 0),
    allocated,
    beyondTwin: allocated - (await twin.envoy.allocated()),
    spare,
    stats,
    vms: await envoy.rawStat("wasm.envoy.wasm.runtime.v8.active"),
    wakeUps,
    files: envoy.files(),
  };
}

/** Says which kind of traffic `doing` belongs to, where that rejects. */
async function named(work: Work, doing: Promise<void>): Promise<void> {
  try {
    await doing;
  } catch (error) {
    throw new Fault(`${work.name}: ${messageOf(error)}`);
  }
}

/** Lets all of them work until `meanwhile` is over. The first that fails ends the others, and aborts what `meanwhile` gets. */
async function together(works: readonly Work[], meanwhile: (end: AbortSignal) => Promise<void>): Promise<void> {
  const end = new AbortController();
  const rounds = Promise.all(works.map((work) => named(work, work.round(end.signal))));
  try {
    await Promise.race([meanwhile(end.signal), rounds]);
  } finally {
    end.abort();
  }
  await rounds;
}

/** Waits so many milliseconds, or until one of these aborts. */
async function rest(duration: number, ...signals: AbortSignal[]): Promise<void> {
  await sleep(duration, undefined, { signal: AbortSignal.any(signals) }).catch(() => undefined);
}

/** Reads what Envoy logs, bit by bit: of hours it is more than a string can hold. */
class Log {
  readonly #file: string;
  #read = 0;

  constructor({ logFile }: Envoy) {
    this.#file = logFile;
  }

  /** Throws if it has logged errors since this was called last. */
  check(): void {
    const bytes = bytesFrom(this.#file, this.#read);
    // The rest is a line that is still being written.
    const whole = bytes.subarray(0, bytes.lastIndexOf("\n") + 1);
    this.#read += whole.length;
    const faults = whole.toString().match(/^.*\]\[(?:error|critical)\].*$/gm) ?? [];
    if (faults.length > 0) throw new Fault(`Envoy has logged errors:\n${faults.slice(0, 10).join("\n")}`);
  }
}

/**
 * Real clients through a real Envoy with the filter to a real nats-server, round after round. In each of them the policy changes
 * twice while messages pass. Afterwards everything must have arrived, and stats must count exactly that. Rejects with the first thing
 * that is not so; `tell` gets what each round has come to.
 */
export async function soak(options: SoakOptions, tell: (round: Round) => void): Promise<void> {
  const twins = await Twins.start(options.workers);
  const { stand } = twins;
  const place: Place = { stand, account: new Account(), pause: options.pause, members: [] };
  try {
    await soakAt(place, twins, options, tell);
  } catch (error) {
    throw new Fault([messageOf(error), stand.nats.explain(), twins.explain()].join("\n"));
  } finally {
    await Promise.all(place.members.map((member) => member.close()));
    await twins.stop();
  }
}

async function soakAt(
  place: Place,
  twins: Twins,
  { seed, round: duration, goesOn, interruption, renewal }: SoakOptions,
  tell: (round: Round) => void,
): Promise<void> {
  const { stand } = place;
  const log = new Log(stand.envoy);
  const reader = await Reader.start(place, twins);
  try {
    const asking = await quotes(place);
    const coming = comers(place, seed);
    const works: readonly Work[] = [
      asking,
      await orders(place, seed),
      await events(place),
      await refusals(place),
      coming,
      sleeper(place),
    ];
    for (let number = 1; ; number++) {
      let revoked = NaN;
      await together(works, async (end) => {
        await rest(duration / 4, end, interruption);
        revoked = await reader.revoke();
        await rest(duration / 4, end, interruption);
        await reader.allow();
        await rest(duration / 2, end, interruption);
      });
      await reconcile(place);
      log.check();
      tell({
        life: Math.floor((number - 1) / renewal),
        messages: place.account.total,
        connections: coming.count(),
        revoked,
        p99: asking.p99(),
        held: await look(twins),
      });
      if (!goesOn() || interruption.aborted) return;
      if (number % renewal === 0) {
        await twins.upgrade();
        await stand.nats.restart();
        place.account.beginAgain();
        await reader.again();
        for (const work of works) if (work.again) await named(work, work.again());
      }
    }
  } finally {
    reader.close();
  }
}
