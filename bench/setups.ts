import { buildModule } from "../tools/wasm.ts";
import type { ListenerSpec } from "../test/stand/server-proxy.ts";
import { HOST_CALLS } from "./host-calls.ts";
import { peerConfig, peerModules, type Peer } from "./peers/modules.ts";
import { OBSERVED, PEER, pluginConfig } from "./policy.ts";

/** A setup that the work is given to. */
export interface Setup {
  name: string;
  title: string;
  /** True for mTLS with a client certificate, false for plain bytes. */
  tls: boolean;
  /** Whether denies are enforced, by nats-server's own permissions or by the filter's policy. */
  enforces: boolean;
  /** True for a listener of the one Envoy, false for a direct connection to nats-server. */
  envoy: boolean;
  /** The language, for a small filter of bench/peers. */
  language?: string;
  /** What the policy of istio-nats has besides. No whole run has such a setup: it gets work only if it is named. */
  observed?: keyof typeof OBSERVED;
}

export const SETUPS = [
  { name: "direct", title: "nats-server", tls: false, enforces: false, envoy: false },
  { name: "native", title: "nats-server, permissions", tls: false, enforces: true, envoy: false },
  { name: "envoy", title: "Envoy, mTLS", tls: true, enforces: false, envoy: true },
  { name: "empty", title: "Envoy, mTLS, empty filter", tls: true, enforces: false, envoy: true },
  { name: "reading", title: "Envoy, mTLS, reading filter", tls: true, enforces: false, envoy: true },
  { name: "lines", title: "Envoy, mTLS, line-reading filter", tls: true, enforces: false, envoy: true },
  { name: "filter", title: "Envoy, mTLS, istio-nats", tls: true, enforces: true, envoy: true },
  { name: "beside", title: "Envoy, mTLS, other build", tls: true, enforces: true, envoy: true },
  { name: "dry-run", title: "Envoy, mTLS, in DRY_RUN", tls: true, enforces: false, envoy: true, observed: "dryRun" },
  { name: "trial", title: "Envoy, mTLS, a rule in DRY_RUN", tls: true, enforces: true, envoy: true, observed: "trial" },
  {
    name: "sampled",
    title: "Envoy, mTLS, 1 in 1,000 audited",
    tls: true,
    enforces: true,
    envoy: true,
    observed: "sampled",
  },
  { name: "rust", title: "Envoy, mTLS, peer in Rust", tls: true, enforces: false, envoy: true, language: "Rust" },
  { name: "go", title: "Envoy, mTLS, peer in Go", tls: true, enforces: false, envoy: true, language: "Go" },
  { name: "plain-envoy", title: "Envoy, plain", tls: false, enforces: false, envoy: true },
  { name: "plain-empty", title: "Envoy, plain, empty filter", tls: false, enforces: false, envoy: true },
  { name: "plain-filter", title: "Envoy, plain, istio-nats", tls: false, enforces: true, envoy: true },
] as const satisfies readonly Setup[];

export type SetupName = (typeof SETUPS)[number]["name"];

/** The setups that get work only if they are named. */
export const ON_REQUEST: readonly SetupName[] = SETUPS.filter((setup) => "observed" in setup).map(({ name }) => name);

/** The setup of that name. Throws if there is none. */
export function setupOf(name: SetupName): Setup {
  const found = SETUPS.find((setup) => setup.name === name);
  if (!found) throw new Error(`There is no setup ${name}.`);
  return found;
}

/** The setup without a filter that one is compared with. It encrypts as much as that one does. */
export function baselineOf({ tls }: Setup): "envoy" | "plain-envoy" {
  return tls ? "envoy" : "plain-envoy";
}

export interface Listeners {
  /** Ports by setup, and the port of HOST_CALLS. */
  specs: Record<string, ListenerSpec>;
  /** The peers that were wanted, each either built or absent with the reason. */
  peers: Peer[];
}

/** Builds the peers only if one of their setups is wanted. That may take minutes, and it needs toolchains that may be missing. */
async function peersFor(wanted: ReadonlySet<SetupName>): Promise<Listeners> {
  const setups: readonly Setup[] = SETUPS.filter(({ name }) => wanted.has(name));
  const languages = setups.filter(({ language }) => language);
  const peers = languages.length === 0 ? [] : await peerModules();
  const specs: Record<string, ListenerSpec> = {};
  for (const { name, language } of languages) {
    const peer = peers.find((one) => one.name === language);
    if (peer && "wasmPath" in peer) {
      specs[name] = { mode: "STRICT", filter: { wasm: peer.wasmPath, config: peerConfig } };
    }
  }
  return { specs, peers };
}

/** Without a listener that nobody wants, Envoy is the same for whoever does not name one of them. */
function observedFor(wanted: ReadonlySet<SetupName>): Record<string, ListenerSpec> {
  const setups: readonly Setup[] = SETUPS.filter(({ name }) => wanted.has(name));
  return Object.fromEntries(
    setups.flatMap(({ name, observed }): [string, ListenerSpec][] => {
      if (!observed) return [];
      return [[name, { mode: "STRICT", filter: { config: { ...pluginConfig("PEER"), ...OBSERVED[observed] } } }]];
    }),
  );
}

/**
 * The listeners of the one Envoy. Everything except the filter is what Istio would generate, but for its own filters for metadata and
 * stats, which Istio's build of Envoy alone has. So Envoy alone is as cheap here as it can be. `beside` is another build of
 * istio-nats, for the setup of that name.
 */
export async function listeners(wanted: ReadonlySet<SetupName>, beside?: string): Promise<Listeners> {
  const { specs, peers } = await peersFor(wanted);
  const [empty, reading, lines, hostCalls] = await Promise.all([
    buildModule("bench/modules/empty.ts"),
    buildModule("bench/modules/reading.ts"),
    buildModule("bench/modules/lines.ts"),
    buildModule("bench/modules/host-calls.ts"),
  ]);
  // What a waypoint leaves: mTLS has ended before, and the principal is in filter state.
  const plain = { mode: "WAYPOINT", principal: PEER } as const;
  return {
    peers,
    specs: {
      ...specs,
      ...observedFor(wanted),
      envoy: { mode: "STRICT" },
      empty: { mode: "STRICT", filter: { wasm: empty } },
      reading: { mode: "STRICT", filter: { wasm: reading } },
      lines: { mode: "STRICT", filter: { wasm: lines } },
      filter: { mode: "STRICT", filter: { config: pluginConfig("PEER") } },
      ...(beside === undefined
        ? {}
        : { beside: { mode: "STRICT", filter: { wasm: beside, config: pluginConfig("PEER"), pluginName: "beside" } } }),
      [HOST_CALLS]: { mode: "DISABLE", filter: { wasm: hostCalls } },
      "plain-envoy": plain,
      "plain-empty": { ...plain, filter: { wasm: empty } },
      "plain-filter": { ...plain, filter: { config: pluginConfig("WAYPOINT") } },
    },
  };
}
