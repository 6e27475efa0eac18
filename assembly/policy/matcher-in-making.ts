import { hasWildcardToken } from "../nats/overlap";
import { Tokens } from "../nats/subject";
import { SubjectMatcher } from "./matcher";
import { Entry, EntryFlag, MatcherEntries } from "./matcher-entries";
import { NONE } from "./none";
import { Link, Node, ROOT } from "./token-tree";

/** A matcher to which entries are added. Nothing can be looked for in it. */
@unmanaged
@final
export class MatcherInMaking extends MatcherEntries {
  /** Adds an entry of a rule. `tokens` is its subject, split; `flags` are EntryFlags; without a queue `queueLength` is 0. */
  add(tokens: Tokens, rule: i32, flags: i32, queue: usize, queueLength: i32): void {
    const text = this.texts.append(tokens.subject, tokens.subjectLength);
    let node = ROOT;
    let isTail = false;
    for (let i = 0; i < tokens.count; i++) {
      if (tokens.isGreater(i)) {
        isTail = true;
        break;
      }
      node = tokens.isStar(i) ? this.starOf(node) : this.childOrNew(node, tokens, i, text);
    }
    const entry = this.entryCount++;
    this.entries.reserve(this.entryCount * Entry.STRIDE);
    const at = entry * Entry.STRIDE;
    this.entries.set(at + Entry.RULE, rule);
    this.entries.set(at + Entry.FLAGS, flags);
    this.flags |= flags;
    this.entries.set(at + Entry.SUBJECT_OFFSET, text);
    this.entries.set(at + Entry.SUBJECT_LENGTH, tokens.subjectLength);
    this.entries.set(at + Entry.QUEUE_LENGTH, NONE);
    if (queueLength > 0) {
      this.entries.set(at + Entry.QUEUE_OFFSET, this.texts.append(queue, queueLength));
      this.entries.set(at + Entry.QUEUE_LENGTH, queueLength);
      if (hasWildcardToken(queue, queueLength)) this.entries.set(at + Entry.FLAGS, flags | EntryFlag.QUEUE_PATTERN);
      this.hasQueues = true;
    } else this.nodes.set(node * Node.STRIDE + (isTail ? Node.GREATER_RULE : Node.RULE), rule);
    const field = node * Link.STRIDE + (isTail ? Link.GREATER_ENTRY : Link.ENTRY);
    this.entries.set(at + Entry.NEXT, this.links.get(field));
    this.links.set(field, entry);
  }

  /** The matcher of all entries that have been added. This object has become that, and must not be used any more. */
  seal(): SubjectMatcher {
    this.sealTree();
    this.entries.trim(this.entryCount * Entry.STRIDE);
    return changetype<SubjectMatcher>(this);
  }
}
