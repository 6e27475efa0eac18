import type { Resource } from "../manifests/resource.ts";
import type { Mesh } from "./mesh.ts";
import { fileName, heldFiles, isMountedBy, mountedFiles, type FilesByName, type HeldFile } from "./mounts.ts";
import type { ConfEntry } from "./nats-conf.ts";
import { isConfigOf, type NatsConfig } from "./nats-config.ts";

/** What a nats.conf includes, at any level (nats-server `conf/parse.go`), and was not read. */
export interface UnreadIncludes {
  config: NatsConfig;
  /** Those that are not where nats-server would look for them. */
  missing: ConfEntry[];
  /** Those that are there, under keys that are not read. */
  passedOver: ConfEntry[];
  /** Objects that would hold what is missing in another namespace, which was only assumed. */
  elsewhere: Resource[];
}

/** By what each nats.conf is judged: the files of the pods that mount it, one after the other. */
function surroundings(configs: readonly NatsConfig[], mesh: Mesh): Map<NatsConfig, FilesByName[]> {
  const holders = [...mesh.of("ConfigMap", ""), ...mesh.of("Secret", "")];
  const found = new Map<NatsConfig, FilesByName[]>();
  const served = new Set<string>();
  for (const broker of mesh.brokers) {
    const own = configs.filter((config) => isConfigOf(config, broker));
    if (own.length > 0) served.add(broker.namespace);
    const files = own.length > 0 ? mountedFiles(broker, holders) : new Map<string, HeldFile[]>();
    for (const config of own) found.set(config, [...(found.get(config) ?? []), files]);
  }
  // Where no pods of nats-server are known, all that has the name of a nats.conf is one, unless other pods have it.
  const unserved = configs.filter(
    ({ resource }) => !served.has(resource.namespace) && !mesh.workloads.some((other) => isMountedBy(resource, other)),
  );
  const held = new Map<string, FilesByName>();
  for (const config of unserved) {
    const { namespace } = config.resource;
    const files = held.get(namespace) ?? heldFiles(holders.filter((holder) => holder.namespace === namespace));
    held.set(namespace, files);
    found.set(config, [files]);
  }
  return found;
}

export function unreadIncludes(configs: readonly NatsConfig[], mesh: Mesh): UnreadIncludes[] {
  const read = new Map<Resource, Set<string>>();
  for (const { resource, key } of configs) read.set(resource, (read.get(resource) ?? new Set()).add(key));
  const isRead = ({ resource, key }: HeldFile): boolean => read.get(resource)?.has(key) === true;
  const assumed = [...mesh.of("ConfigMap", ""), ...mesh.of("Secret", "")].filter((one) => one.isNamespaceAssumed);
  const assumedFiles = heldFiles(assumed);
  return [...surroundings(configs, mesh)].map(([config, around]) => {
    const includes = config.entries.filter(({ path, value }) => path.at(-1) === "include" && value !== undefined);
    const filesOf = ({ value }: ConfEntry): (readonly HeldFile[])[] =>
      around.map((files) => files.get(fileName(value ?? "")) ?? []);
    const missing = includes.filter((entry) => filesOf(entry).some((files) => files.length === 0));
    const passedOver = includes.filter((entry) =>
      filesOf(entry).some((files) => files.length > 0 && !files.some((file) => isRead(file))),
    );
    const elsewhere = missing.flatMap(({ value }) => assumedFiles.get(fileName(value ?? "")) ?? []);
    return { config, missing, passedOver, elsewhere: elsewhere.map(({ resource }) => resource) };
  });
}
