import { nextChance } from "../bytes/chance";

/** Slots of one set. The tags of all of them are compared at once. */
const WAYS: i32 = 8;
const WAYS_SHIFT: usize = 3;
/** 1 << TAGS_SHIFT bytes hold the tags of one set, of two bytes each. */
const TAGS_SHIFT: usize = 4;
/** While a table may grow for the sake of speed, it has 1 << SPARSENESS_SHIFT slots or more for each that is used. */
const SPARSENESS_SHIFT: i32 = 5;
/** In place of the tag of a slot that is free: real tags are odd. */
const FREE: u16 = 0;
/** Bytes of a line of the processor's cache. */
const LINE: usize = 64;

/**
 * Offsets into a slot: a question and the length of a subject (`keyOf`, decision-cache.ts), u64; the answer (answer.ts), u64;
 * the subject's bytes.
 */
export const SLOT_KEY: usize = 0;
export const SLOT_ANSWER: usize = 8;
export const SLOT_SUBJECT: usize = 16;

/**
 * Answers, found by a hash of question and subject. Each hash has a home, which is one slot of a set of eight; the answer lies
 * there or, if another one came first, in another slot of the set. A tag, two bytes of the hash, tells which slot that is; the
 * eight tags of a set lie together. A look begins at the home, where nearly all are. Looking at the tags first would wait for
 * memory once more. Looking through the slots one by one would wait for it as often as there are slots.
 *
 * An answer is written down when it is given for the second time (`slotFor`; `take` may do so at once). The first time leaves a mark
 * of two bytes, so that subjects that come only once neither drive out those that come again nor wait for memory. Marks lie in sets
 * of eight too: if two subjects that come in turn shared a single mark, neither would ever be written down.
 *
 * A table that fills is replaced by an empty one of twice the size, up to `most` slots, since decisions are soon found again;
 * only then are slots given away. Up to `sparse` slots that is done before more than one slot in 32 is used: of 1,000 subjects
 * in 8,192 slots one in sixteen finds its home taken, which no processor foresees (a subject of these ×0.95).
 */
@unmanaged
@final
export class AnswerTable {
  private area: usize = 0;
  private slots: usize = 0;
  private tags: usize = 0;
  private slotMask: u32 = 0;
  private count: i32 = 0;
  private used: i32 = 0;
  /**
   * Tags of answers that were given for the first time lately. There are as many as the largest table has slots: with fewer,
   * many subjects that come in turn would never be seen for the second time, and the table would not grow.
   */
  private marks: usize = 0;
  private markSetMask: u32 = 0;
  private most: i32 = 0;
  /** State of `nextChance`. */
  private chance: u32 = 1;

  /**
   * A slot has 1 << `shift` bytes. The table has `count` slots at first and `most` at last, both powers of two from eight on.
   * Up to `sparse` slots, at most `most`, it grows before it is full.
   */
  constructor(
    count: i32,
    most: i32,
    private readonly shift: usize,
    private readonly sparse: i32 = 0,
  ) {
    this.make(count);
    this.mayGrowTo(most);
  }

  /** Lets the table grow to `most` slots, a power of two. Does nothing where it may already. */
  mayGrowTo(most: i32): void {
    if (most <= this.most) return;
    if (this.marks != 0) heap.free(this.marks);
    this.marks = heap.alloc((<usize>most) << 1);
    memory.fill(this.marks, 0, (<usize>most) << 1);
    this.markSetMask = <u32>(most / WAYS) - 1;
    this.most = most;
  }

  /** Replaces a table of fewer slots by an empty one of `count`, a power of two, to which it then may grow as well. */
  makeAtLeast(count: i32): void {
    this.mayGrowTo(count);
    if (count > this.count) this.make(count);
  }

  private make(count: i32): void {
    const slotBytes = (<usize>count) << this.shift;
    const tagBytes = (<usize>count) << 1;
    if (this.area != 0) heap.free(this.area);
    this.area = heap.alloc(slotBytes + tagBytes + LINE);
    this.slots = (this.area + LINE - 1) & ~(LINE - 1);
    this.tags = this.slots + slotBytes;
    this.slotMask = <u32>count - 1;
    this.count = count;
    this.clear();
  }

  /** Forgets all answers, so that each home is free. */
  clear(): void {
    memory.fill(this.slots, 0, this.tags - this.slots + ((<usize>this.count) << 1));
    this.used = 0;
  }

  /** The home of a hash, whatever answer lies there. `shift` is the table's own, given so that the compiler knows it. */
  // @ts-ignore: decorator
  @inline
  home(hash: u32, shift: usize): usize {
    return this.slots + ((<usize>(hash & this.slotMask)) << shift);
  }

