import { isCollection, isMap, isNode, type Node, type Pair, type YAMLMap, type YAMLSeq } from "yaml";

/** What is called for the parts of a document, in the order of its text. Either one ends the walk by answering true. */
export interface Walker {
  /** Before its key and its value. */
  pair?(pair: Pair, map: YAMLMap): boolean;
  /** Before what is in it. `around` is the innermost map or list that it is in. */
  node(node: Node, isKey: boolean, around: YAMLMap | YAMLSeq | undefined): boolean;
}

/** Walks through all nodes below one. The parser's own `visit` makes a list of all that is above each of them. */
export function walk(top: unknown, walker: Walker, isKey = false, around?: YAMLMap | YAMLSeq): boolean {
  if (!isNode(top)) return false;
  if (walker.node(top, isKey, around)) return true;
  if (!isCollection(top)) return false;
  if (!isMap(top)) return top.items.some((item) => walk(item, walker, false, top));
  return top.items.some(
    (pair) =>
      walker.pair?.(pair, top) === true || walk(pair.key, walker, true, top) || walk(pair.value, walker, false, top),
  );
}
