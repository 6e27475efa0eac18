import type { Field } from "../manifests/field.ts";
import { isOwnTrustDomain } from "./trust-domains.ts";

/** A value of a source that lets it match nobody. */
export interface Contradiction {
  value: Field;
  message: string;
}

/** A workload, as `NAMESPACE/NAME`, or all of a namespace. */
type Name = string;

/** Names of a list's values. Without a name are those that may mean anybody, as far as this looks: wildcards, other URIs. */
interface List {
  key: string;
  values: { value: Field; name: Name | undefined }[];
  names: Set<Name>;
  hasOthers: boolean;
}

const PRINCIPAL = /^([^/*]+)\/ns\/([^/*]+)\/sa\/([^/*]+)$/;

/** What Istio's expression for a namespace also finds elsewhere in a URI (assembly/policy/source-patterns.ts). */
const AMBIGUOUS = ["ns", "sa"];

function nameOf(key: string, text: string, ours: readonly string[]): Name | undefined {
  // Capitals are a slip that is told by itself (misread.ts).
  if (text !== text.toLowerCase()) return undefined;
  if (/principals/i.test(key)) {
    const [, trustDomain = "", namespace = "", account = ""] = PRINCIPAL.exec(text) ?? [];
    // One of ours matches in all of ours; what is of another has a check of its own.
    return isOwnTrustDomain(trustDomain, ours) ? `${namespace}/${account}` : undefined;
  }
  return text.includes("*") || AMBIGUOUS.includes(text) ? undefined : text;
}

function listOf(source: Field, key: string, ours: readonly string[]): List {
  const values = source.items(key).map((value) => ({ value, name: nameOf(key, value.text() ?? "*", ours) }));
  const names = new Set(values.flatMap(({ name }) => name ?? []));
  return { key, values, names, hasOthers: values.some(({ name }) => name === undefined) };
}

/** Whether the list has this name, or the namespace of this workload. */
function has({ names }: List, name: Name): boolean {
  return names.has(name) || names.has(name.split("/")[0] ?? "");
}

/** Whether the list, which must match as well, leaves out whom the name means. A list of workloads only narrows a namespace. */
function misses(list: List, name: Name): boolean {
  if (list.values.length === 0 || list.hasOthers) return false;
  return (name.includes("/") || list.key === "namespaces") && !has(list, name);
}

/**
 * The values of a source that can match nobody. All keys of a source must match: `principals` of one namespace beside
 * `namespaces` with another, say, were meant as alternatives. `ours` are the policy's trust domains.
 */
export function contradictions(source: Field, ours: readonly string[]): Contradiction[] {
  const everybody = source.items("notPrincipals").find((value) => value.text() === "*");
  if (everybody) return [{ value: everybody, message: "notPrincipals with * leaves everybody out of this source" }];
  const keys = ["principals", "serviceAccounts", "namespaces"];
  const lists = keys.map((key) => listOf(source, key, ours));
  const nots = ["notPrincipals", "notServiceAccounts", "notNamespaces"].map((key) => listOf(source, key, ours));
  return lists.flatMap((own) =>
    own.values.flatMap(({ value, name }) => {
      if (name === undefined) return [];
      const other = lists.find((list) => list !== own && misses(list, name)) ?? nots.find((list) => has(list, name));
      return other ? [{ value, message: `${name} matches nobody: ${other.key} of the same source leaves it out` }] : [];
    }),
  );
}
