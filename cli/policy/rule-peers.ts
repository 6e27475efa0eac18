import type { Field } from "../manifests/field.ts";

/** Principals without their trust domain, where a rule names nobody else; undefined for a rule that may reach anybody. */
export function namedBy(rule: Field): Set<string> | undefined {
  const names = new Set<string>();
  for (const source of rule.items("from")) {
    const principals = source.items("principals").map((value) => (value.text() ?? "*").replace(/^[^/]*\//, ""));
    const accounts = source.items("serviceAccounts").map((value) => `ns/${(value.text() ?? "*").replace("/", "/sa/")}`);
    const all = [...principals, ...accounts];
    if (all.length === 0 || all.some((name) => name.includes("*"))) return undefined;
    for (const name of all) names.add(name);
  }
  return names;
}

/** Whether some peer may have both of two rules, by what `namedBy` answers for each. */
export function mayShareAPeer(one: Set<string> | undefined, other: Set<string> | undefined): boolean {
  return one === undefined || other === undefined || [...one].some((name) => other.has(name));
}

/** Whether a source of the rule is every authenticated peer. */
export function isForEverybody(rule: Field): boolean {
  return rule.items("from").some((source) => {
    const keys = source.members().map(([key]) => key);
    return keys.join() === "principals" && source.items("principals").some((value) => value.text() === "*");
  });
}

/** Whether some peer has both rules, for certain. */
export function shareAPeer(one: Field, other: Field): boolean {
  if (one.node === other.node || isForEverybody(one) || isForEverybody(other)) return true;
  const names = namedBy(other);
  return names !== undefined && [...(namedBy(one) ?? [])].some((name) => names.has(name));
}
