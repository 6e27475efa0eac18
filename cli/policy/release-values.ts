import type { Field } from "../manifests/field.ts";
import { readTextIn, type ReadProblem } from "../manifests/read.ts";
import type { Resource } from "../manifests/resource.ts";
import { hasPolicy, ownValues } from "./chart-values.ts";

/** The chart values of a release that have a policy, and why a text that may have one cannot be read. */
export interface PolicyValues {
  policies: Field[];
  problems: ReadProblem[];
}

/** Where objects of Flux, Argo CD and K3s have chart values: as an object, or as a text. */
function valuesIn({ group, kind, root }: Resource): Field[] {
  const all = ((): (Field | undefined)[] => {
    switch (`${group} ${kind}`) {
      case "helm.toolkit.fluxcd.io HelmRelease":
        return [root.get("spec", "values")];
      case "argoproj.io Application":
        // Argo CD reads no `values` beside `valuesObject` (pkg/apis/application/v1alpha1, `ValuesYAML`).
        return [root.get("spec", "source"), ...root.items("spec", "sources")].map((source) => {
          const object = source?.get("helm", "valuesObject");
          return object?.isObject === true ? object : source?.get("helm", "values");
        });
      case "helm.cattle.io HelmChart":
      case "helm.cattle.io HelmChartConfig":
        return [root.get("spec", "valuesContent")];
    }
    return [];
  })();
  return all.filter((values) => values !== undefined);
}

/** Whether a text has a key of the chart's values or of a policy that says whose they are. Most releases are of other charts. */
const MAY_HAVE_POLICY = /^\s*["']?(?:policy|rules|trustDomains)["']?\s*:/m;

function readValues(values: Field): { roots: Field[]; problems: ReadProblem[] } {
  const text = values.text();
  if (text === undefined) return { roots: [values], problems: [] };
  const { others, problems } = readTextIn(values);
  return { roots: others, problems: MAY_HAVE_POLICY.test(text) ? problems : [] };
}

export function policyValues(resource: Resource): PolicyValues {
  const read = valuesIn(resource).map(readValues);
  return {
    policies: read.flatMap(({ roots }) => roots.flatMap(ownValues).filter(hasPolicy)),
    problems: read.flatMap(({ problems }) => problems),
  };
}
