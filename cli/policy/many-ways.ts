import type { Field } from "../manifests/field.ts";
import { PatternTree } from "./pattern-tree.ts";
import { allowedBy, deniedBy, OPERATIONS, type Entry } from "./rule-entries.ts";

/**
 * So many beginnings of entries may be looked at for one subject: 2 µs (docs/how-to/size-the-proxy.md). A callback of 1 MiB has some
 * 40,000 lines, which would hold up their worker for 80 ms.
 */
const MOST_WAYS = 128;

const LISTS = [
  ["allow", allowedBy],
  ["deny", deniedBy],
] as const;

/** Lists of one kind in which a subject is followed along many ways. */
export interface ManyWays {
  /** `publish.deny`. */
  list: string;
  /** The first entry with a `*` among them. */
  entry: Field;
  subject: string;
  ways: number;
}

/** The `allow` or `deny` lists of all rules together in which some subject is followed along more than MOST_WAYS ways. */
export function manyWays(config: Field): ManyWays[] {
  const rules = config.items("rules");
  return OPERATIONS.flatMap((operation) =>
    LISTS.flatMap(([list, entriesOf]): ManyWays[] => {
      const entries: Entry[] = rules.flatMap((rule) => entriesOf(rule, operation));
      const first = entries.find(({ text }) => text.includes("*"));
      if (first === undefined) return [];
      const { subject, ways } = new PatternTree(entries.map(({ text }) => text)).mostWays();
      return ways > MOST_WAYS ? [{ list: `${operation}.${list}`, entry: first.field, subject, ways }] : [];
    }),
  );
}
