import type { Field } from "../manifests/field.ts";
import { publishedToJetStream } from "./jetstream-requests.ts";
import { entryParts } from "./pattern-tree.ts";
import { patternsByPeer } from "./patterns-by-peer.ts";
import { allowedBy, deniedBy } from "./rule-entries.ts";
import { namedBy } from "./rule-peers.ts";

export interface SubscribedRequests {
  rule: Field;
  entry: Field;
}

/** The first entry of each rule that lets its peers subscribe to what clients of JetStream publish, such as `$JS.API.>`. */
export function subscribedRequests(config: Field): SubscribedRequests[] {
  const rules = config.items("rules");
  const subscribed = rules.flatMap((rule) => {
    if (rule.text("mode") === "DRY_RUN") return [];
    return allowedBy(rule, "subscribe").flatMap(({ field: entry, text }) => {
      const patterns = publishedToJetStream(entryParts(text)[0]);
      return patterns.length > 0 ? [{ rule, entry, patterns }] : [];
    });
  });
  if (subscribed.length === 0) return [];
  const denied = patternsByPeer(rules, (rule) => deniedBy(rule, "subscribe"));
  const open = subscribed.filter(({ rule, patterns }) => {
    // Denies of rules that may be for other peers are taken to apply to these, so that there is no false warning.
    const ofPeers = denied.perhaps(namedBy(rule));
    return patterns.some((pattern) => ofPeers.every((tree) => tree.takingWhole(pattern) === undefined));
  });
  return open.filter(({ rule }, i) => rule !== open[i - 1]?.rule);
}
