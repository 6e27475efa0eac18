import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import { hasPolicy, ownValues } from "./chart-values.ts";

/** The chart values in a HelmRelease of Flux or an Application of Argo CD. */
function valuesIn({ group, kind, root }: Resource): Field[] {
  const all =
    group === "helm.toolkit.fluxcd.io" && kind === "HelmRelease"
      ? [root.get("spec", "values")]
      : group === "argoproj.io" && kind === "Application"
        ? [root.get("spec", "source"), ...root.items("spec", "sources")].map((source) =>
            source?.get("helm", "valuesObject"),
          )
        : [];
  return all.filter((values) => values !== undefined);
}

/** Those that have a policy. */
export function policyValues(resource: Resource): Field[] {
  return valuesIn(resource).flatMap(ownValues).filter(hasPolicy);
}
