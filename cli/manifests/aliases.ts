import { isAlias, isMap, isScalar, isSeq, type Alias, type Document, type Node } from "yaml";
import { isMergeKey } from "./kubernetes-yaml.ts";

/** What every alias of a document stands for. */
export type AliasTargets = ReadonlyMap<Alias, Node>;

/** An alias, or a merge of one, that cannot be expanded. */
export interface AliasFault {
  offset: number;
  message: string;
  remedy: string;
}

/** How many characters all aliases of a document may expand to: no more than a file may have. */
const MAX_WRITTEN_OUT = 16 << 20;

/** What a value counts besides its characters. Aliases may expand to some 400,000 values, where kubectl's reader stops too. */
const VALUE = 40;

/**
 * Follows the aliases of a document in one walk, where the parser itself searches the whole document for each. A text that grows
 * without limit ("billion laughs") is given up at the alias that exceeds the limit.
 */
export function resolveAliases(document: Document): AliasTargets | AliasFault {
  const targets = new Map<Alias, Node>();
  const anchors = new Map<string, Node>();
  const sizes = new Map<Node, number>();
  let writtenOut = 0;

  function sizeOfAlias(alias: Alias): number {
    const target = anchors.get(alias.source);
    if (!target)
      throw new Unwritable(
        alias,
        `the alias *${alias.source} has no anchor &${alias.source} before it`,
        `write &${alias.source} before the value that you mean, or "*${alias.source}" in quotes if it is a text`,
      );
    const size = sizes.get(target);
    if (size === undefined)
      throw new Unwritable(alias, `the alias *${alias.source} is inside its own anchor`, "write out the value here");
    if ((writtenOut += size) > MAX_WRITTEN_OUT)
      throw new Unwritable(
        alias,
        `the alias *${alias.source} makes the document grow beyond 16 MiB when aliases are expanded`,
        "use the anchor less often, or put fewer aliases into anchors",
      );
    targets.set(alias, target);
    return size;
  }

  function sizeOf(node: unknown): number {
    if (isAlias(node)) return sizeOfAlias(node);
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return 0;
    if (node.anchor !== undefined) anchors.set(node.anchor, node);
    let size = VALUE;
    if (isScalar(node)) size += node.source?.length ?? 0;
    else if (isSeq(node)) for (const item of node.items) size += sizeOf(item);
    else {
      for (const { key, value } of node.items) {
        size += sizeOf(key) + sizeOf(value);
        if (isMergeKey(key) && !isMergeable(value)) {
          const message = "a merge key takes a map, or a list of maps";
          throw new Unwritable(key, message, "write <<: *ANCHOR, where the anchor is on a map");
        }
      }
    }
    if (node.anchor !== undefined) sizes.set(node, size);
    return size;
  }

  function isMergeable(value: unknown): boolean {
    const target = isAlias(value) ? targets.get(value) : value;
    return (
      isMap(target) || (isSeq(value) && value.items.every((item) => isMap(isAlias(item) ? targets.get(item) : item)))
    );
  }

  try {
    sizeOf(document.contents);
    return targets;
  } catch (error) {
    if (error instanceof Unwritable) return error.fault;
    throw error;
  }
}

class Unwritable extends Error {
  readonly fault: AliasFault;

  constructor({ range }: Node, message: string, remedy: string) {
    super(message);
    this.fault = { offset: range?.[0] ?? 0, message, remedy };
  }
}
