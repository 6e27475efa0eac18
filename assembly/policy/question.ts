import { GOLDEN_64 } from "../bytes/golden-ratio";
import { differsLow, HALF, highHalf, isPaddable, LONGEST, lowHalf, readable } from "../bytes/padded";
import { leadingTokens, NOT_BY_TOKENS } from "../nats/subject";
import { NO_ANSWER } from "./answer";
import { SLOT_ANSWER, SLOT_SUBJECT } from "./answer-table";
import {
  fillBeginningSlot,
  fillLongSlot,
  fillSlot,
  fillSlotWith,
  keyOf,
  lengthOfKey,
  MAX_REMEMBERED_BYTES,
  newQuestion,
  shortAnswerAtHome,
  shortAnswerAway,
  beginningAnswer,
  longAnswer,
  shortAnswer,
  writeDown,
  writeDownBeginning,
  writeDownUnasked,
  SHORT_SLOT_BYTES,
  SLOT_BYTES,
  slotHas,
  slotHasBeginning,
  slotHasLong,
} from "./decision-cache";

/**
 * Groups of subjects, told apart by their first seven bytes. Each has a byte that says whether an answer about one of its subjects was
 * about the whole of it (`Whole`), and, at DEPTHS behind that, one with a bit for each number of leading tokens that decided for
 * one of them, the lowest for one token.
 *
 * With one number of tokens for all of a group, the largest, subjects that share a group by chance with deeper ones would hardly ever be
 * found: beside 300 beginnings of three tokens each inbox took a walk (24 → 185 steps).
 */
const GROUPS: usize = 128;
const DEPTHS: usize = GROUPS;
/** Are subjects of a group remembered whole? Only then is one looked for so, which a first question would wait for in vain. */
const enum Whole {
  NO = 0,
  YES = 1,
  /**
   * What leading tokens decide was last looked for in vain, so that the next subject is first looked for whole. Otherwise subjects that
   * are remembered whole would take a third more time beside longer ones that begin alike.
   */
  FIRST = -1,
}
/**
 * Multiplies the first eight bytes of a subject so that the first seven reach the upper bits of the product, and the eighth
 * does not. "_INBOX." has seven: with an eighth, each client's inboxes would be a group of their own, until nearly every other
 * subject shared a group with some of them.
 */
const GROUP: u64 = GOLDEN_64 << 8;
/** Leaves the seven upper bits of the product, which are the best mixed: a number below GROUPS. */
const PRODUCT_SHIFT: u64 = 57;
/** Leading tokens at most for which an answer is remembered. */
const MAX_DEPTH: i32 = 8;

/**
 * One kind of question about subjects to one compiled policy, whose answers are remembered (decision-cache.ts).
 *
 * A walk through a policy seldom looks at all tokens: below an entry `_INBOX.>` it ends at the first. Its answer holds for
 * every other subject that begins with the tokens looked at and has more tokens behind them, so it is remembered for all of
 * these. Thus inboxes and acknowledgements of JetStream, of which each comes once, are decided without a walk (a third of its
 * time). How many tokens that may take is kept for each group of subjects (GROUPS); the fewest are looked for first. A subject that has
 * no more tokens than its own answer needs is remembered whole.
 */
@unmanaged
@final
export class Question {
  /** The number under which answers about whole subjects are remembered. */
  readonly whole: u32 = newQuestion();
  /** The number under which answers about beginnings are. */
  private readonly leading: u32 = newQuestion();
  private readonly groups: usize = heap.alloc(2 * GROUPS);
  /**
   * A slot for the whole subject that was asked for last: most connections publish on one subject for a while, and then need no
   * hash.
   */
  private readonly last: usize = heap.alloc(SLOT_BYTES);
  /** A slot for the beginning that was recalled last: a consumer's inboxes or acknowledgements differ only behind theirs. */
  private readonly lastLeading: usize = heap.alloc(SHORT_SLOT_BYTES);

  constructor() {
    memory.fill(this.groups, 0, 2 * GROUPS);
    memory.fill(this.last, 0, SLOT_BYTES);
    memory.fill(this.lastLeading, 0, SHORT_SLOT_BYTES);
  }

  /** Gives back all memory, the object's own too. */
  destroy(): void {
    heap.free(this.groups);
    heap.free(this.last);
    heap.free(this.lastLeading);
    heap.free(changetype<usize>(this));
  }

