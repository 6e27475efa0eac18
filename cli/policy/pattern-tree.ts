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
      const steps = token === "*" ? ["*"] : ["*", token];
      nodes = nodes.flatMap((node) => steps.flatMap((step) => node.below.get(step) ?? []));
    }
    return nodes.map(entryOf).find((found) => found !== undefined);
  }
}
