import type { Field } from "../manifests/field.ts";
import { readValuesIn, type ReadProblem } from "../manifests/read.ts";
import type { Resource } from "../manifests/resource.ts";
import { isAboutNats } from "./about-nats.ts";
import { hasPolicy, ownValues } from "./chart-values.ts";

/** The chart values of a release that have a policy, and why a text that may have one cannot be read. */
export interface PolicyValues {
  policies: Field[];
  problems: ReadProblem[];
  /** The names of what is set beside these values, and changes the policy in them. */
  overrides: Field[];
}

/** The sources of an Application of Argo CD, or of those that an ApplicationSet makes. */
function sourcesOf({ group, kind, root }: Resource): Field[] {
  const above = { Application: ["spec"], ApplicationSet: ["spec", "template", "spec"] }[kind];
  if (group !== "argoproj.io" || !above) return [];
  return [root.get(...above, "source"), ...root.items(...above, "sources")].filter((source) => source !== undefined);
}

/** An ApplicationSet fills in what stands between these, and leaves everything else as it is, in values too. */
function isFilledIn(values: Field): boolean {
  return !JSON.stringify(values.plain()).includes("{{");
}

/** Where objects of Flux, Argo CD and K3s have chart values: as an object, or as a text. */
function valuesIn(resource: Resource): Field[] {
  const { group, kind, root } = resource;
  const all = ((): (Field | undefined)[] => {
    switch (`${group} ${kind}`) {
      case "helm.toolkit.fluxcd.io HelmRelease":
        return [root.get("spec", "values")];
      case "argoproj.io Application":
      case "argoproj.io ApplicationSet":
        // Argo CD reads no `values` beside `valuesObject` (pkg/apis/application/v1alpha1, `ValuesYAML`).
        return sourcesOf(resource)
          .map((source) => {
            const object = source.get("helm", "valuesObject");
            return object?.isObject === true ? object : source.get("helm", "values");
          })
          .filter((values) => kind === "Application" || (values && isFilledIn(values)));
      case "helm.cattle.io HelmChart":
      case "helm.cattle.io HelmChartConfig":
        return [root.get("spec", "valuesContent")];
    }
    return [];
  })();
  return all.filter((values) => values !== undefined);
}

/** The key of a policy that other charts do not have in their values. */
const HAS_POLICY = /^\s*["']?trustDomains["']?\s*:/m;

/** The keys of a policy, and of values with one, that other charts may have too, such as Prometheus's. */
const MAY_HAVE_POLICY = /^\s*["']?(?:policy|rules)["']?\s*:/m;

/** Most releases are of other charts, whose values are not judged here. */
function mayHavePolicy(text: string, resource: Resource): boolean {
  return HAS_POLICY.test(text) || (MAY_HAVE_POLICY.test(text) && isAboutNats(resource));
}

function readValues(values: Field, resource: Resource): { roots: Field[]; problems: ReadProblem[] } {
  const text = values.text();
  if (text === undefined) return { roots: [values], problems: [] };
  const { others, problems } = readValuesIn(values);
  return { roots: others, problems: mayHavePolicy(text, resource) ? problems : [] };
}

/** Of the policy, or of something in it; the chart may be one on which another depends. */
const OF_POLICY = /(?:^|\.)policy[.[]/;

/** What Argo CD passes to Helm by `--set` and the like, which comes before all values (argo-cd, "Helm", "Value Precedence"). */
function parametersOfPolicy(resource: Resource): Field[] {
  return sourcesOf(resource)
    .flatMap((source) => [...source.items("helm", "parameters"), ...source.items("helm", "fileParameters")])
    .flatMap((parameter) => parameter.get("name") ?? [])
    .filter((name) => OF_POLICY.test(name.text() ?? ""));
}

export function policyValues(resource: Resource): PolicyValues {
  const read = valuesIn(resource).map((values) => readValues(values, resource));
  const policies = read.flatMap(({ roots }) => roots.flatMap(ownValues).filter(hasPolicy));
  return {
    policies,
    problems: read.flatMap(({ problems }) => problems),
    overrides: policies.length === 0 ? [] : parametersOfPolicy(resource),
  };
}
