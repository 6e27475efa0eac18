import type { Place } from "../manifests/place.ts";
import type { Mesh } from "./mesh.ts";
import { argumentsOf } from "./nats-arguments.ts";
import { namedConfigsOf, type NatsConfig } from "./nats-config.ts";
import { rivalAddresses } from "./nats-listen.ts";
import { CLIENT_PORT } from "./nats-ports.ts";
import type { Workload } from "./workload.ts";

interface ConfiguredPort {
  number: number;
  place: Place;
}

/** The client port on the command line, which overrides the file's (nats-server `server/opts.go`, `-p` and `--port`). */
function portOfArguments(broker: Workload): ConfiguredPort | undefined {
  return argumentsOf(broker, /^--?p(?:ort)?(?:=(\d+))?$/)
    .map(({ value, place }) => ({ number: Number(value), place }))
    .findLast(({ number }) => Number.isInteger(number));
}

function portOfConfig(config: NatsConfig): ConfiguredPort | undefined {
  if (hasRivals(config)) return undefined;
  const entry = config.entries.findLast(({ path }) => path.length === 1 && ["port", "listen"].includes(path[0] ?? ""));
  const number = /(?:^|:)(\d+)$/.exec(entry?.value ?? "")?.[1];
  return entry && number !== undefined ? { number: Number(number), place: config.placeOf(entry) } : undefined;
}

/** Whether chance decides where clients are accepted. That has a finding of its own. */
export function hasRivals({ entries }: NatsConfig): boolean {
  return rivalAddresses(entries).some(([one]) => one?.path.length === 1);
}

/** Where nats-server accepts clients if it is told another port than 4222. */
export function otherClientPort(broker: Workload, mesh: Mesh): ConfiguredPort | undefined {
  const configured = namedConfigsOf(broker, mesh).map(portOfConfig);
  const port = portOfArguments(broker) ?? configured.find((one) => one !== undefined);
  return port?.number === CLIENT_PORT ? undefined : port;
}

/** Where nats-server accepts clients. */
export function clientPortOf(broker: Workload, mesh: Mesh): number {
  return otherClientPort(broker, mesh)?.number ?? CLIENT_PORT;
}
