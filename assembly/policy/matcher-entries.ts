import { Words } from "../bytes/words";
import { NONE } from "./none";
import { TokenTree } from "./token-tree";

/** One entry: a subject of a rule, with its queue. */
export const enum Entry {
  RULE = 0,
  FLAGS = 1,
  QUEUE_OFFSET = 2,
  /** NONE for an entry without queue. */
  QUEUE_LENGTH = 3,
  NEXT = 4,
  SUBJECT_OFFSET = 5,
  SUBJECT_LENGTH = 6,
  STRIDE = 7,
}

/**
 * What is kept of entries, at the nodes of their tree. It is made as a `MatcherInMaking`, which takes entries and cannot be asked, and
 * becomes a `SubjectMatcher`, which can be asked and takes none: what is not sealed has no answers (`TokenTree`), and these would be
 * nonsense. Neither has fields of its own.
 */
@unmanaged
export abstract class MatcherEntries extends TokenTree {
  protected readonly entries: Words = new Words();
  entryCount: i32 = 0;
  /** Some entry has a queue. */
  hasQueues: bool = false;
  /** The flags of all entries together. */
  protected flags: i32 = 0;

  /** What the last `collect` found: pairs of entry and whether it covers. */
  protected readonly found: Words = new Words();
  foundCount: i32 = 0;

  /**
   * Must the subject in hand, read as a pattern, lie inside an entry? Not one with a '>' that is not last, which is no pattern:
   * nats-server answers `Invalid Subject`.
   */
  protected contains: bool = true;
  /** What the search for overlaps asks for (`findOverlap`), and how many steps it has made. */
  protected anyQueue: bool = false;
  protected queue: usize = 0;
  protected wantedQueueLength: i32 = 0;
  protected steps: i32 = 0;

  /** Has it no entry? */
  get isEmpty(): bool {
    return this.entryCount == 0;
  }

  /** Gives back all memory, the object's own too. */
  destroy(): void {
    this.destroyTree();
    this.entries.destroy();
    this.found.destroy();
    heap.free(changetype<usize>(this));
  }

  /** The rule of an entry. */
  rule(entry: i32): i32 {
    return this.entries.get(entry * Entry.STRIDE + Entry.RULE);
  }

  /** Where the subject of an entry lies, until an entry is added. */
  subjectPointer(entry: i32): usize {
    return this.texts.pointer + <usize>this.entries.get(entry * Entry.STRIDE + Entry.SUBJECT_OFFSET);
  }

  /** Bytes of it. */
  subjectLength(entry: i32): i32 {
    return this.entries.get(entry * Entry.STRIDE + Entry.SUBJECT_LENGTH);
  }

  /** Does an entry name a queue? */
  hasQueue(entry: i32): bool {
    return this.entries.get(entry * Entry.STRIDE + Entry.QUEUE_LENGTH) != NONE;
  }

  /** Where the queue of an entry that names one lies, until an entry is added. */
  queuePointer(entry: i32): usize {
    return this.texts.pointer + <usize>this.entries.get(entry * Entry.STRIDE + Entry.QUEUE_OFFSET);
  }

  /** Bytes of it. */
  queueLength(entry: i32): i32 {
    return this.entries.get(entry * Entry.STRIDE + Entry.QUEUE_LENGTH);
  }
}