  /** The only slot that may hold the answer of a hash, or 0. The caller compares key and subject. */
  candidate(hash: u32): usize {
    const ways = waysWith(this.tags + this.tagsOf(hash), tagOf(hash));
    return ways == 0 ? 0 : this.slot(hash, ctz(ways));
  }

  /** Gives the hash its home, which is free, and answers it. */
  take(home: usize, hash: u32): usize {
    setTag(this.tags + this.tagsOf(hash), <i32>(hash & (WAYS - 1)), tagOf(hash));
    return home;
  }

  /**
   * The slot into which an answer that was not found is to be written, whose tag is set already; 0 if it is given for the first
   * time, which is noted.
   */
  slotFor(hash: u32): usize {
    const marks = this.marks + ((<usize>(hash & this.markSetMask)) << TAGS_SHIFT);
    const tag = tagOf(hash);
    const marked = waysWith(marks, tag);
    if (marked == 0) {
      setTag(marks, this.anyWay(), tag);
      return 0;
    }
    // The mark has served, and makes room for another.
    setTag(marks, ctz(marked), FREE);
    const way = this.wayFor(hash, tag);
    setTag(this.tags + this.tagsOf(hash), way, tag);
    return this.slot(hash, way);
  }

  /**
   * A free slot of the hash's set, its home if that is free, into which an answer is to be written at once. 0 if none is free, or if
   * one has the same tag already, which is the only one that `candidate` finds. It does not count as used: what a policy writes down
   * ahead would make the table crowded at the first answer that comes again, and be forgotten then.
   */
  freeSlotFor(hash: u32): usize {
    const tags = this.tags + this.tagsOf(hash);
    const tag = tagOf(hash);
    const free = waysWith(tags, FREE);
    if (free == 0 || waysWith(tags, tag) != 0) return 0;
    const home = <i32>(hash & (WAYS - 1));
    const way = ((free >> home) & 1) != 0 ? home : ctz(free);
    setTag(tags, way, tag);
    return this.slot(hash, way);
  }

  /**
   * Which slot of the set the answer gets: the home if that is free (`isFree`), else the one that has the tag already, so that one
   * look suffices. Without such a slot it is a free one. If none is free the table grows; where it may not, any slot is given away.
   */
  private wayFor(hash: u32, tag: u16): i32 {
    const tags = this.tags + this.tagsOf(hash);
    const same = waysWith(tags, tag);
    const free = waysWith(tags, FREE);
    const home = <i32>(hash & (WAYS - 1));
    if (same != 0 && ((free >> home) & 1) == 0) return ctz(same);
    const grows = free == 0 ? this.count < this.most : this.isCrowded;
    if (free == 0 && !grows) return this.anyWay();
    if (grows) this.make(this.count * 2);
    this.used++;
    return grows || ((free >> home) & 1) != 0 ? home : ctz(free);
  }

  private get isCrowded(): bool {
    return this.count < this.sparse && this.used >= this.count >> SPARSENESS_SHIFT;
  }

  /** Where the tags of a hash's set lie, in bytes behind those of the first set. */
  // @ts-ignore: decorator
  @inline
  private tagsOf(hash: u32): usize {
    return ((<usize>(hash & this.slotMask)) >> WAYS_SHIFT) << TAGS_SHIFT;
  }

  // @ts-ignore: decorator
  @inline
  private slot(hash: u32, way: i32): usize {
    return this.slots + ((((<usize>(hash & this.slotMask)) & ~(WAYS - 1)) + <usize>way) << this.shift);
  }

  private anyWay(): i32 {
    this.chance = nextChance(this.chance);
    return <i32>(this.chance >> (32 - <u32>WAYS_SHIFT));
  }
}

/**
 * Has nothing been written into this slot? Then, if it is the home of a hash, no answer of that hash lies elsewhere either: it would
 * have got its home, and what was written is overwritten, and erased only with all else.
 */
// @ts-ignore: decorator
@inline
export function isFree(slot: usize): bool {
  return load<u64>(slot, SLOT_KEY) == 0;
}

/** The tag of a hash, of its upper half. The lower bits of the hash choose set and home. */
// @ts-ignore: decorator
@inline
function tagOf(hash: u32): u16 {
  return <u16>((hash >> 16) | 1);
}

/** Which of the eight tags from `tags` on equal `tag`, as bits. */
// @ts-ignore: decorator
@inline
function waysWith(tags: usize, tag: u16): i32 {
  return i16x8.bitmask(i16x8.eq(v128.load(tags), i16x8.splat(<i16>tag)));
}

// @ts-ignore: decorator
@inline
function setTag(tags: usize, way: i32, tag: u16): void {
  store<u16>(tags + ((<usize>way) << 1), tag);
}
