import { Stand } from "../../test/stand/stand.ts";
import { Started } from "../../test/stand/started.ts";
import type { WasmFilter } from "../../test/stand/wasm-filter.ts";
import { Fault } from "../../tools/fault.ts";
import { buildModule } from "../../tools/wasm.ts";
import { policyOf, type Identity } from "./cast.ts";

type Listener = "waypoint" | "mtls";

/** How the filter knows its peers at each listener. The last one is the reader's, so that it waits for nothing but its policy. */
const IDENTITIES: Record<Listener, Identity> = { waypoint: "WAYPOINT", mtls: "PEER" };

/**
 * So many policies take turns. Envoy keeps the two gauges of each (docs/telemetry.md), which hours with one after the other would
 * have by the thousand.
 */
const POLICIES = 16;

/** Another one makes Envoy run new VMs. */
function environmentOf(version: number): Record<string, string> {
  return { VERSION: `${version}` };
}

/**
 * The Envoy of a soak, and a twin of it without traffic, which gets each policy for a filter that does nothing. Envoy keeps something
 * of every configuration, whatever the filter (docs/performance-scale.md). The twin shows how much that is.
 */
export class Twins {
  readonly stand: Stand;
  readonly twin: Stand;
  readonly #started: Started;
  readonly #empty: string;
  #change = 0;
  #version = 0;

  private constructor(started: Started, stand: Stand, twin: Stand, empty: string) {
    this.#started = started;
    this.stand = stand;
    this.twin = twin;
    this.#empty = empty;
  }

  /** Starts both with the first policy. */
  static async start(workers: number): Promise<Twins> {
    const empty = await buildModule("bench/modules/empty.ts");
    return Started.whole(async (started) => {
      const start = (wasm?: string): Promise<Stand> => {
        const filter = (listener: Listener): WasmFilter => ({
          wasm,
          config: policyOf(IDENTITIES[listener], 0, true),
          environment: environmentOf(0),
        });
        return started.add(
          Stand.start({
            listeners: { mtls: { filter: filter("mtls") }, waypoint: { mode: "WAYPOINT", filter: filter("waypoint") } },
            serverProxy: { concurrency: workers },
          }),
        );
      };
      const [stand, twin] = await Promise.all([start(), start(empty)]);
      return new Twins(started, stand, twin, empty);
    });
  }

  /**
   * Pushes the next policy to each listener, one that lets the reader subscribe to NEWS or not. Resolves when both Envoys have taken
   * them, with the time of the last push, as `performance.now` tells it.
   */
  async pushNext(hasNews: boolean): Promise<number> {
    this.#change = (this.#change + 1) % POLICIES;
    let pushed = NaN;
    for (const [name, stand, wasm] of [
      ["the twin", this.twin, this.#empty],
      ["Envoy", this.stand, undefined],
    ] as const) {
      for (const [listener, identity] of Object.entries(IDENTITIES)) {
        const config = policyOf(identity, this.#change, hasNews);
        const environment = environmentOf(this.#version);
        pushed = performance.now();
        const answer = await stand.update({ wasm, config, environment }, listener);
        if (answer !== "ACCEPTED") throw new Fault(`${name} has ${answer} policy ${this.#change} of ${listener}`);
      }
    }
    return pushed;
  }

  /** The ends of both logs, for error messages. */
  explain(): string {
    return [this.stand.envoy.explain(), "The twin with the empty filter:", this.twin.envoy.explain()].join("\n");
  }

  /** The next connections come into new VMs, as another version of the module makes them. */
  async upgrade(): Promise<void> {
    this.#version += 1;
    await this.pushNext(true);
  }

  async stop(): Promise<void> {
    await this.#started.stop();
  }
}
