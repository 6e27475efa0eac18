import { isMap, isScalar, type Document, type Pair } from "yaml";
import { isMergeKey } from "./kubernetes-yaml.ts";
import { isNull, MAX_FAULTS, type TextFault } from "./unlike-kubernetes.ts";
import { walk } from "./walk.ts";

/** Where a second object begins, as in `cat a.yaml b.yaml`. All its keys repeat, so this one stands for them. */
function unseparated({ contents }: Document): TextFault | undefined {
  const keys = isMap(contents) ? contents.items.map(({ key }) => key).filter((key) => isScalar(key)) : [];
  const [, kind] = keys.filter(({ value }) => value === "kind");
  const [, again] = keys.filter(({ value }) => value === "apiVersion");
  const first = [again, kind].map((key) => key?.range?.[0] ?? Infinity).sort((a, b) => a - b)[0];
  if (!again || !kind || first === undefined) return undefined;
  const message = "a second object begins here, without a line --- before it";
  return { message, offset: first, remedy: "write a line --- between the two" };
}

/** For a key that repeats: it may belong below the one `before` it, if that has nothing else below it. */
function remedyOfRepeated(before: Pair | undefined): string {
  const isEmpty = before !== undefined && isScalar(before.key) && (before.value === null || isNull(before.value));
  return isEmpty
    ? `indent this line further if it belongs to ${String(before.key)}, which is empty here; otherwise write the key once`
    : "write the key once, with all that belongs to it";
}

/** Repeated keys of a map. Merge keys may repeat. */
export function repeatedKeys(document: Document): TextFault[] {
  const second = unseparated(document);
  if (second) return [second];
  const faults: TextFault[] = [];
  walk(document.contents, {
    node: (map) => {
      if (!isMap(map)) return false;
      const seen = new Set<unknown>();
      for (const [index, { key }] of map.items.entries()) {
        if (!isScalar(key) || isMergeKey(key) || isNull(key)) continue;
        const name = String(key.value);
        if (seen.has(name)) {
          const message = `the key "${name}" is already in this map`;
          faults.push({ message, offset: key.range?.[0] ?? 0, remedy: remedyOfRepeated(map.items[index - 1]) });
        }
        seen.add(name);
      }
      return faults.length >= MAX_FAULTS;
    },
  });
  return faults;
}
