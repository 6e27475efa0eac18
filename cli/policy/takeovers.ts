import { getOrMake } from "../get-or-make.ts";
import type { Field } from "../manifests/field.ts";
import { PatternTree } from "./pattern-tree.ts";
import { ALL_NAMES, mayMeet, namesOf, type PeerNames } from "./peer-names.ts";
import { allowedBy, deniedBy, OPERATIONS, type Entry, type Operation } from "./rule-entries.ts";
import { isForEverybody } from "./rule-peers.ts";

/** An entry of a rule's `deny`. */
interface Denial {
  rule: Field;
  deny: Entry;
}

/** An entry of a `deny` that, for all peers of another rule, leaves nothing of what that rule allows. */
export interface Takeover extends Denial {
  isForEverybody: boolean;
  /** Further rules, without which some of the peers would keep it. */
  others: Field[];
  /** The first such entry of an `allow`. */
  from: { rule: Field; allow: Entry };
}

const POSITIVE = ["principals", "namespaces", "serviceAccounts", "trustDomains"];
const NEGATIVE = ["notPrincipals", "notNamespaces", "notServiceAccounts", "notTrustDomains"];

/** What is denied to the same peers, except to some. */
class Denials {
  readonly tree = new PatternTree();
  readonly byText = new Map<string, Denial>();

  constructor(private readonly exceptions: readonly (PeerNames | undefined)[]) {}

  /** Whether this is denied to all of these peers. One whose exceptions cannot be told applies to nobody for certain. */
  appliesTo(peers: PeerNames): boolean {
    return !this.exceptions.some((exception) => exception === undefined || mayMeet(exception, peers));
  }
}

/** What is denied, by the peers to whom it is. */
class DenialsByPeer {
  readonly everybody: Denials[] = [];
  /** By the form of the peers' names, their text, and whom the source leaves out. */
  private readonly groups = new Map<PeerNames["form"], Map<string, Map<string, Denials>>>();
  /** The lengths of the texts above. Names are long, and few of their beginnings are there. */
  private readonly lengths = new Map<PeerNames["form"], Set<number>>();

  constructor(
    rules: readonly Field[],
    operation: Operation,
    private readonly ours: readonly string[],
  ) {
    for (const rule of rules) {
      const denied = deniedBy(rule, operation);
      if (denied.length === 0) continue;
      for (const denials of new Set(this.holding(rule)))
        for (const deny of denied) {
          denials.tree.add(deny.text);
          if (!denials.byText.has(deny.text)) denials.byText.set(deny.text, { rule, deny });
        }
    }
  }

  get isEmpty(): boolean {
    return this.everybody.length + this.groups.size === 0;
  }

  /** The denials that apply to all of these peers. */
  for({ form, text }: PeerNames): Denials[] {
    const found: PeerNames[] = form === "one" ? [{ form, text }] : [];
    for (const length of form === "end" ? [] : (this.lengths.get("beginning") ?? []))
      if (length <= text.length) found.push({ form: "beginning", text: text.slice(0, length) });
    for (const length of form === "beginning" ? [] : (this.lengths.get("end") ?? []))
      if (length <= text.length) found.push({ form: "end", text: text.slice(text.length - length) });
    const denials = found.flatMap((peers) => [...(this.groups.get(peers.form)?.get(peers.text)?.values() ?? [])]);
    return [...this.everybody, ...denials.filter((one) => one.appliesTo({ form, text }))];
  }

  private holding(rule: Field): Denials[] {
    if (isForEverybody(rule)) {
      if (this.everybody.length === 0) this.everybody.push(new Denials([]));
      return this.everybody;
    }
    return rule.items("from").flatMap((source) => {
      const lists = POSITIVE.filter((key) => source.items(key).length > 0);
      const [key] = lists;
      // With two lists it is for fewer than either says.
      if (key === undefined || lists.length > 1) return [];
      const nots = NEGATIVE.flatMap((not) => source.items(not).map((value) => ({ not, value })));
      const exceptions = nots.flatMap(({ not, value }) => namesOf(not, value, this.ours) ?? [undefined]);
      const identity = JSON.stringify(nots.map(({ not, value }) => [not, value.text()]));
      const peers = source
        .items(key)
        .flatMap((value) => namesOf(key, value, this.ours) ?? (value.text() === "*" ? [ALL_NAMES] : []));
      return peers.map((one) => this.group(one, identity, exceptions));
    });
  }

