import { subjectsCollide } from "../nats/overlap";
import { Tokens } from "../nats/subject";
import { Entry, EntryFlag, MatcherEntries } from "./matcher-entries";
import { NONE } from "./none";
import { hasStepsLeft, MAX_STEPS, spendSteps } from "./search-steps";
import { keyBelow, keyBelowStar, Link, Node, ROOT, ROOT_KEY } from "./token-tree";

/** What `findOverlap` answers for a search that was given up (search-steps.ts). */
export const TOO_MANY_STEPS: i32 = -2;

/**
 * Subjects of allow or deny lists, with entries at the nodes of their tree. The number of rules does not matter; only a '*' in the
 * tree makes a walk branch.
 *
 * A subject that is checked is taken literally, its own '*' and '>' included: only entries have wildcards
 * (nats-server sublist.go `matchLevel`). `collect` says beside it whether the entry really contains the subject as a
 * pattern, which nats-server does not ask: allow `foo.*` must not admit `SUB foo.>` (docs/reference/parity.md).
 *
 * `MatcherInMaking.seal` makes it, and nothing else can.
 */
@unmanaged
export abstract class SubjectMatcher extends MatcherEntries {
  /** An entry without queue that matches the subject and has all of `flags`, or NONE. */
  find(tokens: Tokens, flags: i32): i32 {
    // Thousands of rules may allow one subject, all of whose entries would be looked at in vain.
    if ((this.flags & flags) != flags) return NONE;
    const place = this.placeOf(tokens, flags);
    return place == NONE ? NONE : this.plainEntry(place, flags);
  }

  /** The rule of the entry that `find` answers without flags, or NONE. It lies in the tree, so that no entry need be looked at. */
  findRule(tokens: Tokens): i32 {
    const place = this.placeOf(tokens, EntryFlag.NONE);
    return place == NONE ? NONE : this.nodes.get(place);
  }

  // @ts-ignore: decorator
  @inline
  private placeOf(tokens: Tokens, flags: i32): i32 {
    return this.entryCount == 0 ? NONE : this.placeFrom(ROOT, ROOT_KEY, tokens, 0, flags);
  }

  /** Where among `nodes` the rule lies, a Node.RULE or Node.GREATER_RULE, or NONE. */
  private placeFrom(node: i32, key: u32, tokens: Tokens, index: i32, flags: i32): i32 {
    while (true) {
      const at = node * Node.STRIDE;
      if (index == tokens.count) return this.hasPlain(at + Node.RULE, flags) ? at + Node.RULE : NONE;
      if (this.hasPlain(at + Node.GREATER_RULE, flags)) return at + Node.GREATER_RULE;
      const star = this.star(node);
      if (index >= tokens.recorded || (star == NONE && !this.hasChild(node))) return NONE;
      const childKey = keyBelow(key, tokens.hash(index));
      const child = this.child(node, childKey, tokens, index);
      index++;
      if (star == NONE) {
        if (child == NONE) return NONE;
        node = child;
        key = childKey;
        continue;
      }
      if (child != NONE) {
        const place = this.placeFrom(child, childKey, tokens, index, flags);
        if (place != NONE) return place;
      }
      node = star;
      key = keyBelowStar(key);
    }
  }

  // @ts-ignore: decorator
  @inline
  private hasPlain(place: i32, flags: i32): bool {
    return this.nodes.get(place) != NONE && (flags == EntryFlag.NONE || this.plainEntry(place, flags) != NONE);
  }

  private plainEntry(place: i32, flags: i32): i32 {
    let entry = this.link(place / Node.STRIDE, (place % Node.STRIDE) + Link.ENTRY - Node.RULE);
    while (entry != NONE) {
      const at = entry * Entry.STRIDE;
      if (this.entries.get(at + Entry.QUEUE_LENGTH) == NONE && (this.entries.get(at + Entry.FLAGS) & flags) == flags) {
        return entry;
      }
      entry = this.entries.get(at + Entry.NEXT);
    }
    return NONE;
  }

  /** The rule of an entry without queue that contains the whole pattern `tokens`, or NONE. As with `findRule`, it lies in the tree. */
  findCovering(tokens: Tokens): i32 {
    this.contains = !tokens.hasInnerGreater;
    return this.entryCount == 0 ? NONE : this.coverFrom(ROOT, tokens, 0);
  }

