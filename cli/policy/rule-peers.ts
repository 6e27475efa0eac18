import { getOrMake } from "../get-or-make.ts";
import type { Field } from "../manifests/field.ts";

/** The sources of all rules of a policy. */
export function sourcesOf(config: Field): Field[] {
  return config.items("rules").flatMap((rule) => rule.items("from"));
}

/**
 * `ns/NAMESPACE/sa/NAME` without its trust domain, which may be any of the policy's own. Other principals stay as they are: with
 * fewer segments a wildcard in front stands for more than a trust domain.
 */
function nameOf(principal: string): string {
  return principal.replace(/^[^/]*\/((?:[^/]*\/){3}[^/]*)$/, "$1");
}

/** Principals without their trust domain, where a rule names nobody else; undefined for a rule that may reach anybody. */
export function namedBy(rule: Field): Set<string> | undefined {
  const names = new Set<string>();
  for (const source of rule.items("from")) {
    const principals = source.items("principals").map((value) => nameOf(value.text() ?? "*"));
    const accounts = source.items("serviceAccounts").map((value) => `ns/${(value.text() ?? "*").replace("/", "/sa/")}`);
    const all = [...principals, ...accounts];
    if (all.length === 0 || all.some((name) => name.includes("*"))) return undefined;
    for (const name of all) names.add(name);
  }
  return names;
}

/**
 * What rules have, gathered by their peers as `namedBy` answers, so that rules need not be compared with each other: among tens of
 * thousands that takes minutes.
 */
export class GatheredByPeer<T> {
  private readonly all: T;
  private readonly anybody: T;
  private readonly byName = new Map<string, T>();

  constructor(private readonly empty: () => T) {
    this.all = empty();
    this.anybody = empty();
  }

  /** Where what these peers' rule has belongs. */
  *holding(named: ReadonlySet<string> | undefined): Generator<T> {
    yield this.all;
    if (named === undefined) yield this.anybody;
    for (const name of named ?? []) yield getOrMake(this.byName, name, this.empty);
  }

  /** What all rules have together that may share a peer with a rule of these. */
  perhaps(named: ReadonlySet<string> | undefined): T[] {
    if (named === undefined) return [this.all];
    return [this.anybody, ...[...named].flatMap((name) => this.byName.get(name) ?? [])];
  }
}

/** Whether a source of the rule is every authenticated peer. */
export function isForEverybody(rule: Field): boolean {
  return rule.items("from").some((source) => {
    const keys = source.members().map(([key]) => key);
    return keys.join() === "principals" && source.items("principals").some((value) => value.text() === "*");
  });
}

/** A rule, and for whom it is. */
export interface RuleAndPeers {
  rule: Field;
  /** As `namedBy` answers. */
  named: ReadonlySet<string> | undefined;
  isForEverybody: boolean;
}

export function withPeers(rule: Field): RuleAndPeers {
  return { rule, named: namedBy(rule), isForEverybody: isForEverybody(rule) };
}

/** Rules, to be found by those with which they share a peer for certain. */
export class RulesSharingAPeer<T extends { rule: Field }> {
  private readonly forEverybody: T[];
  private readonly byName = new Map<unknown, T[]>();

  constructor(private readonly all: readonly T[]) {
    this.forEverybody = all.filter(({ rule }) => isForEverybody(rule));
    for (const one of all) for (const key of keysOf(one.rule)) getOrMake(this.byName, key, () => []).push(one);
  }

  with(rule: Field): T[] {
    if (isForEverybody(rule)) return [...this.all];
    return [...new Set([...this.forEverybody, ...keysOf(rule).flatMap((key) => this.byName.get(key) ?? [])])];
  }
}

/** What two rules with the same peer have in common: a name, or that they are one rule. */
function keysOf(rule: Field): unknown[] {
  return [rule.node, ...(namedBy(rule) ?? [])];
}
