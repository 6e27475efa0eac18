import { getOrMake } from "../get-or-make.ts";
import type { Field } from "../manifests/field.ts";
import type { Place } from "../manifests/place.ts";
import type { Resource } from "../manifests/resource.ts";
import type { Mesh } from "./mesh.ts";
import { fileName, holdersByKey, isMounted, mountedBy, mountedFiles } from "./mounts.ts";
import { argumentsOf } from "./nats-arguments.ts";
import { readNatsConf, type ConfEntry } from "./nats-conf.ts";
import type { Workload } from "./workload.ts";

/** A nats.conf inside a ConfigMap or a Secret. */
export interface NatsConfig {
  resource: Resource;
  /** The file's name. */
  key: string;
  entries: ConfEntry[];
  placeOf(entry: ConfEntry): Place;
}

/** What was read of each mesh: many checks ask, some for each nats-server. */
const known = new WeakMap<Mesh, readonly NatsConfig[]>();

/** Every `*.conf` in a ConfigMap or Secret whose name shows that it is nats-server's, without those that are left in a cluster. */
export function natsConfigs(mesh: Mesh): readonly NatsConfig[] {
  return getOrMake(known, mesh, () => withoutLeft(readConfigs(mesh), mesh));
}

/**
 * Without those of a cluster that no pods mount, beside one that nats-server's do: kustomize names a ConfigMap by its content, and
 * `kubectl apply -k` leaves the former one there.
 */
function withoutLeft(configs: readonly NatsConfig[], mesh: Mesh): readonly NatsConfig[] {
  const mounted = mountedBy(mesh.workloads.flatMap((workload) => [workload, ...workload.pods]));
  const ofBrokers = mountedBy(mesh.brokers);
  const inUse = configs.filter(({ resource }) => isMounted(resource, ofBrokers));
  const namespaces = new Set(inUse.map(({ resource }) => resource.namespace));
  return configs.filter(
    ({ resource }) => !resource.isOfCluster || isMounted(resource, mounted) || !namespaces.has(resource.namespace),
  );
}

/** Those that the pods mount. */
export function natsConfigsOf(broker: Workload, mesh: Mesh): readonly NatsConfig[] {
  const mounted = mountedBy([broker]);
  return natsConfigs(mesh).filter(({ resource }) => isMounted(resource, mounted));
}

/**
 * Of those, the one that nats-server is told to read, or all where its command line names none, or that one includes others. No such
 * file may be among them. The last option counts, and a shell has one with the same name before.
 */
export function namedConfigsOf(broker: Workload, mesh: Mesh): readonly NatsConfig[] {
  const own = natsConfigsOf(broker, mesh);
  const named = argumentsOf(broker, /^--?c(?:onfig)?(?:=(.*))?$/).at(-1);
  if (!named || own.length === 0) return own;
  const files = mountedFiles(broker, holdersByKey([...new Set(own.map(({ resource }) => resource))]));
  const held = files.get(fileName(named.value)) ?? [];
  const read = own.filter(({ resource, key }) => held.some((file) => file.resource === resource && file.key === key));
  return read.some(({ entries }) => entries.some(({ path }) => path.at(-1) === "include")) ? own : read;
}

function readConfigs(mesh: Mesh): NatsConfig[] {
  const holders = [...mesh.of("ConfigMap", ""), ...mesh.of("Secret", "")];
  return holders.flatMap((resource) =>
    ["data", ...(resource.kind === "Secret" ? ["stringData"] : [])].flatMap((holder) =>
      resource.root
        .members(holder)
        .filter(([key]) => key.endsWith(".conf") && (key.includes("nats") || resource.name.includes("nats")))
        .map(([key, text]) => configOf(resource, key, text, resource.kind === "Secret" && holder === "data")),
    ),
  );
}

/** A Secret's `data` is base64, where lines mean nothing to a reader, so every place is that of the value. */
function configOf(resource: Resource, key: string, field: Field, isEncoded: boolean): NatsConfig {
  const text = field.text() ?? "";
  return {
    resource,
    key,
    entries: readNatsConf(isEncoded ? Buffer.from(text, "base64").toString() : text),
    placeOf: ({ line, column }) => (isEncoded ? field.place : field.placeInText(line, column)),
  };
}
