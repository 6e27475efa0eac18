import { join } from "node:path";
import { filterWasm } from "../../tools/wasm.ts";
import { istioJson } from "../host/istio-json.ts";
import { pushResource, sourceOf } from "./discovery-file.ts";

/** A Wasm network filter as a WasmPlugin describes it. */
export interface WasmFilter {
  /** The module; build/istio-nats.wasm by default. */
  wasm?: string;
  /** The WasmPlugin's pluginConfig. A string is handed over unchanged. Undefined leaves it out, as Istio does. */
  config?: object | string;
  /** FAIL_CLOSED by default (Istio's FAIL_CLOSE). */
  failurePolicy?: "FAIL_CLOSED" | "FAIL_OPEN" | "FAIL_RELOAD";
  /** The WasmPlugin's pluginName, which arrives as the root id. Empty by default, as in Istio. */
  pluginName?: string;
  /** The WasmPlugin's vmConfig.env, and what Istio adds to it. Another environment makes Envoy run new VMs. */
  environment?: Record<string, string>;
  /** FAIL_RELOAD's back-off between new VMs, in milliseconds; Envoy's own (1 s) by default. */
  reloadBackoff?: number;
}

/** Names a filter as Istio 1.30 and later do for a WasmPlugin. */
function resourceName(name: string): string {
  return `extensions.istio.io/trafficextension/messaging.${name}~istio-translated-wasmplugin`;
}

function configText(config: WasmFilter["config"]): string | undefined {
  return config === undefined || typeof config === "string" ? config : istioJson(config);
}

function typedConfig(name: string, filter: WasmFilter): object {
  const value = configText(filter.config);
  const backoff = filter.reloadBackoff === undefined ? undefined : `${filter.reloadBackoff / 1000}s`;
  return {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm",
    config: {
      name: `messaging.${name}~istio-translated-wasmplugin`,
      root_id: filter.pluginName ?? "",
      vm_config: {
        // Istio never sets vm_id.
        runtime: "envoy.wasm.runtime.v8",
        code: { local: { filename: filter.wasm ?? filterWasm } },
        ...(filter.environment === undefined ? {} : { environment_variables: { key_values: filter.environment } }),
      },
      ...(value === undefined
        ? {}
        : { configuration: { "@type": "type.googleapis.com/google.protobuf.StringValue", value } }),
      failure_policy: filter.failurePolicy ?? "FAIL_CLOSED",
      ...(backoff === undefined ? {} : { reload_config: { backoff: { base_interval: backoff } } }),
    },
  };
}

/**
 * A filter that Envoy gets by extension config discovery, as Istio always delivers it. Here it comes from a file that Envoy
 * watches, so `update` does what a push of istiod does.
 */
export class DiscoveredFilter {
  readonly #folder: string;
  readonly #name: string;
  #version = 0;

  /** Writes the first version into `folder`. `name` must differ between the filters of one Envoy. */
  constructor(folder: string, name: string, filter: WasmFilter) {
    this.#folder = folder;
    this.#name = name;
    this.update(filter);
  }

  /** The filter's name in Envoy's `extension_config_discovery` stats and dumps. */
  get resourceName(): string {
    return resourceName(this.#name);
  }

  /** The entry in a chain of network filters. */
  reference(): object {
    return {
      name: this.resourceName,
      config_discovery: {
        config_source: sourceOf(this.#file()),
        type_urls: ["type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm"],
      },
    };
  }

  /** Pushes another version of the filter. */
  update(filter: WasmFilter): void {
    this.#version += 1;
    pushResource(this.#file(), this.#version, {
      "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
      name: this.resourceName,
      typed_config: typedConfig(this.#name, filter),
    });
  }

  #file(): string {
    return join(this.#folder, `${this.#name}.ecds.json`);
  }
}
