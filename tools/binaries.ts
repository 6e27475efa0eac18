import { findEnvoy } from "./envoy.ts";
import { findNats, findNatsServer } from "./nats.ts";

/** Paths of the commands that the tests and the demo run. */
export interface Binaries {
  envoy: string;
  natsServer: string;
  /** The `nats` command line client. */
  nats: string;
}

let found: Promise<Binaries> | undefined;

async function find(): Promise<Binaries> {
  // nats comes after nats-server, because one build may provide both.
  const [envoy, [natsServer, nats]] = await Promise.all([
    findEnvoy(),
    findNatsServer().then(async (server) => [server, await findNats()] as const),
  ]);
  return { envoy, natsServer, nats };
}

/** Finds the commands, and downloads or builds those that the machine lacks. It looks only once in a process. */
export function binaries(): Promise<Binaries> {
  found ??= find();
  return found;
}

/** An environment that saves a child process the search. */
export async function binariesEnvironment(): Promise<Record<string, string>> {
  const { envoy, natsServer, nats } = await binaries();
  return { ENVOY: envoy, NATS_SERVER: natsServer, NATS: nats };
}
