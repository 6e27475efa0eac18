import { getOrMake } from "../get-or-make.ts";
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

/** By what a ConfigMap or a Secret is found. */
function keyOf(kind: string, namespace: string, name: string): string {
  return `${kind} ${namespace}/${name}`;
}

/** The ConfigMaps and Secrets that these pods mount, as `isMounted` finds them. */
export function mountedBy(workloads: readonly Workload[]): ReadonlySet<string> {
  return new Set(
    workloads.flatMap(({ pod, namespace }) =>
      pod
        .items("spec", "volumes")
        .flatMap(mountsIn)
        .map(({ kind, name }) => keyOf(kind, namespace, name ?? "")),
    ),
  );
}

/** Whether a ConfigMap or a Secret is among what pods mount. */
export function isMounted({ kind, namespace, name }: Resource, mounted: ReadonlySet<string>): boolean {
  return mounted.has(keyOf(kind, namespace, name));
}

/** ConfigMaps and Secrets by what they are found by. */
export type Holders = ReadonlyMap<string, Resource>;

/** ConfigMaps and Secrets, as `mountedFiles` finds them. */
export function holdersByKey(resources: readonly Resource[]): Holders {
  return new Map(resources.map((one) => [keyOf(one.kind, one.namespace, one.name), one]));
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

function byName<Value>(named: readonly (readonly [name: string, value: Value])[]): Map<string, Value[]> {
  const found = new Map<string, Value[]>();
  for (const [name, value] of named) getOrMake(found, name, () => []).push(value);
  return found;
}

/** All that these ConfigMaps and Secrets hold. */
export function heldFiles(holders: readonly Resource[]): FilesByName {
  return byName(holders.flatMap((resource) => keysOf(resource).map((key) => [key, { resource, key }] as const)));
}

function filesIn(volume: Field, namespace: string, holders: Holders): NamedFile[] {
  return mountsIn(volume).flatMap((mount): NamedFile[] => {
    const resource = holders.get(keyOf(mount.kind, namespace, mount.name ?? ""));
    if (!resource) return [];
    const keys = keysOf(resource);
    if (mount.items.length === 0) return keys.map((key) => [key, { resource, key }]);
    const known = new Set(keys);
    return mount.items.flatMap((item): NamedFile[] => {
      const key = item.text("key") ?? "";
      return known.has(key) ? [[fileName(item.text("path") ?? ""), { resource, key }]] : [];
    });
  });
}

/** The mounts of single files, by the names of their volumes. */
function partsByVolume(containers: readonly Field[]): Map<string, Field[]> {
  const mounts = containers.flatMap((container) => container.items("volumeMounts"));
  const parts = mounts.filter((mount) => mount.get("subPath") ?? mount.get("subPathExpr"));
  return byName(parts.map((mount) => [mount.text("name") ?? "", mount] as const));
}

/** What of these ConfigMaps and Secrets the pods mount, by the names that the files have there. */
export function mountedFiles({ pod, namespace, containers }: Workload, holders: Holders): FilesByName {
  const parts = partsByVolume(containers);
  return byName(
    pod.items("spec", "volumes").flatMap((volume) => {
      const files = filesIn(volume, namespace, holders);
      const known = new Map(files);
      const [some] = known.values();
      // A mount of a single file may give it another name. By an expression it may be any, of which one stands for all.
      const renamed = (parts.get(volume.text("name") ?? "") ?? []).flatMap((mount): NamedFile[] => {
        const part = mount.text("subPath");
        const file = part === undefined ? some : known.get(fileName(part));
        return file ? [[fileName(mount.text("mountPath") ?? ""), file]] : [];
      });
      return [...files, ...renamed];
    }),
  );
}