  /** The answer about this subject (answer.ts), or NO_ANSWER. */
  // @ts-ignore: decorator
  @inline
  recall(pointer: usize, length: i32): u64 {
    if (!isPaddable(length)) return this.recallLongSubject(pointer, length);
    const name = readable(pointer, length);
    return this.recallShort(name, length, lowHalf(name, length), highHalf(name, length));
  }

  // @ts-ignore: decorator
  @inline
  private recallShort(pointer: usize, length: i32, low: v128, high: v128): u64 {
    const key = keyOf(this.whole, length);
    const last = this.last;
    if (slotHas(last, key, low, high)) return load<u64>(last, SLOT_ANSWER);
    const answer = this.recallPadded(pointer, length, low, high);
    if (answer != NO_ANSWER) fillSlot(last, key, answer, low, high);
    return answer;
  }

  /**
   * The same for a caller that keeps the last subject itself, and so asks for another one. It has at most LONGEST bytes, and
   * LONGEST bytes from its beginning on are memory.
   */
  // @ts-ignore: decorator
  @inline
  recallOther(pointer: usize, length: i32): u64 {
    return this.recallPadded(pointer, length, lowHalf(pointer, length), highHalf(pointer, length));
  }

  /**
   * An answer in its home slot is found without a call, all others by a call that makes the halves of the subject anew: halves
   * that are needed after a call would be saved on the way to each answer (2 ns).
   */
  // @ts-ignore: decorator
  @inline
  private recallPadded(pointer: usize, length: i32, low: v128, high: v128): u64 {
    if (load<i8>(this.groupOf(i64x2.extract_lane(low, 0))) < 0) {
      const answer = shortAnswerAtHome(keyOf(this.whole, length), low, high);
      if (answer != NO_ANSWER) return answer;
    }
    return this.recallElsewhere(pointer, length);
  }

  private recallElsewhere(pointer: usize, length: i32): u64 {
    const low = lowHalf(pointer, length);
    const at = this.groupOf(i64x2.extract_lane(low, 0));
    const whole: i32 = load<i8>(at);
    if (whole != Whole.FIRST) {
      const answer = this.recallLeading(pointer, length, at);
      if (answer != NO_ANSWER) return answer;
    }
    const key = keyOf(this.whole, length);
    const high = highHalf(pointer, length);
    let answer = NO_ANSWER;
    if (whole != Whole.NO) {
      // `recallPadded` has looked at the home already where that comes first.
      answer = whole == Whole.FIRST ? shortAnswerAway(key, low, high) : shortAnswer(key, low, high);
      if (answer == NO_ANSWER && whole == Whole.FIRST) {
        answer = this.recallLeading(pointer, length, at);
        if (answer != NO_ANSWER) store<i8>(at, Whole.YES);
      }
    }
    // `recallOther` does not look at `last`. Where another way has asked about the same message before, the answer lies there, and
    // must be found: decided anew, it would be written down as if the subject had come twice.
    const last = this.last;
    return answer == NO_ANSWER && slotHas(last, key, low, high) ? load<u64>(last, SLOT_ANSWER) : answer;
  }

  private recallLeading(pointer: usize, length: i32, at: usize): u64 {
    for (let depths: i32 = load<u8>(at, DEPTHS); depths != 0; depths &= depths - 1) {
      const leading = leadingTokens(pointer, length, ctz(depths) + 1);
      // So many tokens do not decide here, and nor do more: there are no more behind them, or they are too long to be remembered.
      if (<u32>(leading - 1) >= <u32>MAX_REMEMBERED_BYTES) break;
      const answer = this.recallBeginning(pointer, leading);
      if (answer != NO_ANSWER) return answer;
    }
    if (load<i8>(at) == Whole.YES) store<i8>(at, Whole.FIRST);
    return NO_ANSWER;
  }

  // @ts-ignore: decorator
  @inline
  private recallBeginning(pointer: usize, length: i32): u64 {
    const key = keyOf(this.leading, length);
    if (length > HALF) return this.recallOtherBeginning(key, pointer, length);
    const low = lowHalf(pointer, length);
    const last = this.lastLeading;
    if (slotHasBeginning(last, key, low)) return load<u64>(last, SLOT_ANSWER);
    const answer = beginningAnswer(key, low);
    if (answer != NO_ANSWER) fillBeginningSlot(last, key, answer, low);
    return answer;
  }

