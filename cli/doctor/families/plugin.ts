import type { Resource } from "../../manifests/resource.ts";
import { placeText } from "../../manifests/place.ts";
import { isFilledIn } from "../../manifests/unfilled.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import { CLIENT_PORT } from "../../mesh/nats-ports.ts";
import type { Plugin } from "../../mesh/plugin.ts";
import { mayMeet, selects } from "../../mesh/selector.ts";
import { family } from "../family.ts";

const FAIL_STRATEGIES = ["FAIL_CLOSE", "FAIL_OPEN", "FAIL_RELOAD"];

/** The two kinds have different words for "no phase", and each refuses the other's. */
const PHASES: Record<string, string[]> = {
  WasmPlugin: ["UNSPECIFIED_PHASE", "AUTHN", "AUTHZ", "STATS"],
  TrafficExtension: ["UNSPECIFIED", "AUTHN", "AUTHZ", "STATS"],
};

/** Whether two plugins are in the same chain of some proxy. */
function meet(a: Plugin, b: Plugin, mesh: Mesh): boolean {
  const [targets, others] = [a.targetNames, b.targetNames];
  if (targets.length > 0 || others.length > 0) {
    const served = mesh.waypointServicesOf(a);
    if (mesh.waypointServicesOf(b).some((service) => served.includes(service))) return true;
    return a.resource.namespace === b.resource.namespace && targets.some((target) => others.includes(target));
  }
  return meetBySelectors(a, b, mesh) && [...a.sides].some((side) => b.sides.has(side));
}

/**
 * A plugin of the root namespace applies to pods of every namespace, so labels alone cannot tell whether two plugins meet. They
 * do if they select the same pods among the files, or if one of them selects all that the other selects.
 */
function meetBySelectors(a: Plugin, b: Plugin, { rootNamespace, workloads }: Mesh): boolean {
  if (a.resource.namespace === b.resource.namespace) return mayMeet(a.selector, b.selector);
  const [root, local] = a.resource.namespace === rootNamespace ? [a, b] : [b, a];
  if (root.resource.namespace !== rootNamespace) return false;
  if (selects(root.selector, local.selector)) return true;
  return workloads.some((pods) => [root, local].every((one) => one.selectsWorkload(pods, rootNamespace)));
}

/** One object that is among the files twice: no cluster has both. */
function isSame(first: Resource, second: Resource): boolean {
  return first.group === second.group && first.title === second.title;
}

export const plugin = family(
  "The plugin",
  {
    "type-not-network": {
      severity: "error",
      what: "The plugin has no `type: NETWORK`. The default is HTTP, and a TCP port silently never gets an HTTP plugin.",
      remedy: "write type: NETWORK",
    },
    "both-plugin-kinds": {
      severity: "error",
      what:
        "A WasmPlugin and a TrafficExtension put the filter into the same chain. Istio turns every WasmPlugin into a " +
        "TrafficExtension, so the filter is in the chain twice.",
      remedy: "keep one: TrafficExtension since Istio 1.30, or WasmPlugin for all versions",
    },
    "plugin-twice": {
      severity: "error",
      what: "Two plugins of the same kind put the filter into the same chain. Two of these filters in one chain are not supported.",
      remedy: "merge both policies into one plugin",
    },
    "plugin-not-judged": {
      severity: "info",
      what: "A plugin for port 4222 was not recognised as istio-nats by its name, url or pluginConfig, so it was not judged.",
      remedy: "if it is istio-nats, write pluginName: istio-nats",
    },
    "fail-open": {
      severity: "error",
      what: "With FAIL_OPEN everybody may do everything if the module cannot be fetched or crashes.",
      remedy: "write FAIL_RELOAD, or FAIL_CLOSE before Istio 1.27",
    },
    "fail-strategy-unknown": {
      severity: "error",
      what: "Istio does not know this failStrategy and refuses the plugin.",
      remedy: `write ${FAIL_STRATEGIES.filter((word) => word !== "FAIL_OPEN").join(" or ")}`,
    },
    "phase-unknown": {
      severity: "error",
      what:
        "This kind of plugin does not have this phase, and Istio refuses the plugin. For no phase a WasmPlugin says " +
        "UNSPECIFIED_PHASE, a TrafficExtension UNSPECIFIED.",
      remedy: "write phase: STATS",
    },
    "phase-before-authorization": {
      severity: "info",
      what:
        "In the phases AUTHN and AUTHZ the filter runs before Istio's own AuthorizationPolicies, so it also judges peers that " +
        "those policies refuse.",
      remedy: "write phase: STATS, so that Istio's authorization runs first",
    },
  },
  ({ mesh }, report) => {
    for (const { resource, wasm } of mesh.plugins) {
      const { title, root, kind } = resource;
      const type = wasm?.text("type");
      if (type !== "NETWORK" && !isFilledIn(type ?? "")) {
        const place = wasm?.placeOf("type") ?? root.placeOf("spec", "wasm");
        report(
          "type-not-network",
          place,
          `${title} ${type === undefined ? "has no type, which means HTTP" : `has type ${type}`}`,
        );
      }
      const strategy = wasm?.get("failStrategy");
      const word = strategy?.text();
      if (strategy && word === "FAIL_OPEN") report("fail-open", strategy.place, `${title} fails open`);
      else if (strategy && word !== undefined && !FAIL_STRATEGIES.includes(word) && !isFilledIn(word))
        report("fail-strategy-unknown", strategy.place, `Istio has no failStrategy ${word}`);
      const phase = root.text("spec", "phase");
      if (phase === undefined || isFilledIn(phase)) continue;
      const place = root.placeOf("spec", "phase");
      if (!PHASES[kind]?.includes(phase)) report("phase-unknown", place, `a ${kind} has no phase ${phase}`);
      else if (phase.startsWith("AUTH"))
        report("phase-before-authorization", place, `${title} judges before Istio's AuthorizationPolicies do`);
    }
    for (const { resource, matchedPorts } of mesh.otherPlugins) {
      const number = matchedPorts.find((port) => port.integer() === CLIENT_PORT);
      if (number) report("plugin-not-judged", number.place, `${resource.title} was not recognised as istio-nats`);
    }
    mesh.plugins.forEach((second, index) => {
      const others = mesh.plugins.slice(0, index).filter((candidate) => !isSame(candidate.resource, second.resource));
      const first = others.find((candidate) => meet(candidate, second, mesh));
      if (!first) return;
      const id = first.resource.kind === second.resource.kind ? "plugin-twice" : "both-plugin-kinds";
      const other = `${first.resource.title} (${placeText(first.resource.place)})`;
      report(id, second.resource.place, `${second.resource.title} puts the filter into the same chain as ${other}`);
    });
  },
);