  private group({ form, text }: PeerNames, identity: string, exceptions: readonly (PeerNames | undefined)[]): Denials {
    getOrMake(this.lengths, form, () => new Set()).add(text.length);
    const byText = getOrMake(this.groups, form, () => new Map<string, Map<string, Denials>>());
    const byIdentity = getOrMake(byText, text, () => new Map<string, Denials>());
    return getOrMake(byIdentity, identity, () => new Denials(exceptions));
  }
}

/**
 * The denials that apply to a rule's peers, in parts that are all of them together. Undefined where some of its peers are denied
 * nothing for certain.
 */
function denialsFor(rule: Field, denials: DenialsByPeer, ours: readonly string[]): Denials[][] | undefined {
  const parts: Denials[][] = [];
  for (const source of rule.items("from")) {
    const lists = POSITIVE.map((key) => source.items(key).map((value) => namesOf(key, value, ours)));
    // Each list bounds the source by itself. One will do for which each value is denied something.
    const bounds = lists
      .filter((list) => list.length > 0 && list.every((names) => names !== undefined))
      .map((list) => list.flatMap((names) => names ?? []).map((peers) => denials.for(peers)))
      .find((list) => list.every((one) => one.length > 0));
    if (bounds) parts.push(...bounds);
    else if (denials.everybody.length > 0) parts.push(denials.everybody);
    else return undefined;
  }
  return distinct(parts);
}

/** Most values of a large rule have the same denials. */
function distinct(parts: readonly Denials[][]): Denials[][] {
  const numbers = new Map<Denials, number>();
  const byContent = new Map<string, Denials[]>();
  for (const part of parts) {
    for (const one of part) if (!numbers.has(one)) numbers.set(one, numbers.size);
    byContent.set(part.map((one) => numbers.get(one)).join(), part);
  }
  return [...byContent.values()];
}

/** The first of these that takes an entry whole. */
function taking(denials: readonly Denials[], text: string): Denial | undefined {
  for (const { tree, byText } of denials) {
    const found = tree.takingWhole(text);
    if (found !== undefined) return byText.get(found);
  }
  return undefined;
}

/** One for each part of a rule's peers; none where an entry is left to some of them. */
function takingAll(parts: readonly Denials[][], text: string): Denial[] {
  const found: Denial[] = [];
  for (const part of parts) {
    const denial = taking(part, text);
    if (!denial) return [];
    found.push(denial);
  }
  return found;
}

/**
 * Denies that take what other rules allow, one finding for each. A rule on trial takes nothing, and gives nothing. `ours` are the
 * policy's trust domains.
 */
export function takeovers(config: Field, ours: readonly string[]): Takeover[] {
  const rules = config.items("rules").filter((rule) => rule.text("mode") !== "DRY_RUN");
  return OPERATIONS.flatMap((operation) => {
    const denials = new DenialsByPeer(rules, operation, ours);
    const found = new Map<unknown, Takeover>();
    for (const rule of denials.isEmpty ? [] : rules) {
      const allowed = allowedBy(rule, operation);
      const parts = allowed.length === 0 ? undefined : denialsFor(rule, denials, ours);
      if (!parts) continue;
      const own = new PatternTree(deniedBy(rule, operation).map(({ text }) => text));
      for (const allow of allowed) {
        const [first, ...others] = takingAll(parts, allow.text);
        // Within one rule it is a void entry.
        if (!first || found.has(first.deny.field.node) || own.takingWhole(allow.text) !== undefined) continue;
        found.set(first.deny.field.node, {
          ...first,
          isForEverybody: isForEverybody(first.rule),
          others: [...new Set(others.map((denial) => denial.rule).filter((one) => one.node !== first.rule.node))],
          from: { rule, allow },
        });
      }
    }
    return [...found.values()];
  });
}
