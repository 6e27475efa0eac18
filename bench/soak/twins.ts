import { Stand } from "../../test/stand/stand.ts";
import { Started } from "../../test/stand/started.ts";
import type { WasmFilter } from "../../test/stand/wasm-filter.ts";
import { Fault } from "../../tools/fault.ts";
import { buildModule } from "../../tools/wasm.ts";

// Who is in the soak.

export const ORDERS_API = "spiffe://cluster.local/ns/shop/sa/orders-api";
export const AUDITOR = "spiffe://cluster.local/ns/audit/sa/auditor";
/** It subscribes and does not read. */
export const SLEEPER = "spiffe://cluster.local/ns/audit/sa/sleeper";
export const STOREFRONT = "spiffe://cluster.local/ns/web/sa/storefront";
export const PRICING = "spiffe://cluster.local/ns/shop/sa/pricing";
export const LEDGER = "spiffe://cluster.local/ns/shop/sa/ledger";
export const READER = "spiffe://cluster.local/ns/web/sa/reader";

/** What READER may subscribe to under every second policy. */
export const NEWS = "news.>";

const by = (...serviceAccounts: string[]): object[] => [{ serviceAccounts }];
const inboxes = { allow: ["_INBOX.>"] };

/** The stats' classes of subjects, so that what one kind of traffic sends is told from everything else. */
const subjects = [
  { name: "secrets", patterns: ["orders.*.secret"] },
  { name: "orders", patterns: ["orders.>"] },
  { name: "quotes", patterns: ["quotes.>"] },
  { name: "events", patterns: ["events.>"] },
  { name: "vault", patterns: ["vault.>"] },
  { name: "inboxes", patterns: ["_INBOX.>"] },
  { name: "news", patterns: [NEWS] },
  { name: "comers", patterns: ["comers.>"] },
];

type Identity = "PEER" | "WAYPOINT";

/** The `change`-th policy as `pluginConfig`. No two are the same, and READER may subscribe to NEWS where `hasNews`. */
function policyOf(identity: Identity, change: number, hasNews: boolean): object {
  const rules = [
    { name: "orders", from: by("shop/orders-api"), publish: { allow: ["orders.>"] }, subscribe: inboxes },
    {
      name: "audit",
      from: by("audit/auditor", "audit/sleeper"),
      subscribe: { allow: ["orders.>"], deny: ["orders.*.secret"] },
    },
    { name: "shop-window", from: by("web/storefront"), publish: { allow: ["quotes.*.ask"] }, subscribe: inboxes },
    {
      name: "pricing",
      from: by("shop/pricing"),
      subscribe: { allow: ["quotes.*.ask pricing"] },
      allow_responses: { max: 1, expires: "30s" },
    },
    {
      name: "ledger",
      from: by("shop/ledger"),
      publish: { allow: ["events.>", "$JS.API.>", "$JS.ACK.>"] },
      subscribe: inboxes,
    },
    { name: "news", from: by("web/reader"), subscribe: { allow: [hasNews ? NEWS : "weather.>"] } },
    {
      name: "comers",
      from: [{ namespaces: ["clients"] }],
      publish: { allow: ["comers.>"] },
      subscribe: { allow: ["comers.>"] },
    },
    { name: "change", from: by("web/reader"), publish: { allow: [`changes.${change}`] } },
  ];
  return { mode: "ENFORCE", identity, trustDomains: ["cluster.local"], rules, telemetry: { subjects } };
}

/** How the filter knows its peers at each listener. The last one is the reader's, so that it waits for nothing but its policy. */
const IDENTITIES = { waypoint: "WAYPOINT", mtls: "PEER" } as const;
type Listener = keyof typeof IDENTITIES;

/** So many policies take turns. Envoy keeps two gauges of each, which hours with one after the other would have by the thousand. */
const POLICIES = 16;

/**
 * The Envoy of a soak, and a twin of it without traffic, which gets each policy for a filter that does nothing. Envoy keeps something
 * of every configuration, whatever the filter. The twin shows how much that is.
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
        const filter = (listener: Listener): WasmFilter => filterOf(listener, 0, true, 0, wasm);
        const listeners = {
          mtls: { filter: filter("mtls") },
          waypoint: { mode: "WAYPOINT", filter: filter("waypoint") },
        } as const;
        return started.add(Stand.start({ listeners, serverProxy: { concurrency: workers } }));
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
      for (const listener of Object.keys(IDENTITIES) as Listener[]) {
        const filter = filterOf(listener, this.#change, hasNews, this.#version, wasm);
        pushed = performance.now();
        const answer = await stand.update(filter, listener);
        if (answer !== "ACCEPTED") throw new Fault(`${name} has ${answer} policy ${this.#change} of ${listener}`);
      }
    }
    return pushed;
  }

  /** The next connections come into new VMs, as another version of the module makes them. */
  async upgrade(): Promise<void> {
    this.#version += 1;
    await this.pushNext(true);
  }

  /** The ends of both logs, for error messages. */
  explain(): string {
    return [this.stand.envoy.explain(), "The twin with the empty filter:", this.twin.envoy.explain()].join("\n");
  }

  async stop(): Promise<void> {
    await this.#started.stop();
  }
}

/** Another version of the environment makes Envoy run new VMs. */
function filterOf(listener: Listener, change: number, hasNews: boolean, version: number, wasm?: string): WasmFilter {
  return {
    wasm,
    config: policyOf(IDENTITIES[listener], change, hasNews),
    environment: { VERSION: `${version}` },
  };
}
