import type { Field } from "../manifests/field.ts";
import { readValuesIn, type ReadProblem } from "../manifests/read.ts";
import type { Resource } from "../manifests/resource.ts";
import { isAboutNats } from "./about-nats.ts";
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

export function policyValues(resource: Resource): PolicyValues {
  const read = valuesIn(resource).map((values) => readValues(values, resource));
  return {
    policies: read.flatMap(({ roots }) => roots.flatMap(ownValues).filter(hasPolicy)),
    problems: read.flatMap(({ problems }) => problems),
  };
}
