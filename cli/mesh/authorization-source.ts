import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import { conditionsOn, someSource } from "./authorization-when.ts";
import type { ServiceAccount } from "./workload.ts";

/** The policy that a rule belongs to, the port that is connected to, and how principals name the mesh's workloads. */
export interface RuleOf {
  policy: Resource;
  port: number;
  /** The trust domains that stand for the mesh's own; undefined if they are not known, so that each may be one. */
  trustDomains: ReadonlySet<string> | undefined;
}

/** Whether a rule applies to this service account; `otherwise` if that cannot be told. */
export function isAbout(account: ServiceAccount, rule: Field, ruleOf: RuleOf, otherwise: boolean): boolean {
  const { port } = ruleOf;
  if (conditionsOn(port, rule).length > 0) return otherwise;
  return someSource(port, rule, ([key, values]) => {
    const kind = key.replace(/^not./, (letters) => letters.slice(3).toLowerCase());
    const matches = SOURCES.get(kind);
    if (!matches) return otherwise;
    const some = values.items().some((value) => matches(value.text() ?? "", account, ruleOf));
    return key === kind ? some : !some;
  });
}

type SourceTest = (value: string, account: ServiceAccount, ruleOf: RuleOf) => boolean;

const SOURCES: ReadonlyMap<string, SourceTest> = new Map<string, SourceTest>([
  ["principals", isPrincipal],
  ["namespaces", (value, { namespace }) => globMatches(value, namespace)],
  [
    "serviceAccounts",
    (value, { namespace, name }, { policy }) =>
      (value.includes("/") ? value : `${policy.namespace}/${value}`) === `${namespace}/${name}`,
  ],
]);

/** Istio's reading of a principal (security/pkg, StringMatcherWithPrefix). */
function isPrincipal(value: string, { namespace, name }: ServiceAccount, { trustDomains }: RuleOf): boolean {
  const path = `/ns/${namespace}/sa/${name}`;
  if (value.startsWith("*") && path.endsWith(value.slice(1))) return true;
  const slash = value.indexOf("/");
  const [trustDomain, rest] = slash < 0 ? ["*", ""] : [value.slice(0, slash), value.slice(slash)];
  if (trustDomains && !trustDomain.includes("*") && !trustDomains.has(trustDomain)) return false;
  return value.endsWith("*") ? path.startsWith(rest.slice(0, -1)) : rest === path;
}

/** `*` anywhere stands for any characters. Not a regular expression, because one with many `.*` takes for ever. */
function globMatches(pattern: string, text: string): boolean {
  const [first = "", ...others] = pattern.split("*");
  const last = others.pop();
  if (last === undefined) return pattern === text;
  let at = text.startsWith(first) ? first.length : -1;
  for (const part of others) {
    const found = at < 0 ? -1 : text.indexOf(part, at);
    at = found < 0 ? -1 : found + part.length;
  }
  return at >= 0 && text.length - last.length >= at && text.endsWith(last);
}
