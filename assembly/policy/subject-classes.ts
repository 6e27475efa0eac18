import { Words } from "../bytes/words";
import { Tokens } from "../nats/subject";
import { answerOf, classOf, NO_ANSWER } from "./answer";
import { SubjectMatcher } from "./matcher";
import { EntryFlag } from "./matcher-entries";
import { MatcherInMaking } from "./matcher-in-making";
import { NONE } from "./none";
import { Question } from "./question";
import { Reason } from "./reason";

/** The class of subjects that no pattern matches. Stats call this number `other` (telemetry/names.ts). */
export const OTHER_CLASS: i32 = 0;
/** The class of operations that name no subject. Stats call it `unknown`. */
export const NO_SUBJECT: i32 = 1;

/** One entry of `telemetry.subjects`. */
export class SubjectClass {
  name: string = "";
  readonly patterns: StaticArray<u8>[] = [];
  /** The number under which stats count it (telemetry/names.ts), below 256; OTHER_CLASS until it is given. */
  number: i32 = OTHER_CLASS;
}

const tokens: Tokens = new Tokens();

/** The patterns of all classes as one tree. */
@unmanaged
@final
export class ClassMatcher {
  private readonly question: Question = new Question();

  constructor(
    /** Of entries whose rules are the places of their classes in the configuration's list. */
    private readonly matcher: SubjectMatcher,
    /** A class's number by its place. */
    private readonly numbers: Words,
  ) {}

  /** By how many leading tokens the last `decide`, of any matcher, found its answer (`Tokens.looked`). */
  get looked(): i32 {
    return tokens.looked;
  }

  /** The number of the first class in the list that matches the subject, or OTHER_CLASS. */
  decide(pointer: usize, length: i32): i32 {
    if (!tokens.split(pointer, length)) return OTHER_CLASS;
    const matcher = this.matcher;
    matcher.collect(tokens);
    let first = NONE;
    for (let i = 0; i < matcher.foundCount; i++) {
      const place = matcher.rule(matcher.foundEntry(i));
      if (first == NONE || place < first) first = place;
    }
    return first == NONE ? OTHER_CLASS : this.numbers.get(first);
  }

  /** The same, remembered among the decisions. */
  // @ts-ignore: decorator
  @inline
  of(pointer: usize, length: i32): i32 {
    const known = this.question.recall(pointer, length);
    return known != NO_ANSWER ? classOf(known) : this.decideAnew(pointer, length);
  }

  /** The number of the question for the class (`newQuestion`). */
  get number(): u32 {
    return this.question.whole;
  }

  private decideAnew(pointer: usize, length: i32): i32 {
    const number = this.decide(pointer, length);
    this.question.remember(pointer, length, this.looked, answerOf(Reason.ALLOWED, NONE, number));
    return number;
  }

  /** Gives back all memory, the object's own too. */
  destroy(): void {
    this.matcher.destroy();
    this.numbers.destroy();
    this.question.destroy();
    heap.free(changetype<usize>(this));
  }
}

/** The classes of one configuration, compiled for as long as somebody holds them. */
@final
export class SubjectClasses {
  private matcher: ClassMatcher | null = null;
  private holders: i32 = 0;

  constructor(readonly list: SubjectClass[]) {}

  /**
   * The matcher, compiled if nobody held it; null when no classes are configured, and then nothing is ever looked up. Call
   * `release` as often.
   */
  hold(): ClassMatcher | null {
    this.holders++;
    if (this.matcher == null && this.list.length > 0) this.matcher = this.compile();
    return this.matcher;
  }

  /** Undoes one `hold`. The last one frees the matcher. */
  release(): void {
    this.holders--;
    const matcher = this.matcher;
    if (this.holders > 0 || matcher == null) return;
    matcher.destroy();
    this.matcher = null;
  }

  private compile(): ClassMatcher {
    const matcher = new MatcherInMaking();
    const numbers = new Words();
    numbers.reserve(this.list.length);
    for (let place = 0; place < this.list.length; place++) {
      const entry = this.list[place];
      numbers.set(place, entry.number);
      for (let i = 0; i < entry.patterns.length; i++) {
        const pattern = entry.patterns[i];
        // The configuration's reader has found it to be one.
        if (!tokens.split(changetype<usize>(pattern), pattern.length)) continue;
        matcher.add(tokens, place, EntryFlag.NONE, 0, 0);
      }
    }
    return new ClassMatcher(matcher.seal(), numbers);
  }
}
