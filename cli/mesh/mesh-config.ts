import { getOrMake } from "../get-or-make.ts";
import type { Field } from "../manifests/field.ts";
import { readManifests } from "../manifests/read.ts";
import type { Resource } from "../manifests/resource.ts";
import type { Mesh } from "./mesh.ts";

/** What IstioOperators have below a key of their `spec`. */
function ofOperators(key: "meshConfig" | "values", mesh: Mesh): Field[] {
  return mesh.of("IstioOperator", "install.istio.io").flatMap(({ root }) => root.get("spec", key) ?? []);
}

/** `meshConfig` of IstioOperators. */
export function operatorMeshConfigs(mesh: Mesh): Field[] {
  return ofOperators("meshConfig", mesh);
}

/** A mesh's settings in istiod's ConfigMap, which holds them as a text. */
export interface HeldMeshConfig {
  configMap: Resource;
  /** The text, which is the only one of them with a place. */
  text: Field;
  settings: Field;
}

/** Those of istiod's ConfigMaps, `istio` or `istio-REVISION`, of any namespace. A text that kubectl would not read is ignored. */
export function heldMeshConfigs(mesh: Mesh): HeldMeshConfig[] {
  const configMaps = mesh.of("ConfigMap", "").filter(({ name }) => /^istio(?:-|$)/.test(name));
  return configMaps.flatMap((configMap) => {
    const text = configMap.root.get("data", "mesh");
    return text ? settingsIn(text).map((settings) => ({ configMap, text, settings })) : [];
  });
}

/** The values of Istio's chart that IstioOperators give, which leave out what is to be as usual. */
export function operatorValues(mesh: Mesh): Field[] {
  return ofOperators("values", mesh);
}

/** Values of Istio's chart that its injector has, complete. */
export interface InjectorValues {
  /** Whose they are; "default" for the one that has none in its name. */
  revision: string;
  values: Field;
}

/** Those in the ConfigMaps of Istio's injectors, `istio-sidecar-injector` and `istio-sidecar-injector-REVISION`. */
export function injectorValues(mesh: Mesh): InjectorValues[] {
  return mesh.of("ConfigMap", "").flatMap(({ name, root }) => {
    const [isInjector, revision = "default"] = /^istio-sidecar-injector(?:-(.+))?$/.exec(name) ?? [];
    const text = isInjector === undefined ? undefined : root.get("data", "values");
    return text ? settingsIn(text).map((values) => ({ revision, values })) : [];
  });
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
