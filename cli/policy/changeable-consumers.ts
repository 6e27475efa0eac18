import { getOrMake } from "../get-or-make.ts";
import type { Field } from "../manifests/field.ts";
import { CREATE_CONSUMER } from "./jetstream-requests.ts";
import { intersection } from "./pattern-overlap.ts";
import { patternsByPeer } from "./patterns-by-peer.ts";
import { allowedBy, deniedBy } from "./rule-entries.ts";
import { withPeers, type RuleAndPeers } from "./rule-peers.ts";

/** An entry by which a rule's peers may create consumers of any name, and the first consumer of others that they may change by it. */
export interface ChangeableConsumer {
  rule: Field;
  entry: Field;
  stream: string;
  consumer: string;
  /** What to deny, so that it stays as it is. */
  toDeny: string[];
}

/** With any consumer's name, of one stream. Who may create those of all streams is taken for an operator. */
const CREATE_ANY = /^\$JS\.API\.CONSUMER\.CREATE\.([^.*>]+)\.(?:>|\*(?:\..+)?)$/;

/** What reads from a consumer, by its stream and its name. */
const READS = /^\$JS\.(?:API\.CONSUMER\.MSG\.NEXT|ACK)\.([^.*>]+)\.([^.*>]+)(?:\.|$)/;

/** Consumers of a stream that are looked at, since each such entry is compared with each of them. */
const MOST_CONSUMERS = 20;

/** The rules that read from each consumer that some rule names, by stream and by name. */
function readersIn(rules: readonly RuleAndPeers[]): Map<string, Map<string, RuleAndPeers[]>> {
  const readers = new Map<string, Map<string, RuleAndPeers[]>>();
  for (const one of rules)
    for (const { text } of allowedBy(one.rule, "publish")) {
      const [, stream, consumer] = READS.exec(text) ?? [];
      if (stream === undefined || consumer === undefined) continue;
      const ofStream = getOrMake(readers, stream, () => new Map<string, RuleAndPeers[]>());
      if (ofStream.has(consumer) || ofStream.size < MOST_CONSUMERS) getOrMake(ofStream, consumer, () => []).push(one);
    }
  return readers;
}

/** Whether one rule is for all peers of another for certain. */
function isForAllOf(one: RuleAndPeers, { rule, named }: RuleAndPeers): boolean {
  if (one.rule.node === rule.node || one.isForEverybody) return true;
  return named !== undefined && [...named].every((name) => one.named?.has(name) === true);
}

/**
 * Entries with `*` or `>` for a consumer's name, where other peers read from one whose name the policy has. To nats-server a request to
 * create a consumer that is there is one to change it, with any filter (`server/consumer.go`, `addConsumerWithAssignment`).
 */
export function changeableConsumers(config: Field): ChangeableConsumer[] {
  const rules = config.items("rules");
  const peers = rules.map(withPeers);
  const creating = peers.flatMap((own) => {
    if (own.rule.text("mode") === "DRY_RUN") return [];
    return allowedBy(own.rule, "publish").flatMap(({ field: entry, text }) => {
      const [, stream] = CREATE_ANY.exec(text) ?? [];
      return stream === undefined ? [] : [{ own, entry, text, stream }];
    });
  });
  if (creating.length === 0) return [];
  const readers = readersIn(peers);
  const denied = patternsByPeer(rules, (rule) => deniedBy(rule, "publish"));
  return creating.flatMap(({ own, entry, text, stream }): ChangeableConsumer[] => {
    // Denies of rules that may be for other peers are taken to apply to these, so that there is no false warning.
    const trees = denied.perhaps(own.named);
    const isDenied = (subject: string): boolean => trees.some((tree) => tree.takingWhole(subject) !== undefined);
    for (const [consumer, reading] of readers.get(stream) ?? []) {
      if (reading.some((other) => isForAllOf(other, own))) continue;
      const forms = [`${CREATE_CONSUMER}.${stream}.${consumer}`, `${CREATE_CONSUMER}.${stream}.${consumer}.>`];
      const allowed = forms.flatMap((form) => {
        const both = intersection(form, text);
        return both === undefined ? [] : [{ form, both }];
      });
      if (!allowed.every(({ both }) => isDenied(both)))
        return [{ rule: own.rule, entry, stream, consumer, toDeny: allowed.map(({ form }) => form) }];
    }
    return [];
  });
}
