import type { Field } from "../manifests/field.ts";
import { entryParts } from "./pattern-tree.ts";
import { allowedBy } from "./rule-entries.ts";

/** What nats-server publishes below `$JS.`, with a domain or without: advisories and metrics. Clients publish all else there. */
const OF_SERVER = /^\$JS\.(?:[^.]+\.)?EVENT\./;

export interface SubscribedRequests {
  rule: Field;
  entry: Field;
}

/** The first entry of each rule that lets its peers subscribe to what clients of JetStream publish, such as `$JS.API.>`. */
export function subscribedRequests(config: Field): SubscribedRequests[] {
  return config.items("rules").flatMap((rule) => {
    const found = allowedBy(rule, "subscribe").find(({ text }) => {
      const [subject] = entryParts(text);
      return subject.startsWith("$JS.") && !OF_SERVER.test(subject);
    });
    return found === undefined ? [] : [{ rule, entry: found.field }];
  });
}
