import type { Field } from "../manifests/field.ts";
import { AMBIGUOUS_NAMESPACES } from "./peer-names.ts";
import { isOwnTrustDomain } from "./trust-domains.ts";

/** A value of a source that makes it match nobody. */
export interface Contradiction {
  value: Field;
  message: string;
}

/** A workload, as `NAMESPACE/NAME`, or all of a namespace. */
type Name = string;

/** The names of a list's values. Values that may mean anybody, such as wildcards and other URIs, have no name here. */
interface List {
  key: string;
  values: { value: Field; name: Name | undefined }[];
  names: Set<Name>;
  hasOthers: boolean;
}

const PRINCIPAL = /^([^/*]+)\/ns\/([^/*]+)\/sa\/([^/*]+)$/;

function nameOf(key: string, text: string, ours: readonly string[]): Name | undefined {
  // Capitals are a slip that has a finding of its own (misread-names.ts).
  if (text !== text.toLowerCase()) return undefined;
  if (/principals/i.test(key)) {
    const [, trustDomain = "", namespace = "", account = ""] = PRINCIPAL.exec(text) ?? [];
    // A principal of one of our trust domains matches in all of them; one of another trust domain has a check of its own.
    return isOwnTrustDomain(trustDomain, ours) ? `${namespace}/${account}` : undefined;
  }
  // The filter refuses one without its namespace.
  if (/serviceAccounts/i.test(key) && !text.includes("/")) return undefined;
  return text.includes("*") || AMBIGUOUS_NAMESPACES.includes(text) ? undefined : text;
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

/** Whether the list, which must match as well, excludes the peers of this name. A list of workloads only narrows a namespace. */
function misses(list: List, name: Name): boolean {
  if (list.values.length === 0 || list.hasOthers) return false;
  return (name.includes("/") || list.key === "namespaces") && !has(list, name);
}

/**
 * The values of a source that can match nobody. All keys of a source must match, but `principals` of one namespace beside
 * `namespaces` with another, for example, were meant as alternatives. `ours` are the policy's trust domains.
 */
export function contradictions(source: Field, ours: readonly string[]): Contradiction[] {
  const everybody = source.items("notPrincipals").find((value) => value.text() === "*");
  if (everybody) return [{ value: everybody, message: "notPrincipals with * excludes everybody from this source" }];
  // One key by itself has nothing to contradict.
  if (source.members().length < 2) return [];
  const keys = ["principals", "serviceAccounts", "namespaces"];
  const lists = keys.map((key) => listOf(source, key, ours));
  const nots = ["notPrincipals", "notServiceAccounts", "notNamespaces"].map((key) => listOf(source, key, ours));
  return lists.flatMap((own) =>
    own.values.flatMap(({ value, name }) => {
      if (name === undefined) return [];
      const other = lists.find((list) => list !== own && misses(list, name)) ?? nots.find((list) => has(list, name));
      return other ? [{ value, message: `${name} matches nobody: ${other.key} in the same source excludes it` }] : [];
    }),
  );
}
