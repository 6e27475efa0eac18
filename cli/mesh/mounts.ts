import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import type { Workload } from "./workload.ts";

/** A volume, or one source of a projected one, that has files of a ConfigMap or a Secret. */
interface Mount {
  kind: "ConfigMap" | "Secret";
  name: string | undefined;
  /** The keys that it has as files, if not all. */
  items: readonly Field[];
}

function mountsIn(volume: Field): Mount[] {
  return [volume, ...volume.items("projected", "sources")].flatMap((source): Mount[] => [
    { kind: "ConfigMap", name: source.text("configMap", "name"), items: source.items("configMap", "items") },
    {
      kind: "Secret",
      name: source.text("secret", "secretName") ?? source.text("secret", "name"),
      items: source.items("secret", "items"),
    },
  ]);
}

/** Whether the pods mount this ConfigMap or Secret. */
export function isMountedBy({ kind, name, namespace }: Resource, workload: Workload): boolean {
  if (namespace !== workload.namespace) return false;
  const mounts = workload.pod.items("spec", "volumes").flatMap(mountsIn);
  return mounts.some((mount) => mount.kind === kind && mount.name === name);
}

/** A key of a ConfigMap or a Secret, which pods see as a file. */
export interface HeldFile {
  resource: Resource;
  key: string;
}

/** Files by their names without the folders. Where one name stands for several, any of them may be meant. */
export type FilesByName = ReadonlyMap<string, readonly HeldFile[]>;

/** The last part of a path in the pod. */
export function fileName(path: string): string {
  return path.split("/").at(-1) ?? "";
}

function keysOf({ root }: Resource): string[] {
  return ["data", "binaryData", "stringData"].flatMap((holder) => root.members(holder).map(([key]) => key));
}

type NamedFile = readonly [name: string, file: HeldFile];

function byName(files: readonly NamedFile[]): FilesByName {
  const found = new Map<string, HeldFile[]>();
  for (const [name, file] of files) {
    const others = found.get(name);
    if (others) others.push(file);
    else found.set(name, [file]);
  }
  return found;
}

/** All that these ConfigMaps and Secrets hold. */
export function heldFiles(holders: readonly Resource[]): FilesByName {
  return byName(holders.flatMap((resource) => keysOf(resource).map((key) => [key, { resource, key }] as const)));
}

function filesIn(volume: Field, namespace: string, holders: readonly Resource[]): NamedFile[] {
  return mountsIn(volume).flatMap((mount) => {
    const resource = holders.find(
      (one) => one.kind === mount.kind && one.name === mount.name && one.namespace === namespace,
    );
    const keys = resource ? keysOf(resource) : [];
    if (!resource || mount.items.length === 0) return keys.map((key) => [key, { resource, key }] as NamedFile);
    return mount.items.flatMap((item): NamedFile[] => {
      const key = item.text("key") ?? "";
      return keys.includes(key) ? [[fileName(item.text("path") ?? ""), { resource, key }]] : [];
    });
  });
}

/** What of these ConfigMaps and Secrets the pods mount, by the names that the files have there. */
export function mountedFiles({ pod, namespace, containers }: Workload, holders: readonly Resource[]): FilesByName {
  const mounts = containers.flatMap((container) => container.items("volumeMounts"));
  return byName(
    pod.items("spec", "volumes").flatMap((volume) => {
      const files = filesIn(volume, namespace, holders);
      // A mount of a single file may give it another name.
      const renamed = mounts
        .filter((mount) => mount.text("name") === volume.text("name"))
        .flatMap((mount) => {
          const part = mount.text("subPath");
          const file = files.find(([name]) => part !== undefined && name === fileName(part));
          return file ? [[fileName(mount.text("mountPath") ?? ""), file[1]] as const] : [];
        });
      return [...files, ...renamed];
    }),
  );
}
