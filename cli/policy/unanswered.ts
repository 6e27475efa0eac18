import type { Field } from "../manifests/field.ts";
import { namedBy } from "./rule-peers.ts";

const PULL = "$JS.API.CONSUMER.MSG.NEXT.";

function mayShareAPeer(one: Set<string> | undefined, other: Set<string> | undefined): boolean {
  return one === undefined || other === undefined || [...one].some((name) => other.has(name));
}

function allowsSubscribing(rule: Field): boolean {
  const allow = rule.get("subscribe", "allow");
  return allow?.text() === "ALL" || (allow?.items() ?? []).length > 0;
}

/**
 * The first entry of each rule that allows pulls whose answers nobody may receive: a reply subject must be one to which the peer
 * may subscribe, and no rule that could apply to the peer allows any subscription.
 */
export function unansweredPulls(config: Field): { rule: Field; entry: Field }[] {
  const rules = config.items("rules");
  const pulls = rules.flatMap((rule) => {
    const entry = rule.items("publish", "allow").find((allow) => allow.text()?.startsWith(PULL) === true);
    return entry && rule.text("replies") !== "ANY" ? [{ rule, entry }] : [];
  });
  if (pulls.length === 0) return [];
  const subscribers = rules.filter(allowsSubscribing).map(namedBy);
  return pulls.filter(({ rule }) => {
    const own = namedBy(rule);
    return !subscribers.some((names) => mayShareAPeer(own, names));
  });
}