  private recallOtherBeginning(key: u64, pointer: usize, length: i32): u64 {
    if (length > LONGEST) return longAnswer(key, pointer, length);
    const low = lowHalf(pointer, length);
    const high = highHalf(pointer, length);
    const last = this.lastLeading;
    if (slotHas(last, key, low, high)) return load<u64>(last, SLOT_ANSWER);
    const answer = shortAnswer(key, low, high);
    if (answer != NO_ANSWER) fillSlot(last, key, answer, low, high);
    return answer;
  }

  /** About a subject of more than LONGEST bytes. */
  private recallLongSubject(pointer: usize, length: i32): u64 {
    if (this.beginsLikeLast(pointer, length)) return load<u64>(this.lastLeading, SLOT_ANSWER);
    const at = this.groupOf(load<u64>(pointer));
    const leading = this.recallLeading(pointer, length, at);
    if (leading != NO_ANSWER) return leading;
    if (length > MAX_REMEMBERED_BYTES) return NO_ANSWER;
    const key = keyOf(this.whole, length);
    const last = this.last;
    if (slotHasLong(last, key, pointer, length)) return load<u64>(last, SLOT_ANSWER);
    const answer = longAnswer(key, pointer, length);
    if (answer != NO_ANSWER) fillLongSlot(last, key, answer, pointer, length);
    return answer;
  }

  /**
   * Does this long subject begin with the tokens that were recalled last, of at most HALF bytes? They decide for it, and
   * nothing need be looked up (an acknowledgement of JetStream ×0.90).
   */
  // @ts-ignore: decorator
  @inline
  private beginsLikeLast(pointer: usize, length: i32): bool {
    const last = this.lastLeading;
    const leading = lengthOfKey(last);
    if (<u32>(leading - 1) >= <u32>HALF) return false;
    if (differsLow(last + SLOT_SUBJECT, lowHalf(pointer, leading)) != 0) return false;
    return leadingTokens(pointer, length, 1) != 0;
  }

  /**
   * Remembers an answer that was not to be recalled. `looked` tells by how many leading tokens it was found (`Tokens.looked`).
   * The answer is put into `last` at once: what a short way asks and leaves to the long way is asked again in the same
   * callback, and must not count as coming twice.
   */
  remember(pointer: usize, length: i32, looked: i32, answer: u64): void {
    if (isPaddable(length)) pointer = readable(pointer, length);
    if (length <= MAX_REMEMBERED_BYTES) {
      fillSlotWith(this.last, keyOf(this.whole, length), answer, pointer, length);
    }
    const at = this.groupOf(i64x2.extract_lane(lowHalf(pointer, min(length, LONGEST)), 0));
    if (looked != NOT_BY_TOKENS) {
      const depth = max(looked, 1);
      const leading = depth > MAX_DEPTH ? 0 : leadingTokens(pointer, length, depth);
      if (leading != 0) {
        noteDepth(at, depth);
        if (load<i8>(at) == Whole.FIRST) store<i8>(at, Whole.YES);
        writeDownBeginning(this.leading, pointer, leading, answer);
        return;
      }
    }
    store<i8>(at, Whole.FIRST);
    writeDown(this.whole, pointer, length, answer);
  }

  /**
   * Remembers what nobody has asked yet: the answer about all subjects that begin with the first `leading` bytes of this one, at most
   * LONGEST, of which each is a token with the dot behind it. Does nothing if these tokens do not decide (`looked`), or the first
   * ones among them do. LONGEST bytes from the subject's beginning on must be memory.
   */
  foresee(pointer: usize, length: i32, looked: i32, leading: i32, answer: u64): void {
    if (looked == NOT_BY_TOKENS) return;
    const at = this.groupOf(i64x2.extract_lane(lowHalf(pointer, min(length, LONGEST)), 0));
    const depth = max(looked, 1);
    if (depth > MAX_DEPTH || leadingTokens(pointer, length, depth) != leading) return;
    noteDepth(at, depth);
    writeDownUnasked(this.leading, pointer, leading, answer);
  }

  /** Where the bytes of a subject's group lie. `beginning` are its first eight bytes, with zeros behind a shorter one. */
  // @ts-ignore: decorator
  @inline
  private groupOf(beginning: u64): usize {
    return this.groups + <usize>((beginning * GROUP) >> PRODUCT_SHIFT);
  }
}

/** So many leading tokens, from one to MAX_DEPTH, decide for a subject of the group whose bytes lie at `group`. */
function noteDepth(group: usize, depth: i32): void {
  const bit: i32 = 1 << (depth - 1);
  store<u8>(group, load<u8>(group, DEPTHS) | (<u8>bit), DEPTHS);
}
