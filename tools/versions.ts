import { join } from "node:path";
import { envoyOfWheel } from "./envoy.ts";
import { goCommands } from "./go.ts";
import { inRoot } from "./paths.ts";

/**
 * The versions that test:matrix combines, each pinned by hash. tools/go-<version> and tools/go hold nats-server,
 * tools/python/envoy-<version>.txt and envoy.txt hold the wheels. $ENVOY, $NATS_SERVER and PATH are ignored here.
 */
export const NATS_SERVERS = {
  "2.10": "go-2.10",
  "2.11": "go-2.11",
  "2.12": "go-2.12",
  "2.14": "go-2.14",
  "2.15": "go",
  "2.15.3": "go-2.15.3",
} as const;
export const ENVOYS = { "1.38": "envoy-1.38", "1.39": "envoy-1.39", "1.40": "envoy" } as const;

export type NatsServerVersion = keyof typeof NATS_SERVERS;
export type EnvoyVersion = keyof typeof ENVOYS;

/** The nats-server of that version, built once per machine. */
export async function pinnedNatsServer(version: NatsServerVersion): Promise<string> {
  const folder = await goCommands({
    commands: `nats-server ${version}`,
    about: "from its Go module",
    name: `nats-server-${version}`,
    module: inRoot("tools", NATS_SERVERS[version]),
    what: "github.com/nats-io/nats-server/v2",
  });
  return join(folder, "nats-server");
}

/** The Envoy of that version, from its wheel. */
export function pinnedEnvoy(version: EnvoyVersion): Promise<string> {
  return envoyOfWheel(ENVOYS[version], version);
}
