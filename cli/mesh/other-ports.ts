import { getOrMake } from "../get-or-make.ts";
import type { Place } from "../manifests/place.ts";
import type { Mesh } from "./mesh.ts";
import { argumentsOf } from "./nats-arguments.ts";
import type { ConfEntry } from "./nats-conf.ts";
import { natsConfigsOf, type NatsConfig } from "./nats-config.ts";
import { BLOCKS, LOOPBACK } from "./nats-listen.ts";
import { OTHER_PORTS, PEER_PORTS } from "./nats-ports.ts";
import type { Service } from "./service.ts";
import type { Workload } from "./workload.ts";

/** A port of nats-server beside the client port. */
export interface OpenPort {
  number: number;
  /** What it is for, as OTHER_PORTS says. */
  use: string;
  /** The port that nats-server's documentation gives for the same use. */
  usual: number;
  place: Place;
  /** Whether nats-servers of one kind dial each other there. */
  isOfPeers: boolean;
}

/** The same for keys at its top level (nats-server `server/opts.go`). */
const KEYS: ReadonlyMap<string, number> = new Map([
  ...["http", "http_port", "https", "https_port", "monitor_port"].map((key) => [key, 8222] as const),
  ["prof_port", 65432],
]);

/** The same for options of its command line, which the pods need not declare either (nats-server `server/opts.go`). */
const OPTIONS: readonly [flag: RegExp, usual: number][] = [
  [/^--?(?:m|ms|https?_port)(?:=(.*))?$/, 8222],
  [/^--?profile(?:=(.*))?$/, 65432],
  [/^--?cluster(?:_listen)?(?:=(.*))?$/, 6222],
];

/** A port that other servers use too counts only by its name, or because nats.conf opens it. */
function isOther(number: number, name: string | undefined): boolean {
  if (number !== 8080 && number !== 443) return OTHER_PORTS.has(number);
  return /ws|websocket/i.test(name ?? "");
}

/** What nats-server uses a port for, if that is not its clients. */
export function otherUse(number: number, name: string | undefined): string | undefined {
  return isOther(number, name) ? OTHER_PORTS.get(number) : undefined;
}

function openPort(number: number, place: Place, usual = number): OpenPort {
  return { number, use: OTHER_PORTS.get(usual) ?? "", usual, place, isOfPeers: PEER_PORTS.includes(usual) };
}

function configuredPort(config: NatsConfig, entry: ConfEntry): OpenPort | undefined {
  const { path, value } = entry;
  const [block = "", key = ""] = path;
  const usual = path.length === 1 ? KEYS.get(block) : ["port", "listen"].includes(key) ? BLOCKS.get(block) : undefined;
  if (usual === undefined || path.length > 2 || isOfLoopback(config, block)) return undefined;
  const number = listenedOn(value ?? "");
  return number === undefined ? undefined : openPort(number, config.placeOf(entry), usual);
}

/** Whether a block says by another key than `listen` that nobody but the pod itself reaches it. */
function isOfLoopback({ entries }: NatsConfig, block: string): boolean {
  return entries.some(
    ({ path: [of, key = "", ...below], value = "" }) =>
      of === block && ["host", "net"].includes(key) && below.length === 0 && LOOPBACK.test(value),
  );
}

/** The port of a value such as `8222`, `0.0.0.0:8222` or `nats://0.0.0.0:6222`, where others than the pod itself reach it. */
function listenedOn(value: string): number | undefined {
  // Nobody reaches a loopback listener through the proxy, which dials the pod's own address.
  if (LOOPBACK.test(value.replace(/^\w+:\/\//, ""))) return undefined;
  // Bounded, and tried only from the first digit: a value of a million digits must not be tried from each of them.
  const number = Number(/(?<!\d)\d{1,9}$/.exec(value)?.[0] ?? 0);
  return number === 0 ? undefined : number;
}

function portsOfArguments(broker: Workload): OpenPort[] {
  return OPTIONS.flatMap(([flag, usual]) =>
    argumentsOf(broker, flag).flatMap(({ value, place }) => {
      const number = listenedOn(value);
      return number === undefined ? [] : [openPort(number, place, usual)];
    }),
  );
}

/** The ports of nats-server to which its Services lead: a container need not declare what a number names. */
function portsOfServices(broker: Workload, mesh: Mesh): OpenPort[] {
  return mesh.servicesOf(broker).flatMap(({ ports }) =>
    ports.flatMap((port) => {
      const number = broker.resolvePort(port);
      return number !== undefined && isOther(number, port.name) ? [openPort(number, port.field.placeOf("port"))] : [];
    }),
  );
}

/** Those of each nats-server: many checks ask. */
const known = new WeakMap<Workload, readonly OpenPort[]>();

/** The ports that the pods of a nats-server declare, or that its nats.conf, its command line or its Services show. */
export function otherPorts(broker: Workload, mesh: Mesh): readonly OpenPort[] {
  return getOrMake(known, broker, () => findOtherPorts(broker, mesh));
}

function findOtherPorts(broker: Workload, mesh: Mesh): OpenPort[] {
  const ports = new Map<number, OpenPort>();
  const declared = broker.ports.filter(({ number, name }) => isOther(number, name));
  const configured = natsConfigsOf(broker, mesh).flatMap((config) =>
    config.entries.flatMap((entry) => configuredPort(config, entry) ?? []),
  );
  for (const port of [
    ...declared.map(({ number, place }) => openPort(number, place)),
    ...configured,
    ...portsOfArguments(broker),
    ...portsOfServices(broker, mesh),
  ])
    if (!ports.has(port.number)) ports.set(port.number, port);
  return [...ports.values()];
}

/**
 * The same by a Service alone. AuthorizationPolicies compare the port of the pod, and a named targetPort cannot be resolved without
 * the pods.
 */
export function otherServicePorts(service: Service): OpenPort[] {
  return service.ports.flatMap(({ field, name, targetNumber }) =>
    targetNumber !== undefined && isOther(targetNumber, name) ? [openPort(targetNumber, field.placeOf("port"))] : [],
  );
}
