import { Stand } from "../../test/stand/stand.ts";
import { Started } from "../../test/stand/started.ts";
import type { WasmFilter } from "../../test/stand/wasm-filter.ts";
import { buildModule } from "../../tools/wasm.ts";
import { policyOf, type Identity } from "./cast.ts";

type Listener = "mtls" | "waypoint";

/** How the filter knows its peers at each listener. */
const IDENTITIES: Record<Listener, Identity> = { mtls: "PEER", waypoint: "WAYPOINT" };

/**
 * So many policies take turns. Envoy keeps the two gauges of each (docs/telemetry.md), which hours with one after the other would
 * have by the thousand.
 */
const POLICIES = 16;

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
  /** Another one makes Envoy run new VMs. */
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
        const filter = (listener: Listener): WasmFilter => ({ wasm, config: policyOf(IDENTITIES[listener], 0, true) });
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

  /** Pushes the next policy to each listener, one that lets the reader subscribe to NEWS or not. Resolves once Envoy has taken it. */
  async pushNext(hasNews: boolean): Promise<void> {
    this.#change = (this.#change + 1) % POLICIES;
    const environment = { VERSION: `${this.#version}` };
    for (const [listener, identity] of Object.entries(IDENTITIES)) {
      const filter = { config: policyOf(identity, this.#change, hasNews), environment };
      const answers = await Promise.all([
        this.stand.update(filter, listener),
        this.twin.update({ ...filter, wasm: this.#empty }, listener),
      ]);
      if (answers.includes("REJECTED"))
        throw new Error(`Envoy has refused policy ${this.#change}: ${answers.join(", ")}`);
    }
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