  private coverFrom(node: i32, tokens: Tokens, index: i32): i32 {
    const at = node * Node.STRIDE;
    if (index == tokens.count) return this.nodes.get(at + Node.RULE);
    const greater = this.nodes.get(at + Node.GREATER_RULE);
    if (greater != NONE || index >= tokens.recorded) return greater;
    const star = this.star(node);
    if (star != NONE && !(this.contains && tokens.isGreater(index))) {
      const found = this.coverFrom(star, tokens, index + 1);
      if (found != NONE) return found;
    }
    const child = this.childOf(node, tokens, index);
    return child == NONE ? NONE : this.coverFrom(child, tokens, index + 1);
  }

  /** Finds every entry, with or without queue, whose subject matches; read them with `foundEntry`, `foundCovers`. */
  collect(tokens: Tokens): void {
    this.foundCount = 0;
    this.contains = !tokens.hasInnerGreater;
    if (this.entryCount > 0) this.collectFrom(ROOT, tokens, 0, true);
  }

  /** One of the `foundCount` entries that `collect` has found last. */
  foundEntry(index: i32): i32 {
    return this.found.get(index * 2);
  }

  /** The entry, as a pattern, contains the whole checked subject, as a pattern. */
  foundCovers(index: i32): bool {
    return this.found.get(index * 2 + 1) != 0;
  }

  private collectFrom(node: i32, tokens: Tokens, index: i32, covers: bool): void {
    if (index == tokens.count) {
      this.take(this.link(node, Link.ENTRY), covers);
      return;
    }
    this.take(this.link(node, Link.GREATER_ENTRY), covers);
    const star = this.star(node);
    if (index >= tokens.recorded || (star == NONE && !this.hasChild(node))) return;
    // '*' takes any one token; as a pattern it contains '*' but not '>'.
    if (star != NONE) this.collectFrom(star, tokens, index + 1, covers && !(this.contains && tokens.isGreater(index)));
    const child = this.childOf(node, tokens, index);
    if (child != NONE) this.collectFrom(child, tokens, index + 1, covers);
  }

  private take(entry: i32, covers: bool): void {
    while (entry != NONE) {
      this.found.reserve((this.foundCount + 1) * 2);
      this.found.set(this.foundCount * 2, entry);
      this.found.set(this.foundCount * 2 + 1, covers ? 1 : 0);
      this.foundCount++;
      entry = this.entries.get(entry * Entry.STRIDE + Entry.NEXT);
    }
  }

  /**
   * The first entry that matches the subject, among those without queue and, of those with one, all if `anyQueue`, else those that the
   * queue fits. NONE if there is none. Each entry that is looked at is a step of the chunk (search-steps.ts).
   */
  findFor(tokens: Tokens, anyQueue: bool, queue: usize, queueLength: i32): i32 {
    if (this.entryCount == 0) return NONE;
    this.askFor(anyQueue, queue, queueLength);
    const found = this.findForFrom(ROOT, tokens, 0);
    spendSteps(this.steps, 0);
    return found;
  }

  private findForFrom(node: i32, tokens: Tokens, index: i32): i32 {
    if (index == tokens.count) return this.firstFitting(this.link(node, Link.ENTRY));
    const greater = this.firstFitting(this.link(node, Link.GREATER_ENTRY));
    if (greater != NONE || index >= tokens.recorded) return greater;
    const star = this.star(node);
    if (star == NONE && !this.hasChild(node)) return NONE;
    if (star != NONE) {
      const found = this.findForFrom(star, tokens, index + 1);
      if (found != NONE) return found;
    }
    const child = this.childOf(node, tokens, index);
    return child == NONE ? NONE : this.findForFrom(child, tokens, index + 1);
  }

  private firstFitting(entry: i32): i32 {
    while (entry != NONE) {
      this.steps++;
      if (this.fits(entry)) return entry;
      entry = this.entries.get(entry * Entry.STRIDE + Entry.NEXT);
    }
    return NONE;
  }

  private askFor(anyQueue: bool, queue: usize, queueLength: i32): void {
    this.steps = 0;
    this.anyQueue = anyQueue;
    this.queue = queue;
    this.wantedQueueLength = queueLength;
  }

