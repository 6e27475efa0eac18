import { istioJson } from "../../test/host/istio-json.ts";
import type { Verdict } from "../filter-host.ts";
import type { Field } from "../manifests/field.ts";
import type { Place } from "../manifests/place.ts";
import { placeOfFault, splitFault, stepsOf } from "./path.ts";

export interface PolicyFault {
  place: Place;
  /** As in the filter's own log; "" for the whole. */
  path: string;
  message: string;
  /** The value there, if there is one. */
  value: Field | undefined;
}

export type JudgedPolicy<Said extends Verdict = Verdict> = Omit<Said, "faults"> & {
  faults: PolicyFault[];
  rules: number;
  /** Of the JSON that Istio hands to the proxy. */
  bytes: number;
};

/** How the filter is asked about the JSON of a configuration. */
export type AskFilter<Said extends Verdict> = (json: string) => Said;

/** Lets the filter read a configuration. An undefined `config` is an absent pluginConfig, whose faults are placed at `parent`. */
export function judgePolicy<Said extends Verdict>(
  ask: AskFilter<Said>,
  config: Field | undefined,
  parent: Place,
): JudgedPolicy<Said> {
  // Istio sends no bytes at all for an absent or empty pluginConfig.
  const json = config && !isEmptyConfig(config) ? istioJson(config.plain()) : "";
  const said = ask(json);
  return {
    ...said,
    faults: said.faults.map((line) => {
      const fault = splitFault(line);
      const value = config?.get(...stepsOf(fault.path));
      return { ...fault, value, place: config ? placeOfFault(config, fault) : parent };
    }),
    rules: config?.items("rules").length ?? 0,
    bytes: Buffer.byteLength(json),
  };
}

/** Whether it is as good as absent. */
export function isEmptyConfig(config: Field): boolean {
  return config.node === null || (config.isObject && config.members().length === 0);
}
