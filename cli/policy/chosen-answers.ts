import { getOrMake } from "../get-or-make.ts";
import type { Field } from "../manifests/field.ts";
import { intersection } from "./pattern-overlap.ts";
import { entryParts, PatternTree } from "./pattern-tree.ts";
import { allowedBy, deniedBy } from "./rule-entries.ts";
import { withPeers, type RuleAndPeers } from "./rule-peers.ts";

/** A rule that reads where its peers may not publish, but can have answers published, since `replies: OWN` asks for no more. */
export interface ChosenAnswers {
  rule: Field;
  /** The entry of `subscribe.allow`. */
  entry: Field;
  /** Some subjects that are denied them for publishing; undefined where they read everything and may publish little. */
  denied: string[] | undefined;
}

/** `>`, `*.>` and the like. */
const EVERYTHING = /^(?:\*\.)*>$/;

/**
 * Where no reply subject may be (docs/reference/policy.md, `replies`), and inboxes: nearly every policy lets its peers read a shared one,
 * so a warning about these would tell nothing.
 */
const RESERVED = /^(?:\$JS|_R_|_INBOX)\./;

/** What some rules together allow and deny. */
class Rights {
  writesAll = false;
  /** Whether somebody may answer what is published, with a reply subject that must be the peer's own. */
  areAnswered = false;
  /** There are as many of these as peers, and few that are denied something. */
  unwritten: PatternTree | undefined;
  unread: PatternTree | undefined;
  /** What is denied for publishing, and not to the same peers for subscribing too. */
  readable: PatternTree | undefined;
}

/** The rights of a policy's rules by their peers, so that every rule need not be compared with every other. */
class RightsByPeer {
  private readonly all = new Rights();
  private readonly everybody = new Rights();
  private readonly anybody = new Rights();
  private readonly byName = new Map<unknown, Rights>();

  constructor(rules: readonly RuleAndPeers[]) {
    for (const one of rules) {
      const [unwritten, unread] = [deniedBy(one.rule, "publish"), deniedBy(one.rule, "subscribe")];
      if (unwritten.length + unread.length === 0) continue;
      for (const rights of this.holding(one)) {
        for (const { text } of unwritten) (rights.unwritten ??= new PatternTree()).add(text);
        for (const { text } of unread) (rights.unread ??= new PatternTree()).add(text);
      }
    }
    for (const one of rules) {
      const { rule } = one;
      const writes = allowedBy(rule, "publish").map(({ text }) => text);
      const writesAll = writes.some((subject) => EVERYTHING.test(subject));
      const isAnswered = rule.text("replies") !== "ANY" && writes.some((subject) => this.isAnswered(one, subject));
      const readable = deniedBy(rule, "publish").filter(
        ({ text }) => !this.surely(one).some(({ unread }) => unread?.takingWhole(text) !== undefined),
      );
      if (!writesAll && !isAnswered && readable.length === 0) continue;
      for (const rights of this.holding(one)) {
        for (const { text } of readable) (rights.readable ??= new PatternTree()).add(text);
        rights.writesAll ||= writesAll;
        rights.areAnswered ||= isAnswered;
      }
    }
  }

  /** Of the rules that share a peer with this one for certain. */
  surely(one: RuleAndPeers): Rights[] {
    return one.isForEverybody ? [this.all] : [this.everybody, ...this.named(one)];
  }

  /** Of the rules that may share one. */
  perhaps(one: RuleAndPeers): Rights[] {
    return one.named === undefined ? [this.all] : [this.anybody, ...this.named(one)];
  }

  private isAnswered(one: RuleAndPeers, subject: string): boolean {
    // An answer itself is not answered.
    if (subject.startsWith("_INBOX.")) return false;
    return !this.perhaps(one).some(({ unwritten }) => unwritten?.takingWhole(subject) !== undefined);
  }

  private holding(one: RuleAndPeers): Rights[] {
    const others = one.isForEverybody ? [this.everybody] : this.named(one);
    return [this.all, ...(one.named === undefined ? [this.anybody] : []), ...others];
  }

  /** Of each name in the rule; of the rule itself if it has none. */
  private named({ rule, named }: RuleAndPeers): Rights[] {
    return [...(named ?? [rule.node])].map((name) => getOrMake(this.byName, name, () => new Rights()));
  }
}

/** The entries by which a rule's peers may receive a reply, which is not for a queue group (assembly/policy/permissions.ts). */
function readsOf(rule: Field): { entry: Field; subject: string }[] {
  return allowedBy(rule, "subscribe").flatMap(({ field, text }) => {
    const [subject, queue] = entryParts(text);
    return subject === "" || queue !== undefined ? [] : [{ entry: field, subject }];
  });
}

/** Those that are named in a finding; there may be thousands. */
const SHOWN = 3;

/** What is denied the peers of a rule for publishing, and may answer them all the same where they may read `subject`. */
function deniedWithin(subject: string, own: readonly Rights[], isUnread: (subject: string) => boolean): string[] {
  const denied = new Set<string>();
  for (const { readable } of own)
    for (const deny of readable?.meeting(subject) ?? []) {
      const both = intersection(subject, deny) ?? "";
      if (!RESERVED.test(both) && !isUnread(both)) denied.add(deny);
      if (denied.size === SHOWN) return [...denied];
    }
  return [...denied];
}

/** The rules whose peers choose where answers go: at most one finding for each. */
export function chosenAnswers(config: Field): ChosenAnswers[] {
  const rules = config
    .items("rules")
    .filter((rule) => rule.text("mode") !== "DRY_RUN")
    .map(withPeers);
  const readers = rules.map((one) => ({ one, reads: readsOf(one.rule) })).filter(({ reads }) => reads.length > 0);
  if (readers.length === 0) return [];
  const rights = new RightsByPeer(rules);
  return readers.flatMap(({ one, reads }): ChosenAnswers[] => {
    const { rule } = one;
    const own = rights.surely(one);
    if (!own.some(({ areAnswered }) => areAnswered)) return [];
    // Denies of other rules may be for other peers. They are taken to apply to these, so that there is no false warning.
    const perhaps = rights.perhaps(one);
    const isUnread = (subject: string): boolean =>
      perhaps.some(({ unread }) => unread?.takingWhole(subject) !== undefined);
    const everything = reads.find(({ subject }) => EVERYTHING.test(subject) && !isUnread(subject));
    if (everything && !own.some(({ writesAll }) => writesAll))
      return [{ rule, entry: everything.entry, denied: undefined }];
    for (const { entry, subject } of reads) {
      const denied = deniedWithin(subject, own, isUnread);
      if (denied.length > 0) return [{ rule, entry, denied }];
    }
    return [];
  });
}
