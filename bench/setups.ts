import type { ListenerSpec } from "../test/stand/server-proxy.ts";
import { buildModule } from "../tools/wasm.ts";
import { pluginConfig } from "./policy.ts";

/** Where work is sent. */
export interface Setup {
  name: string;
  title: string;
  /** Whether the policy's denies are enforced: by nats-server's own permissions, or by the filter. */
  enforces: boolean;
  /** A listener of the one Envoy, with mTLS as Istio's STRICT has it; otherwise nats-server itself, over plain TCP. */
  isEnvoy: boolean;
  /** The setup without a policy that it is compared with, round by round. */
  comparedWith?: "direct" | "envoy";
}

/**
 * In the order of their turns: those that are compared most are neighbours, so that both meet the same state of the machine. `again`
 * is Envoy once more, at a listener of its own: what it differs from `envoy` by is the noise of all comparisons.
 */
export const SETUPS = [
  { name: "direct", title: "nats-server", enforces: false, isEnvoy: false },
  { name: "permissions", title: "nats-server, permissions", enforces: true, isEnvoy: false, comparedWith: "direct" },
  { name: "empty", title: "Envoy, empty filter", enforces: false, isEnvoy: true, comparedWith: "envoy" },
  { name: "envoy", title: "Envoy", enforces: false, isEnvoy: true },
  { name: "filter", title: "Envoy, istio-nats", enforces: true, isEnvoy: true, comparedWith: "envoy" },
  { name: "other", title: "Envoy, the other build", enforces: true, isEnvoy: true, comparedWith: "envoy" },
  { name: "again", title: "Envoy once more", enforces: false, isEnvoy: true, comparedWith: "envoy" },
] as const satisfies readonly Setup[];

export type SetupName = (typeof SETUPS)[number]["name"];

export function setupOf(name: SetupName): Setup {
  const found = SETUPS.find((setup) => setup.name === name);
  if (!found) throw new Error(`There is no setup ${name}.`);
  return found;
}

/**
 * The listeners of the one Envoy, as Istio would generate them, without the filters for metadata and stats that only Istio's build of
 * Envoy has. So plain Envoy is as cheap here as it can be. `otherBuild` is another module of istio-nats.
 */
export async function listeners(otherBuild: string | undefined): Promise<Record<string, ListenerSpec>> {
  const empty = await buildModule("bench/modules/empty.ts");
  return {
    envoy: {},
    again: {},
    empty: { filter: { wasm: empty } },
    filter: { filter: { config: pluginConfig } },
    // Two plugins of one name would share their policy.
    ...(otherBuild && { other: { filter: { wasm: otherBuild, config: pluginConfig, pluginName: "other" } } }),
  };
}
