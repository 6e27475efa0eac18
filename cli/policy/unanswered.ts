import type { Field } from "../manifests/field.ts";
import { allowedBy } from "./rule-entries.ts";
import { mayShareAPeer, namedBy } from "./rule-peers.ts";

const PULL = "$JS.API.CONSUMER.MSG.NEXT.";

/**
 * The first entry of each rule that allows pulls whose answers nobody may receive: a reply subject must be one to which the peer
 * may subscribe, and no rule that could apply to the peer allows any subscription.
 */
export function unansweredPulls(config: Field): { rule: Field; entry: Field }[] {
  const rules = config.items("rules");
  const pulls = rules.flatMap((rule) => {
    const pull = allowedBy(rule, "publish").find(({ text }) => text.startsWith(PULL));
    return pull && rule.text("replies") !== "ANY" ? [{ rule, entry: pull.field }] : [];
  });
  if (pulls.length === 0) return [];
  const subscribers = rules.filter((rule) => allowedBy(rule, "subscribe").length > 0).map(namedBy);
  return pulls.filter(({ rule }) => {
    const own = namedBy(rule);
    return !subscribers.some((names) => mayShareAPeer(own, names));
  });
}
