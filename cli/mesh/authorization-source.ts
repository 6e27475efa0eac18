import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import type { ServiceAccount } from "./workload.ts";

/** Whether a rule is about this service account; `otherwise` where that cannot be seen. */
export function isAbout(account: ServiceAccount, rule: Field, policy: Resource, otherwise: boolean): boolean {
  if (rule.items("when").length > 0) return otherwise;
  const sources = rule.items("from").flatMap((from) => from.get("source") ?? []);
  if (rule.items("from").length === 0) return true;
  return sources.some((source) =>
    source.members().every(([key, values]) => {
      const kind = key.replace(/^not./, (letters) => letters.slice(3).toLowerCase());
      const matches = SOURCES[kind];
      if (!matches) return otherwise;
      const some = values.items().some((value) => matches(value.text() ?? "", account, policy));
      return key === kind ? some : !some;
    }),
  );
}

const SOURCES: Partial<Record<string, (value: string, account: ServiceAccount, policy: Resource) => boolean>> = {
  principals: isPrincipal,
  namespaces: (value, { namespace }) => globMatches(value, namespace),
  serviceAccounts: (value, { namespace, name }, policy) =>
    (value.includes("/") ? value : `${policy.namespace}/${value}`) === `${namespace}/${name}`,
};

/** Istio's reading of a principal (security/pkg, StringMatcherWithPrefix), with any trust domain. */
function isPrincipal(value: string, { namespace, name }: ServiceAccount): boolean {
  const path = `/ns/${namespace}/sa/${name}`;
  if (value.startsWith("*") && path.endsWith(value.slice(1))) return true;
  const slash = value.indexOf("/");
  const rest = slash < 0 ? "" : value.slice(slash);
  return value.endsWith("*") ? path.startsWith(rest.slice(0, -1)) : rest === path;
}

function globMatches(pattern: string, text: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[^\w-]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(text);
}
