import { getOrMake } from "../get-or-make.ts";
import type { Field } from "../manifests/field.ts";
import { readManifests } from "../manifests/read.ts";
import type { Resource } from "../manifests/resource.ts";
import { REVISION } from "./capture.ts";
import type { Mesh } from "./mesh.ts";
import type { Pods } from "./selector.ts";

/** What IstioOperators have below a key of their `spec`. */
function ofOperators(key: "meshConfig" | "values", mesh: Mesh): Field[] {
  return mesh.of("IstioOperator", "install.istio.io").flatMap(({ root }) => root.get("spec", key) ?? []);
}

/** `meshConfig` of IstioOperators. */
export function operatorMeshConfigs(mesh: Mesh): Field[] {
  return ofOperators("meshConfig", mesh);
}

/** Settings that a ConfigMap of istiod's holds as a text. */
export interface HeldSettings {
  configMap: Resource;
  /** The text, which is the only one of them with a place. */
  text: Field;
  settings: Field;
}

/** Those below a key of the ConfigMaps with this name, or NAME-REVISION, of any namespace. A text that kubectl would not read is ignored. */
function held(name: string, key: string, mesh: Mesh): HeldSettings[] {
  const isNamed = (one: Resource): boolean => one.name === name || one.name.startsWith(`${name}-`);
  return mesh.of("ConfigMap", "").flatMap((configMap) => {
    const text = isNamed(configMap) ? configMap.root.get("data", key) : undefined;
    return text ? settingsIn(text).map((settings) => ({ configMap, text, settings })) : [];
  });
}

/** A mesh's settings. */
export function heldMeshConfigs(mesh: Mesh): HeldSettings[] {
  return held("istio", "mesh", mesh);
}

/** The values of Istio's chart that IstioOperators give, which leave out what is to be as usual. */
export function operatorValues(mesh: Mesh): Field[] {
  return ofOperators("values", mesh);
}

/** The name of the injector's ConfigMap, which revisions have `-REVISION` behind. */
const INJECTOR = "istio-sidecar-injector";

/** The values, complete, of the injector of the pods' revision, or of all injectors where that is not among the files. */
export function injectorValuesFor({ namespace, labels }: Pods, mesh: Mesh): Field[] {
  const revision = labels.get(REVISION) ?? mesh.namespace(namespace)?.labels.get(REVISION);
  const name = revision === undefined || revision === "default" ? INJECTOR : `${INJECTOR}-${revision}`;
  const all = held(INJECTOR, "values", mesh);
  const named = all.filter(({ configMap }) => configMap.name === name);
  return (named.length > 0 ? named : all).map(({ settings }) => settings);
}

/** Cached, because it is asked again for each of nats-server's pods. */
const settings = new WeakMap<object, Field[]>();

/** The documents in a text that a ConfigMap holds. */
function settingsIn(field: Field): Field[] {
  const read = (): Field[] => {
    const [file, text] = [field.place.file, field.text() ?? ""];
    return readManifests({ file, text, named: false, tooLarge: false, helmTemplate: false }, "").others;
  };
  return field.node === null ? [] : getOrMake(settings, field.node, read);
}