  /** Is an entry one of those that `askFor` asks for? */
  // @ts-ignore: decorator
  @inline
  private fits(entry: i32): bool {
    if (this.anyQueue || !this.hasQueue(entry)) return true;
    return this.wantedQueueLength > 0 && this.queueFits(entry, this.queue, this.wantedQueueLength);
  }

  /**
   * The first entry that some literal subject could match together with the pattern `tokens` (nats-server sublist.go
   * `SubjectsCollide`), among those without queue and, of those with one, all if `anyQueue`, else those that the queue
   * fits. NONE if there is none, TOO_MANY_STEPS if the search was given up, or not begun since no steps were left: a client
   * chooses the pattern, and a walk over a large tree for each of its lines would stall the worker for everybody.
   */
  findOverlap(tokens: Tokens, anyQueue: bool, queue: usize, queueLength: i32): i32 {
    if (this.entryCount == 0) return NONE;
    if (!hasStepsLeft()) return TOO_MANY_STEPS;
    this.askFor(anyQueue, queue, queueLength);
    const found = this.overlapFrom(ROOT, tokens, 0);
    spendSteps(this.steps, tokens.subjectLength);
    return found;
  }

  private overlapFrom(node: i32, tokens: Tokens, index: i32): i32 {
    if (++this.steps > MAX_STEPS) return TOO_MANY_STEPS;
    if (index == tokens.count) return this.overlapAmong(this.link(node, Link.ENTRY), tokens);
    const greater = this.overlapAmong(this.link(node, Link.GREATER_ENTRY), tokens);
    if (greater != NONE || index >= tokens.recorded) return greater;
    if (tokens.isGreater(index)) return this.overlapBelow(node, tokens);
    const star = this.star(node);
    if (star != NONE) {
      const found = this.overlapFrom(star, tokens, index + 1);
      if (found != NONE) return found;
    }
    let found: i32 = NONE;
    if (tokens.beginsWithWildcard(index)) {
      found = this.overlapOf(this.link(node, Link.FIRST_CHILD), tokens, index + 1);
    } else {
      const child = this.childOf(node, tokens, index);
      if (child != NONE) found = this.overlapFrom(child, tokens, index + 1);
    }
    return found != NONE ? found : this.overlapOf(this.link(node, Link.FIRST_ODD), tokens, index + 1);
  }

  /** `overlapFrom` of a node and of its siblings behind it. */
  private overlapOf(node: i32, tokens: Tokens, index: i32): i32 {
    while (node != NONE) {
      const found = this.overlapFrom(node, tokens, index);
      if (found != NONE) return found;
      node = this.link(node, Link.NEXT_SIBLING);
    }
    return NONE;
  }

  /** Among all entries below a node, whatever their tokens: the pattern ends in '>' here. */
  private overlapBelow(node: i32, tokens: Tokens): i32 {
    let found = this.overlapInside(this.star(node), tokens);
    if (found == NONE) found = this.overlapInside(this.link(node, Link.FIRST_CHILD), tokens);
    return found != NONE ? found : this.overlapInside(this.link(node, Link.FIRST_ODD), tokens);
  }

  /** Among the entries of a node, of those below it and of its siblings. */
  private overlapInside(node: i32, tokens: Tokens): i32 {
    while (node != NONE) {
      if (++this.steps > MAX_STEPS) return TOO_MANY_STEPS;
      let found = this.overlapAmong(this.link(node, Link.ENTRY), tokens);
      if (found == NONE) found = this.overlapAmong(this.link(node, Link.GREATER_ENTRY), tokens);
      if (found == NONE) found = this.overlapBelow(node, tokens);
      if (found != NONE) return found;
      node = this.link(node, Link.NEXT_SIBLING);
    }
    return NONE;
  }

  /** The tree only finds candidates; odd tokens (`*a`) make nats-server's own comparison decide. */
  private overlapAmong(entry: i32, tokens: Tokens): i32 {
    while (entry != NONE) {
      if (++this.steps > MAX_STEPS) return TOO_MANY_STEPS;
      const at = entry * Entry.STRIDE;
      const subject = this.subjectPointer(entry);
      const length = this.subjectLength(entry);
      if (this.fits(entry) && subjectsCollide(subject, length, tokens.subject, tokens.subjectLength)) return entry;
      entry = this.entries.get(at + Entry.NEXT);
    }
    return NONE;
  }
}
