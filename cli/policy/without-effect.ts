import type { Field } from "../manifests/field.ts";

/** What Istio takes for whatever the mesh is called, in a principal of five segments (docs/policy.md, `rules[].from[]`). */
const CLUSTER_LOCAL = /^cluster\.local(?:\/[^/]*){4}$/;

/** The trust domain that a principal names; undefined for a wildcard, and for a URI that is no SPIFFE ID. */
const TRUST_DOMAIN = /^([^*/:]+)\//;

/** A value of a source that can match no peer. */
export interface ForeignValue {
  value: Field;
  trustDomain: string;
}

/** Values of sources whose trust domain is none of the policy's, `ours`: its peers are not authenticated. */
export function foreignValues(config: Field, ours: readonly string[]): ForeignValue[] {
  if (ours.length === 0) return [];
  const sources = config.items("rules").flatMap((rule) => rule.items("from"));
  return sources.flatMap((source) => {
    const principals = [...source.items("principals"), ...source.items("notPrincipals")].flatMap((value) => {
      const text = value.text() ?? "";
      const trustDomain = CLUSTER_LOCAL.test(text) ? undefined : TRUST_DOMAIN.exec(text)?.[1];
      return trustDomain === undefined ? [] : [{ value, trustDomain }];
    });
    const domains = [...source.items("trustDomains"), ...source.items("notTrustDomains")].flatMap((value) => {
      const trustDomain = value.text() ?? "*";
      return trustDomain.includes("*") ? [] : [{ value, trustDomain }];
    });
    return [...principals, ...domains].filter(({ trustDomain }) => !ours.includes(trustDomain));
  });
}

/** An entry of an `allow` that the same rule denies whole. */
export interface VoidEntry {
  allow: Field;
  deny: string;
}

/** The entries of a rule's `allow` lists that its `deny` lists take whole. */
export function voidEntries(rule: Field): VoidEntry[] {
  return ["publish", "subscribe"].flatMap((operation) => {
    const denied = new DenyTree(rule.items(operation, "deny").flatMap((entry) => entry.text() ?? []));
    const allow = rule.get(operation, "allow");
    const entries = allow?.text() === "ALL" ? [allow] : (allow?.items() ?? []);
    return entries.flatMap((entry) => {
      const deny = denied.takingWhole(entry === allow ? ">" : (entry.text() ?? ""));
      return deny === undefined ? [] : [{ allow: entry, deny }];
    });
  });
}

/** The subject of an entry, and the queue group behind it. */
export function entryParts(entry: string): [subject: string, queue: string | undefined] {
  const [subject = "", queue] = entry.split(/[ \t]+/);
  return [subject, queue];
}

interface DenyNode {
  below: Map<string, DenyNode>;
  /** The entry that ends here, by its queue group; "" for all groups. */
  entries: Map<string, string>;
}

/** Deny entries by their tokens: held against each other one by one, some thousand of both lists take minutes. */
class DenyTree {
  private readonly root: DenyNode = { below: new Map(), entries: new Map() };

  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      const [subject, queue = ""] = entryParts(entry);
      let node = this.root;
      for (const token of subject.split(".")) {
        let next = node.below.get(token);
        if (!next) node.below.set(token, (next = { below: new Map(), entries: new Map() }));
        node = next;
      }
      node.entries.set(queue, entry);
    }
  }

  /** The entry that takes all that this one does: `SUBJECT`, or `SUBJECT QUEUE` of that group alone. */
  takingWhole(entry: string): string | undefined {
    const [subject, queue = ""] = entryParts(entry);
    const entryOf = (node: DenyNode | undefined): string | undefined =>
      node?.entries.get("") ?? node?.entries.get(queue);
    let nodes = [this.root];
    for (const token of subject.split(".")) {
      for (const node of nodes) {
        const rest = entryOf(node.below.get(">"));
        if (rest !== undefined) return rest;
      }
      if (token === ">") return undefined;
      const steps = token === "*" ? ["*"] : ["*", token];
      nodes = nodes.flatMap((node) => steps.flatMap((step) => node.below.get(step) ?? []));
    }
    return nodes.map(entryOf).find((found) => found !== undefined);
  }
}
