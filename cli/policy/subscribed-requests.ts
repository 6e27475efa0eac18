import type { Field } from "../manifests/field.ts";
import { publishedToJetStream } from "./jetstream-requests.ts";
import { entryParts, PatternTree } from "./pattern-tree.ts";
import { allowedBy, deniedBy } from "./rule-entries.ts";
import { GatheredByPeer, namedBy } from "./rule-peers.ts";

export interface SubscribedRequests {
  rule: Field;
  entry: Field;
}

/** The first entry of each rule that lets its peers subscribe to what clients of JetStream publish, such as `$JS.API.>`. */
export function subscribedRequests(config: Field): SubscribedRequests[] {
  const rules = config.items("rules");
  const denied = new GatheredByPeer(() => new PatternTree());
  for (const rule of rules)
    for (const gathered of denied.holding(namedBy(rule)))
      for (const { text } of deniedBy(rule, "subscribe")) gathered.add(text);
  return rules.flatMap((rule) => {
    if (rule.text("mode") === "DRY_RUN") return [];
    // Denies of rules that may be for other peers are taken to apply to these, so that there is no false warning.
    const ofPeers = denied.perhaps(namedBy(rule));
    const isOpen = (pattern: string): boolean => ofPeers.every((tree) => tree.takingWhole(pattern) === undefined);
    const found = allowedBy(rule, "subscribe").find(({ text }) => {
      const [subject] = entryParts(text);
      return publishedToJetStream(subject).some(isOpen);
    });
    return found === undefined ? [] : [{ rule, entry: found.field }];
  });
}
