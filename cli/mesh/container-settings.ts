import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import type { Mesh } from "./mesh.ts";
import type { Workload } from "./workload.ts";

/** The texts that a workload's containers are given: variables of the environment, also those of ConfigMaps, and arguments. */
export interface ContainerSettings {
  variables: Field[];
  arguments: Field[];
}

/** Finds them for any workload of a mesh. */
export function settingsIn(mesh: Mesh): (workload: Workload) => ContainerSettings {
  const configMaps = new Map(mesh.of("ConfigMap", "").map((one) => [`${one.namespace}/${one.name}`, one]));
  return ({ containers, namespace }) => {
    const named = (reference: Field | undefined): Resource | undefined =>
      configMaps.get(`${namespace}/${reference?.text("name") ?? ""}`);
    const ofVariable = (variable: Field): Field[] => {
      const reference = variable.get("valueFrom", "configMapKeyRef");
      const value = variable.get("value") ?? named(reference)?.root.get("data", reference?.text("key") ?? "");
      return value ? [value] : [];
    };
    const ofSource = (source: Field): Field[] =>
      (named(source.get("configMapRef"))?.root.members("data") ?? []).map(([, value]) => value);
    return {
      variables: containers.flatMap((one) => [
        ...one.items("env").flatMap(ofVariable),
        ...one.items("envFrom").flatMap(ofSource),
      ]),
      arguments: containers.flatMap((one) => [...one.items("command"), ...one.items("args")]),
    };
  };
}
