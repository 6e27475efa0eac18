import { findEnvoy } from "./envoy.ts";
import { findNats, findNatsServer } from "./nats.ts";

/** Where the commands are that tests and the demo run. */
export interface Binaries {
  envoy: string;
  natsServer: string;
  /** The `nats` command line client. */
  nats: string;
}

let found: Promise<Binaries> | undefined;

async function find(): Promise<Binaries> {
  // nats after nats-server: both may come of the same build.
  const [envoy, [natsServer, nats]] = await Promise.all([
    findEnvoy(),
    findNatsServer().then(async (server) => [server, await findNats()] as const),
  ]);
  return { envoy, natsServer, nats };
}

/** The commands, downloaded or built where the machine lacks them; looked for once in a process. */
export function binaries(): Promise<Binaries> {
  found ??= find();
  return found;
}

/** The environment that spares a child process the search. */
export async function binariesEnvironment(): Promise<Record<string, string>> {
  const { envoy, natsServer, nats } = await binaries();
  return { ENVOY: envoy, NATS_SERVER: natsServer, NATS: nats };
}
