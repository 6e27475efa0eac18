import { getOrMake } from "../get-or-make.ts";
import type { Resource } from "../manifests/resource.ts";
import type { Mesh } from "./mesh.ts";
import { fileName, heldFiles, holdersByKey, isMounted, mountedBy, mountedFiles } from "./mounts.ts";
import type { FilesByName, HeldFile } from "./mounts.ts";
import type { ConfEntry } from "./nats-conf.ts";
import { natsConfigs, natsConfigsOf, type NatsConfig } from "./nats-config.ts";

/** What a nats.conf includes, at any level (nats-server `conf/parse.go`), and was not read. */
export interface UnreadIncludes {
  config: NatsConfig;
  /** Those that no ConfigMap or Secret of its namespace has. */
  missing: ConfEntry[];
  /** Those that one has, which the pods do not mount. */
  unmounted: ConfEntry[];
  /** Those that are there, under keys that are not read. */
  passedOver: ConfEntry[];
  /** Objects that have what is missing in another namespace, which was only assumed. */
  elsewhere: Resource[];
}

type Verdict = "missing" | "unmounted" | "passedOver" | "read";

/** ConfigMaps and Secrets, and what they hold in each namespace. */
class Holders {
  readonly all: readonly Resource[];
  private readonly held = new Map<string, FilesByName>();

  constructor(mesh: Mesh) {
    this.all = [...mesh.of("ConfigMap", ""), ...mesh.of("Secret", "")];
  }

  in(namespace: string): FilesByName {
    return getOrMake(this.held, namespace, () => heldFiles(this.all.filter((one) => one.namespace === namespace)));
  }
}

/** By what each nats.conf is judged: the files of the pods that mount it, one after the other. */
function surroundings(holders: Holders, mesh: Mesh): Map<NatsConfig, FilesByName[]> {
  const byKey = holdersByKey(holders.all);
  const found = new Map<NatsConfig, FilesByName[]>();
  const served = new Set<string>();
  for (const broker of mesh.brokers) {
    const own = natsConfigsOf(broker, mesh);
    if (own.length === 0) continue;
    served.add(broker.namespace);
    const files = mountedFiles(broker, byKey);
    for (const config of own) getOrMake(found, config, () => []).push(files);
  }
  // Where no pods of nats-server are known, all that has the name of a nats.conf is one, unless other pods have it.
  const mounted = mountedBy(mesh.workloads);
  for (const config of natsConfigs(mesh)) {
    const { resource } = config;
    if (!served.has(resource.namespace) && !isMounted(resource, mounted)) {
      found.set(config, [holders.in(resource.namespace)]);
    }
  }
  return found;
}

/** Each nats.conf with its includes that were not read. */
export function unreadIncludes(mesh: Mesh): UnreadIncludes[] {
  const read = new Map<Resource, Set<string>>();
  for (const { resource, key } of natsConfigs(mesh)) getOrMake(read, resource, () => new Set()).add(key);
  const isRead = ({ resource, key }: HeldFile): boolean => read.get(resource)?.has(key) === true;
  const holders = new Holders(mesh);
  const assumed = heldFiles(holders.all.filter((one) => one.isNamespaceAssumed));
  return [...surroundings(holders, mesh)].map(([config, around]) => {
    const { namespace } = config.resource;
    const verdictOf = (name: string): Verdict => {
      const files = around.map((each) => each.get(name) ?? []);
      if (files.some((each) => each.length === 0)) return holders.in(namespace).has(name) ? "unmounted" : "missing";
      return files.every((each) => each.some(isRead)) ? "read" : "passedOver";
    };
    const includes = config.entries.flatMap((entry) => {
      const isInclude = entry.path.at(-1) === "include" && entry.value !== undefined;
      return isInclude ? [{ entry, name: fileName(entry.value ?? "") }] : [];
    });
    // Once for each name, since a nats.conf may have thousands of them.
    const verdicts = new Map([...new Set(includes.map(({ name }) => name))].map((name) => [name, verdictOf(name)]));
    const those = (verdict: Verdict): ConfEntry[] =>
      includes.filter(({ name }) => verdicts.get(name) === verdict).map(({ entry }) => entry);
    const elsewhere = [...verdicts]
      .filter(([, verdict]) => verdict === "missing")
      .flatMap(([name]) => assumed.get(name) ?? [])
      .map(({ resource }) => resource)
      .filter((resource) => resource.namespace !== namespace);
    return {
      config,
      missing: those("missing"),
      unmounted: those("unmounted"),
      passedOver: those("passedOver"),
      elsewhere: [...new Set(elsewhere)],
    };
  });
}
