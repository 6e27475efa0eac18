import type { Field } from "../manifests/field.ts";
import { PatternTree } from "./pattern-tree.ts";
import type { Entry } from "./rule-entries.ts";
import { GatheredByPeer, namedBy } from "./rule-peers.ts";

/** The patterns of these entries of all rules, by the peers that they are for. */
export function patternsByPeer(
  rules: readonly Field[],
  entriesOf: (rule: Field) => readonly Entry[],
): GatheredByPeer<PatternTree> {
  const gathered = new GatheredByPeer(() => new PatternTree());
  for (const rule of rules)
    for (const tree of gathered.holding(namedBy(rule))) for (const { text } of entriesOf(rule)) tree.add(text);
  return gathered;
}
