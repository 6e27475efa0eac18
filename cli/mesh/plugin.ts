import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import { selects, workloadSelector, type Labels } from "./selector.ts";
import type { Workload } from "./workload.ts";

export const PLUGIN_KINDS = ["WasmPlugin", "TrafficExtension"] as const;

export interface PluginMatch {
  field: Field;
  /** Absent is CLIENT_AND_SERVER. */
  mode: string;
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
    this.matches = resource.root.items("spec", "match").map((field) => ({
      field,
      mode: field.text("mode") ?? "CLIENT_AND_SERVER",
      ports: field.items("ports").flatMap((port) => port.get("number") ?? []),
    }));
    this.wasm = resource.kind === "WasmPlugin" ? resource.root.get("spec") : resource.root.get("spec", "wasm");
    this.config = this.wasm?.get("pluginConfig");
  }

  static isPlugin(resource: Resource): boolean {
    return resource.group === "extensions.istio.io" && PLUGIN_KINDS.some((kind) => kind === resource.kind);
  }

  /** Whether it is this filter, by its name, its image or the shape of its configuration. */
  get isOurs(): boolean {
    const named = [this.resource.name, this.wasm?.text("pluginName"), this.wasm?.text("url")];
    if (named.some((text) => text?.includes("istio-nats"))) return true;
    return this.config?.get("rules") !== undefined && this.config.get("trustDomains") !== undefined;
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
