/** The subject of an entry, and the queue group after it. */
export function entryParts(entry: string): [subject: string, queue: string | undefined] {
  const [subject = "", queue] = entry.split(/[ \t]+/);
  return [subject, queue];
}

interface PatternNode {
  below: Map<string, PatternNode>;
  /** The entry that ends here, by its queue group; "" for all groups. */
  entries: Map<string, string>;
}

/** Entries by their tokens. Comparing two lists of some thousand entries one by one takes minutes. */
export class PatternTree {
  private readonly root: PatternNode = { below: new Map(), entries: new Map() };

  constructor(entries: readonly string[] = []) {
    for (const entry of entries) this.add(entry);
  }

  add(entry: string): void {
    const [subject, queue = ""] = entryParts(entry);
    let node = this.root;
    for (const token of subject.split(".")) {
      let next = node.below.get(token);
      if (!next) node.below.set(token, (next = { below: new Map(), entries: new Map() }));
      node = next;
    }
    node.entries.set(queue, entry);
  }

  /** The entry that covers this one: `SUBJECT`, or `SUBJECT QUEUE` for that group only. */
  takingWhole(entry: string): string | undefined {
    const [subject, queue = ""] = entryParts(entry);
    const entryOf = (node: PatternNode | undefined): string | undefined =>
      node?.entries.get("") ?? node?.entries.get(queue);
    let nodes = [this.root];
    for (const token of subject.split(".")) {
      for (const node of nodes) {
        const rest = entryOf(node.below.get(">"));
        if (rest !== undefined) return rest;
      }
      if (token === ">") return undefined;
      nodes = nodesBelow(nodes, token);
    }
    return nodes.map(entryOf).find((found) => found !== undefined);
  }

  /**
   * A subject for which a walk through the entries looks at many beginnings of theirs, and at how many: where `*` and a name both
   * go on, it follows both. At each token it has the name that most of them go on with, so another subject may need more. It ends
   * where a `>` would end the walk.
   */
  mostWays(): { subject: string; ways: number } {
    const tokens: string[] = [];
    let ways = 0;
    for (let nodes = [this.root]; nodes.length > 0;) {
      ways += nodes.length;
      if (nodes.some(({ below }) => below.has(">"))) break;
      const token = mostFrequentName(nodes) ?? "any";
      tokens.push(token);
      nodes = nodesBelow(nodes, token);
    }
    return { subject: tokens.join("."), ways };
  }

  /** The entries that some subject of this pattern fits. */
  *meeting(subject: string): Generator<string> {
    let nodes = [this.root];
    for (const token of subject.split(".")) {
      if (token === ">") {
        for (const node of nodes) yield* entriesBelow(node);
        return;
      }
      for (const node of nodes) yield* node.below.get(">")?.entries.values() ?? [];
      nodes =
        token === "*"
          ? nodes.flatMap(({ below }) => [...below].flatMap(([name, next]) => (name === ">" ? [] : next)))
          : nodesBelow(nodes, token);
    }
    for (const { entries } of nodes) yield* entries.values();
  }
}

/** The nodes below these that cover the token: those of `*` and, if it is a name, those of that. */
function nodesBelow(nodes: readonly PatternNode[], token: string): PatternNode[] {
  const covering = token === "*" ? ["*"] : ["*", token];
  return nodes.flatMap(({ below }) => covering.flatMap((one) => below.get(one) ?? []));
}

/** The name that most nodes have below them; none if they have nothing but wildcards. */
function mostFrequentName(nodes: readonly PatternNode[]): string | undefined {
  const counts = new Map<string, number>();
  for (const { below } of nodes) for (const name of below.keys()) counts.set(name, (counts.get(name) ?? 0) + 1);
  counts.delete("*");
  let most: string | undefined;
  for (const [name, count] of counts) if (most === undefined || count > (counts.get(most) ?? 0)) most = name;
  return most;
}

/** Without recursion, because an entry may have any number of tokens. */
function* entriesBelow(top: PatternNode): Generator<string> {
  const nodes = [...top.below.values()];
  for (let node = nodes.pop(); node; node = nodes.pop()) {
    yield* node.entries.values();
    for (const next of node.below.values()) nodes.push(next);
  }
}
