/** Slots of one set; the tags of all of them are compared at once. */
const WAYS: i32 = 8;
const WAYS_SHIFT: usize = 3;
/** A tag is two bytes. */
const TAGS_SHIFT: usize = 4;
/** While a table may grow for speed, it has 1 << SPARSENESS_SHIFT slots or more for each that is used. */
const SPARSENESS_SHIFT: i32 = 5;
/** No tag, since tags are odd. */
const FREE: u16 = 0;
/** Of the processor's cache. */
const LINE: usize = 64;

/** What a slot begins with: question and length of the subject, then the answer (answer.ts), then the subject's bytes. */
export const SLOT_KEY: usize = 0;
export const SLOT_ANSWER: usize = 8;
export const SLOT_SUBJECT: usize = 16;

/**
 * Answers, found by hash. A hash has a slot that is its home, and seven more of the same set if another was there before. Which
 * of them may be meant then is told by tags of two bytes, which lie together: looking into slots one by one would wait for
 * memory each time, and into tags first would wait once more where nearly all are at home.
 *
 * An answer is written down when it is given for the second time. Subjects that come only once then cost the table nothing
 * but a mark of two bytes: they neither drive out those that come again nor wait for memory. A set has eight marks too, since
 * of two subjects that shared a single one, each in turn, neither would ever be written down.
 *
 * A table that fills is replaced by an empty one of twice the size, since decisions are found again soon: rather than give a
 * slot away, up to a bound; and up to a lower one before more than one slot in 32 is used, since of 1,000 subjects in 8,192 slots one
 * in sixteen finds its home taken, which no processor foresees (a subject of these ×0.95).
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
   * Tags of what was last to be remembered for the first time. As many as the largest table has slots: else many subjects that
   * come in turn would never be seen for the second time, and the table would not grow.
   */
  private marks: usize = 0;
  private markSetMask: u32 = 0;
  private most: i32 = 0;
  private chance: u32 = 1;

  /**
   * A slot has 1 << `shift` bytes; `count` slots at first and `most` at last are powers of two, at least eight. Up to `sparse` slots,
   * at most `most`, it grows before it needs to.
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

  /** From now on it may have so many slots. */
  mayGrowTo(most: i32): void {
    if (most <= this.most) return;
    if (this.marks != 0) heap.free(this.marks);
    this.marks = heap.alloc((<usize>most) << 1);
    memory.fill(this.marks, 0, (<usize>most) << 1);
    this.markSetMask = <u32>(most / WAYS) - 1;
    this.most = most;
  }

  private make(count: i32): void {
    const slotBytes = (<usize>count) << this.shift;
    const tagBytes = (<usize>count) << 1;
    if (this.area != 0) heap.free(this.area);
    this.area = heap.alloc(slotBytes + tagBytes + LINE);
    this.slots = (this.area + LINE - 1) & ~(LINE - 1);
    this.tags = this.slots + slotBytes;
    memory.fill(this.slots, 0, slotBytes + tagBytes);
    this.slotMask = <u32>count - 1;
    this.count = count;
    this.used = 0;
  }

  /**
   * The slot that a hash has unless another was there before: so it mostly is, since few slots are in use. `shift` is the table's
   * own, known to the compiler.
   */
  // @ts-ignore: decorator
  @inline
  home(hash: u32, shift: usize): usize {
    return this.slots + ((<usize>(hash & this.slotMask)) << shift);
  }

  /** The only slot that may be meant, or 0. */
  candidate(hash: u32): usize {
    const ways = waysWith(this.tags + this.tagsOf(hash), tagOf(hash));
    return ways == 0 ? 0 : this.slot(hash, ctz(ways));
  }

  /** Where an answer that was not found is to be written down, or 0 if it is given for the first time. */
  slotFor(hash: u32): usize {
    const marks = this.marks + ((<usize>(hash & this.markSetMask)) << TAGS_SHIFT);
    const tag = tagOf(hash);
    const marked = waysWith(marks, tag);
    if (marked == 0) {
      setTag(marks, this.anyWay(), tag);
      return 0;
    }
    // What has served makes room for another.
    setTag(marks, ctz(marked), FREE);
    const way = this.wayFor(hash, tag);
    setTag(this.tags + this.tagsOf(hash), way, tag);
    return this.slot(hash, way);
  }

  /** That with the same tag, of which no set has two, so that one look suffices; else a free one, else any. */
  private wayFor(hash: u32, tag: u16): i32 {
    const tags = this.tags + this.tagsOf(hash);
    const same = waysWith(tags, tag);
    if (same != 0) return ctz(same);
    const free = waysWith(tags, FREE);
    const home = <i32>(hash & (WAYS - 1));
    const grows = free == 0 ? this.count < this.most : this.isCrowded;
    if (free == 0 && !grows) return this.anyWay();
    if (grows) this.make(this.count * 2);
    this.used++;
    return grows || ((free >> home) & 1) != 0 ? home : ctz(free);
  }

  private get isCrowded(): bool {
    return this.count < this.sparse && this.used >= this.count >> SPARSENESS_SHIFT;
  }

  /** Where the tags of a hash's set are behind those of the first set. */
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
    this.chance = this.chance * 1664525 + 1013904223;
    return <i32>(this.chance >> 29);
  }
}

/** The lower bits of a hash choose the set. */
// @ts-ignore: decorator
@inline
function tagOf(hash: u32): u16 {
  return <u16>((hash >> 16) | 1);
}

/** Which of the eight tags from `tags` on are this one, as bits. */
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
