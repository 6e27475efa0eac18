import type { Field } from "../manifests/field.ts";
import { entryParts } from "./pattern-tree.ts";
import { patternsByPeer } from "./patterns-by-peer.ts";
import { allowedBy } from "./rule-entries.ts";
import { namedBy } from "./rule-peers.ts";

/** `_INBOX.*`, or the same below a prefix that the clients are given. */
const ONE_TOKEN = /^_INBOX(?:\.[^.*>]+)*\.\*$/;

export interface NarrowInbox {
  rule: Field;
  entry: Field;
  /** What clients subscribe to. */
  shared: string;
}

/**
 * Entries that allow inboxes of one token, to peers who may not subscribe to the one inbox that a client shares among all of its
 * requests: `_INBOX.ID.*` (nats.go `createRespSubscription`, nats.js `MuxSubscription`, and so the libraries in other languages).
 */
export function narrowInboxes(config: Field): NarrowInbox[] {
  const rules = config.items("rules");
  const narrow = rules.flatMap((rule) =>
    allowedBy(rule, "subscribe").flatMap(({ field: entry, text }): NarrowInbox[] => {
      const [subject] = entryParts(text);
      return ONE_TOKEN.test(subject) ? [{ rule, entry, shared: subject.replace(/\*$/, "ID.*") }] : [];
    }),
  );
  if (narrow.length === 0) return [];
  const allowed = patternsByPeer(rules, (rule) => allowedBy(rule, "subscribe"));
  return narrow.filter(
    ({ rule, shared }) => !allowed.perhaps(namedBy(rule)).some((tree) => tree.takingWhole(shared) !== undefined),
  );
}
