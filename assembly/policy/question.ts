import { leadingTokens, NOT_BY_TOKENS } from "../nats/subject";
import { ANY_SLOT, hashOf, isAbout, newQuestion, recall, remember } from "./decision-cache";
import { Reason } from "./reason";

/** A byte for each of 128 groups of subjects that begin alike: how many tokens decide for them; 0: not known. */
const DEPTHS: usize = 128;
/** Of a product of 64 bits the upper ones, which are the best mixed. */
const DEPTH_SHIFT: u64 = 57;

/** Subjects of one group have these bytes in common. Shorter ones are only remembered whole. */
const BEGINNING: i32 = 8;
/** More tokens are not looked for at the beginning of a subject. */
const MAX_DEPTH: i32 = 8;
const DOLLAR: u8 = 0x24;
const UNDERSCORE: u8 = 0x5f;

/**
 * One kind of question about subjects to one compiled policy, whose answers are remembered (decision-cache.ts).
 *
 * A walk through a policy seldom looks at all tokens: below an entry `_INBOX.>` it ends at the first. Its answer holds for every
 * other subject that begins with the tokens looked at and goes on behind them, so it is remembered for these. Thus inboxes and
 * acknowledgements of JetStream, of which each comes once, are decided without a walk (a third of its time). How many tokens
 * that are is kept by the first bytes of a subject, and only grows: more than were needed decide just as well.
 */
@unmanaged
@final
export class Question {
  private readonly whole: u32 = newQuestion();
  private readonly leading: u32 = newQuestion();
  /** Where the last answer to `whole` was: most connections publish on one subject for a while, and then need no hash. */
  private lastSlot: usize = ANY_SLOT;
  private readonly depths: usize = heap.alloc(DEPTHS);

  constructor() {
    memory.fill(this.depths, 0, DEPTHS);
  }

  /** Gives back all memory, the object's own too. */
  destroy(): void {
    heap.free(this.depths);
    heap.free(changetype<usize>(this));
  }

  /**
   * Where the answer for this subject is written down, or 0. Names that begin with '$' or '_' mostly come once, so that only
   * their beginning can be known; all others are first looked for whole.
   */
  // @ts-ignore: decorator
  @inline
  recall(pointer: usize, length: i32): usize {
    const first = length == 0 ? 0 : load<u8>(pointer);
    if (first == DOLLAR || first == UNDERSCORE) {
      const slot = this.recallLeading(pointer, length);
      return slot != 0 ? slot : this.recallWhole(pointer, length);
    }
    const last = this.lastSlot;
    if (isAbout(last, this.whole, pointer, length)) return last;
    const slot = this.recallWhole(pointer, length);
    if (slot == 0) return this.recallLeading(pointer, length);
    this.lastSlot = slot;
    return slot;
  }

  // @ts-ignore: decorator
  @inline
  private recallWhole(pointer: usize, length: i32): usize {
    const question = this.whole;
    return recall(hashOf(question, pointer, length), question, pointer, length);
  }

  private recallLeading(pointer: usize, length: i32): usize {
    if (length < BEGINNING) return 0;
    const depth = <i32>load<u8>(this.depthAt(pointer));
    const bytes = depth == 0 ? 0 : leadingTokens(pointer, length, depth);
    return bytes == 0 ? 0 : recall(hashOf(this.leading, pointer, bytes), this.leading, pointer, bytes);
  }

  /** An answer that was not to be recalled, and by how many leading tokens it was found (`Tokens.looked`). */
  remember(pointer: usize, length: i32, looked: i32, reason: Reason, rule: i32, subjectClass: i32): void {
    let question = this.whole;
    if (length >= BEGINNING && looked != NOT_BY_TOKENS) {
      const at = this.depthAt(pointer);
      const depth = max(max<i32>(load<u8>(at), looked), 1);
      const bytes = depth > MAX_DEPTH ? 0 : leadingTokens(pointer, length, depth);
      if (bytes > 0) {
        store<u8>(at, <u8>depth);
        question = this.leading;
        length = bytes;
      }
    }
    remember(hashOf(question, pointer, length), question, pointer, length, reason, rule, subjectClass);
  }

  // @ts-ignore: decorator
  @inline
  private depthAt(pointer: usize): usize {
    return this.depths + <usize>((load<u64>(pointer) * 0x9e3779b97f4a7c15) >> DEPTH_SHIFT);
  }
}
