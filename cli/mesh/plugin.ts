import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import { slipBetween } from "../nearest.ts";
import { CLIENT_PORT } from "./nats-ports.ts";
import { selects, workloadSelector, type Labels } from "./selector.ts";
import { targetNamesOf, targetRefsOf } from "./target-refs.ts";
import type { Workload } from "./workload.ts";

const PLUGIN_KINDS = ["WasmPlugin", "TrafficExtension"] as const;

/** The side of a connection that a proxy is on, in the words of `match[].mode`. */
export type Side = "CLIENT" | "SERVER";

const BOTH: readonly Side[] = ["CLIENT", "SERVER"];

/** The words that Istio accepts as a mode. No mode, and UNDEFINED, mean both sides (pilot/pkg/model/extensions.go, `matchMode`). */
const SIDES: ReadonlyMap<string, readonly Side[]> = new Map([
  ["SERVER", ["SERVER"]],
  ["CLIENT", ["CLIENT"]],
  ["CLIENT_AND_SERVER", BOTH],
  ["UNDEFINED", BOTH],
]);

/** The modes to recommend. */
export const MODES: readonly string[] = [...SIDES.keys()].filter((mode) => mode !== "UNDEFINED");

/** Whether Istio accepts this word as a mode. */
export function isMode(mode: string): boolean {
  return SIDES.has(mode);
}

/** Whether a configuration is this filter's, judging by its top level. */
export function isPolicy(config: Field): boolean {
  return config.get("rules") !== undefined && config.get("trustDomains") !== undefined;
}

export interface PluginMatch {
  field: Field;
  /** As written; undefined if absent. */
  mode: string | undefined;
  /** Both for a word that Istio does not know, so that other faults of the plugin are still found. */
  sides: readonly Side[];
  /** The numbers of its ports; an empty list means every port. */
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

  /** Those among the objects, of this filter or another. */
  static allIn(resources: readonly Resource[]): Plugin[] {
    return resources.filter((resource) => Plugin.isPlugin(resource)).map((resource) => new Plugin(resource));
  }

  static isPlugin(resource: Resource): boolean {
    return resource.group === "extensions.istio.io" && PLUGIN_KINDS.some((kind) => kind === resource.kind);
  }

  /**
   * Whether it is this filter, by its name, its image or the shape of its configuration. Half of the shape is enough, so that a
   * plugin with a slip is judged too. Other plugins have rules as well, so rules count only on NATS's port or in a network filter.
   */
  get isOurs(): boolean {
    const named = [this.resource.name, this.wasm?.text("pluginName"), this.wasm?.text("url")];
    if (named.some((text) => text?.includes("istio-nats"))) return true;
    if (this.config === undefined) return false;
    const keys = this.config.members().map(([key]) => key);
    if (keys.some((key) => slipBetween(key, "trustDomains") !== undefined)) return true;
    const isOfNats =
      this.wasm?.text("type") === "NETWORK" || this.matchedPorts.some((port) => port.integer() === CLIENT_PORT);
    return isOfNats && keys.some((key) => slipBetween(key, "rules") !== undefined);
  }

  /** The sides that its matches cover; both if it has none. */
  get sides(): ReadonlySet<Side> {
    return new Set(this.matches.length === 0 ? BOTH : this.matches.flatMap(({ sides }) => sides));
  }

  /** The matches that judge who connects to nats-server: a port in one for the other side alone judges nobody there. */
  get serverMatches(): PluginMatch[] {
    return this.matches.filter(({ sides }) => sides.includes("SERVER"));
  }

  /** The numbers of the ports in all its matches. */
  get matchedPorts(): Field[] {
    return this.matches.flatMap(({ ports }) => ports);
  }

  get identity(): string {
    return this.config?.text("identity") ?? "PEER";
  }

  get targetRefs(): readonly Field[] {
    return targetRefsOf(this.resource);
  }

  /** `Service/nats`, for each of its `targetRefs`. */
  get targetNames(): string[] {
    return targetNamesOf(this.resource);
  }

  /** Decides by its selector. A plugin in the mesh's root namespace reaches every namespace. */
  selectsWorkload(workload: Workload, rootNamespace: string): boolean {
    const inReach = this.resource.namespace === workload.namespace || this.resource.namespace === rootNamespace;
    return inReach && selects(this.selector, workload.labels) && this.targetRefs.length === 0;
  }
}
