import type { Field } from "../manifests/field.ts";
import { isPolicy } from "../mesh/plugin.ts";

/** Where objects have a policy, or where it is written by mistake. */
const PLACES: readonly string[][] = [
  ["spec", "wasm", "pluginConfig"],
  ["spec", "pluginConfig"],
  ["wasm", "pluginConfig"],
  ["pluginConfig"],
  ["spec"],
];

/** A policy that is not a document by itself, but below keys of an object that the document does not say to be one. */
export interface WrappedPolicy {
  config: Field;
  /** `spec.pluginConfig`. */
  path: string;
}

/** The policy below such keys of a document that is no policy by itself. */
export function wrappedPolicy(document: Field): WrappedPolicy | undefined {
  if (document.get("rules") ?? document.get("trustDomains")) return undefined;
  for (const path of PLACES) {
    const config = document.get(...path);
    if (config && (path.at(-1) === "pluginConfig" || isPolicy(config))) return { config, path: path.join(".") };
  }
  return undefined;
}
