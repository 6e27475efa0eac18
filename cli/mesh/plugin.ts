import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import { slipBetween } from "../nearest.ts";
import { CLIENT_PORT } from "./nats-ports.ts";
import { selects, workloadSelector, type Labels } from "./selector.ts";
import type { Workload } from "./workload.ts";

export const PLUGIN_KINDS = ["WasmPlugin", "TrafficExtension"] as const;

/** On which side of a connection a proxy stands, in the words of `match[].mode`. */
export type Side = "CLIENT" | "SERVER";

const BOTH: readonly Side[] = ["CLIENT", "SERVER"];

/** The words that Istio takes as a mode. No mode, and UNDEFINED, mean both (pilot/pkg/model/extensions.go, `matchMode`). */
const SIDES: ReadonlyMap<string, readonly Side[]> = new Map([
  ["SERVER", ["SERVER"]],
  ["CLIENT", ["CLIENT"]],
  ["CLIENT_AND_SERVER", BOTH],
  ["UNDEFINED", BOTH],
]);

/** Those that say what they mean. */
export const MODES: readonly string[] = [...SIDES.keys()].filter((mode) => mode !== "UNDEFINED");

/** Whether Istio takes this word as a mode. */
export function isMode(mode: string): boolean {
  return SIDES.has(mode);
}

/** Whether a configuration is this filter's, as far as its first level tells. */
export function isPolicy(config: Field): boolean {
  return config.get("rules") !== undefined && config.get("trustDomains") !== undefined;
}

export interface PluginMatch {
  field: Field;
  /** As written; undefined where it is not. */
  mode: string | undefined;
  /** Both for a word that Istio does not know: what else is wrong with the plugin is to be told too. */
  sides: readonly Side[];
  /** The numbers of its ports; none: every port. */
  ports: Field[];
}

/** A WasmPlugin or TrafficExtension. */
export class Plugin {
  readonly selector: Labels;
  readonly matches: PluginMatch[];
  /** Where the fields of the module are: WasmPlugin has them in `spec`, TrafficExtension in `spec.wasm`. */
  readonly wasm: Field | undefined;
  readonly config: Field | undefined;

  constructor(readonly resource: Resource) {
    this.selector = workloadSelector(resource.root);
    this.matches = resource.root.items("spec", "match").map((field) => {
      const mode = field.text("mode");
      const sides = SIDES.get(mode ?? "UNDEFINED") ?? BOTH;
      return { field, mode, sides, ports: field.items("ports").flatMap((port) => port.get("number") ?? []) };
    });
    this.wasm = resource.kind === "WasmPlugin" ? resource.root.get("spec") : resource.root.get("spec", "wasm");
    this.config = this.wasm?.get("pluginConfig");
  }

  static isPlugin(resource: Resource): boolean {
    return resource.group === "extensions.istio.io" && PLUGIN_KINDS.some((kind) => kind === resource.kind);
  }

  /**
   * Whether it is this filter, by its name, its image or the shape of its configuration. A half of that is enough, for a plugin
   * with a slip is to be judged too; but others have rules as well, so these count on the ports of NATS or of a network filter only.
   */
  get isOurs(): boolean {
    const named = [this.resource.name, this.wasm?.text("pluginName"), this.wasm?.text("url")];
    if (named.some((text) => text?.includes("istio-nats"))) return true;
    if (this.config === undefined) return false;
    const keys = this.config.members().map(([key]) => key);
    if (keys.some((key) => slipBetween(key, "trustDomains") !== undefined)) return true;
    const isOfNats =
      this.wasm?.text("type") === "NETWORK" ||
      this.matches.some(({ ports }) => ports.some((port) => port.integer() === CLIENT_PORT));
    return isOfNats && keys.some((key) => slipBetween(key, "rules") !== undefined);
  }

  /** The sides on which some match, or the want of any, puts it. */
  get sides(): ReadonlySet<Side> {
    return new Set(this.matches.length === 0 ? BOTH : this.matches.flatMap(({ sides }) => sides));
  }

  get identity(): string {
    return this.config?.text("identity") ?? "PEER";
  }

  get targetRefs(): Field[] {
    const { root } = this.resource;
    const one = root.get("spec", "targetRef");
    return one ? [one, ...root.items("spec", "targetRefs")] : root.items("spec", "targetRefs");
  }

  /** By its selector; a plugin of the mesh's root namespace reaches into all. */
  selectsWorkload(workload: Workload, rootNamespace: string): boolean {
    const inReach = this.resource.namespace === workload.namespace || this.resource.namespace === rootNamespace;
    return inReach && this.targetRefs.length === 0 && selects(this.selector, workload.labels);
  }
}
