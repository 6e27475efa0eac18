import type { Field } from "../manifests/field.ts";
import { asksJetStream } from "./jetstream-requests.ts";
import { allowedBy } from "./rule-entries.ts";
import { GatheredByPeer, namedBy } from "./rule-peers.ts";

/** An entry that allows requests to JetStream, or the responses of a rule, whose peers may subscribe to nothing. */
export interface Unanswered {
  id: "js-unanswered" | "word-void";
  rule: Field;
  entry: Field;
}

/** What a rule allows that needs a subscription: one entry, for the same subscription mends the other. */
function idleIn(rule: Field): Unanswered | undefined {
  // That a rule has no peers at all is a fault, which the filter itself reports. What DRY_RUN makes void has another finding.
  if (rule.items("from").length === 0 || rule.text("mode") === "DRY_RUN") return undefined;
  const request = allowedBy(rule, "publish").find(({ text }) => asksJetStream(text));
  if (request && rule.text("replies") !== "ANY") return { id: "js-unanswered", rule, entry: request.field };
  const answers = rule.get("allow_responses");
  const isMeant = answers?.isObject === true || (answers?.type === "boolean" && answers.text() === "true");
  return isMeant ? { id: "word-void", rule, entry: answers } : undefined;
}

/**
 * The first entry of each rule that allows requests to JetStream whose answers nobody may receive: a reply subject must be one to
 * which the peer may subscribe, and no rule that could apply to the peer allows any subscription. And responses that nobody may
 * give, because nothing is ever delivered to the peer that it could answer.
 */
export function unanswered(config: Field): Unanswered[] {
  const rules = config.items("rules");
  const idle = rules.flatMap((rule) => idleIn(rule) ?? []);
  if (idle.length === 0) return [];
  const subscribers = new GatheredByPeer(() => ({ areSome: false }));
  for (const rule of rules)
    if (allowedBy(rule, "subscribe").length > 0)
      for (const gathered of subscribers.holding(namedBy(rule))) gathered.areSome = true;
  return idle.filter(({ rule }) => !subscribers.perhaps(namedBy(rule)).some(({ areSome }) => areSome));
}
