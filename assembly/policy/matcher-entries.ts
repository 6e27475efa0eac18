import { Words } from "../bytes/words";
import { NONE } from "./none";
import { queueMatches } from "./queue";
import { TokenTree } from "./token-tree";

/** What an entry adds to being allowed; `find` can ask for entries that have a flag. */
export const enum EntryFlag {
  NONE = 0,
  REPLIES_ANY = 1,
  ROLLUP_ALL = 2,
  /** Not asked for: the queue that the entry names has a wildcard token. */
  QUEUE_PATTERN = 4,
}

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
  /** What a search asks for (`findFor`, `findOverlap`), and how many steps it has made. */
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

  /** Does the queue fit that of an entry which names one? */
  // @ts-ignore: decorator
  @inline
  queueFits(entry: i32, queue: usize, queueLength: i32): bool {
    const at = entry * Entry.STRIDE;
    const named = this.texts.pointer + <usize>this.entries.get(at + Entry.QUEUE_OFFSET);
    const isPattern = (this.entries.get(at + Entry.FLAGS) & EntryFlag.QUEUE_PATTERN) != 0;
    return queueMatches(queue, queueLength, named, this.entries.get(at + Entry.QUEUE_LENGTH), isPattern);
  }
}
