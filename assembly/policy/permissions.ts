import { Ascii } from "../bytes/ascii";
import { sameBytes } from "../bytes/compare";
import { copyShort } from "../bytes/copy";
import { FixedText, fixedText } from "../bytes/fixed-text";
import { HALF, LONGEST } from "../bytes/padded";
import { Words } from "../bytes/words";
import { mayNameSubject } from "../nats/jetstream-subjects";
import { isReservedPublish, isReservedSubscription } from "../nats/reserved";
import { NOT_BY_TOKENS, Tokens, wildcardIn } from "../nats/subject";
import { answerOf, classOf, markReserved, NO_ANSWER, reasonOf, ruleOf } from "./answer";
import { makeRoomFor, makeRoomForLong, NO_QUESTION } from "./decision-cache";
import { SubjectMatcher, TOO_MANY_STEPS } from "./matcher";
import { EntryFlag } from "./matcher-entries";
import { NONE } from "./none";
import { answerToAllFrom, answerToPattern } from "./pattern-answer";
import { PermissionsInMaking } from "./permissions-in-making";
import { isPattern, misreadFrom, STREAM_TOKENS } from "./published-pattern";
import { Question } from "./question";
import { queueAllowedBy, roomForRules } from "./queue-subscriptions";
import { Reason } from "./reason";
import { ResponseLimit } from "./response-limit";
import { hasStepsLeft } from "./search-steps";
import { ClassMatcher, OTHER_CLASS } from "./subject-classes";

const subjectTokens: Tokens = new Tokens();

const SYSTEM_QUEUE: FixedText = fixedText("_sys_");

/** A subject below an entry, for `foresee`: leading tokens of at most LONGEST bytes, and one more token. */
const example: usize = heap.alloc(2 * LONGEST);
/** That token. Which one it is does not matter: where a rule asks for it, the tokens before it do not decide. */
const ONE_MORE: u8 = <u8>Ascii.DASH;

/**
 * What one set of rules together permits: compiled once for each distinct set and shared by every connection that
 * has it. What answers a `Reason` leaves the rule that decided in `decidedBy`; nothing here allocates for a publish or a
 * delivery.
 */
@unmanaged
@final
export class Permissions {
  readonly publishAllow: SubjectMatcher;
  readonly publishDeny: SubjectMatcher;
  readonly subscribeAllow: SubjectMatcher;
  readonly subscribeDeny: SubjectMatcher;
  /** Addresses of `ResponseLimit`s, which belong to this object. */
  private readonly responses: Words;
  readonly responseCount: i32;
  /**
   * The first rule with `publish: {allow: ALL}`, or NONE. It allows everything that nats-server would take with no list at all,
   * also subjects with empty tokens, which no entry matches.
   */
  readonly publishAllBy: i32;
  /** The flags of all such rules together. */
  private readonly publishAllFlags: i32;
  /** The first rule with `subscribe: {allow: ALL}`, or NONE. What cannot be subscribed to nats-server then answers itself. */
  readonly subscribeAllBy: i32;
  /**
   * The rule that decided last, or NONE when none did. `publishAnswer`, `deliveryAnswer` and `receiveAnswer` leave anything
   * here: their answers have the rule in them.
   */
  decidedBy: i32 = NONE;
  /** The class of the subject that `publish` was asked of last. */
  subjectClass: i32 = OTHER_CLASS;

  private readonly publishQuestion: Question = new Question();
  private readonly deliveryQuestion: Question = new Question();
  private readonly receiveQuestion: Question = new Question();

  /**
   * `ruleCount`: rules of the configuration, whose numbers the entries carry. `making`: those that these permissions are made of; it
   * goes. `classes`: those of subjects, for stats; null without any. They belong to the configuration (`SubjectClasses`).
   */
  constructor(
    ruleCount: i32,
    making: PermissionsInMaking,
    readonly classes: ClassMatcher | null,
  ) {
    roomForRules(ruleCount);
    this.publishAllow = making.publishAllow.seal();
    this.publishDeny = making.publishDeny.seal();
    this.subscribeAllow = making.subscribeAllow.seal();
    this.subscribeDeny = making.subscribeDeny.seal();
    this.responses = making.responses;
    this.responseCount = making.responseCount;
    this.publishAllBy = making.publishAllBy;
    this.publishAllFlags = making.publishAllFlags;
    this.subscribeAllBy = making.subscribeAllBy;
    heap.free(changetype<usize>(making));
    this.answerFirst();
  }

  /** One of the `responseCount`. */
  response(index: i32): ResponseLimit {
    return changetype<ResponseLimit>(<usize>this.responses.get(index));
  }

  /** Entries of all four lists. */
  get entryCount(): i32 {
    return (
      this.publishAllow.entryCount +
      this.publishDeny.entryCount +
      this.subscribeAllow.entryCount +
      this.subscribeDeny.entryCount
    );
  }

  /** Gives back all memory, the object's own too; nobody may hold it any more. */
  destroy(): void {
    for (let i = 0; i < this.responseCount; i++) heap.free(changetype<usize>(this.response(i)));
    this.responses.destroy();
    this.publishAllow.destroy();
    this.publishDeny.destroy();
    this.subscribeAllow.destroy();
    this.subscribeDeny.destroy();
    this.publishQuestion.destroy();
    this.deliveryQuestion.destroy();
    this.receiveQuestion.destroy();
    heap.free(changetype<usize>(this));
  }

  /** Makes room for answers, and finds the first ones. */
  private answerFirst(): void {
    if (!makeRoomFor(this.entryCount)) return;
    makeRoomForLong(longBeginningsOf(this.publishAllow) + longBeginningsOf(this.publishDeny));
    this.foresee(this.publishAllow);
    this.foresee(this.publishDeny);
  }

  /**
   * Finds the answers that the leading tokens of these entries decide before anybody publishes below them. One after the other they
   * take a third of the time that a client's first question takes, which finds nothing in the nearer caches: under 10,000 rules
   * 20,000 of these questions took five times what they take under ten.
   */
  private foresee(entries: SubjectMatcher): void {
    const tokens = subjectTokens;
    for (let entry = 0; entry < entries.entryCount; entry++) {
      const leading = beginningOf(entries, entry);
      if (leading <= 0 || leading > LONGEST) continue;
      copyShort(example, entries.subjectPointer(entry), leading);
      store<u8>(example + <usize>leading, ONE_MORE);
      const length = leading + 1;
      if (!tokens.split(example, length)) continue;
      const answer = this.decideLiteral(example, length, true);
      this.publishQuestion.foresee(example, length, tokens.looked, leading, answer);
    }
  }

  /** A peer for whom this is false may not even connect. */
  get allowsSomething(): bool {
    return (
      !this.publishAllow.isEmpty ||
      !this.subscribeAllow.isEmpty ||
      this.responseCount > 0 ||
      this.publishAllBy != NONE ||
      this.subscribeAllBy != NONE
    );
  }

  /** Is there any deny entry of subscribe, so that deliveries may have to be filtered? */
  get hasSubscribeDeny(): bool {
    return !this.subscribeDeny.isEmpty;
  }

  /**
   * May be published on the subject by the lists alone? nats-server checks that first, and again for a reply subject that is
   * delivered. Leaves `decidedBy` and `subjectClass`.
   */
  publish(pointer: usize, length: i32): Reason {
    const answer = this.publishAnswer(pointer, length);
    this.decidedBy = ruleOf(answer);
    this.subjectClass = classOf(answer);
    return reasonOf(answer);
  }

  /** The same answer with rule and class in one number (answer.ts), for those who ask for each message. */
  // @ts-ignore: decorator
  @inline
  publishAnswer(pointer: usize, length: i32): u64 {
    const known = this.publishQuestion.recall(pointer, length);
    return known != NO_ANSWER ? known : this.decideAnew(pointer, length);
  }

  /**
   * The same for a subject that is hardly the one asked for last. It has at most LONGEST bytes, and LONGEST bytes from its
   * beginning on are memory (bytes/padded.ts).
   */
  // @ts-ignore: decorator
  @inline
  otherPublishAnswer(pointer: usize, length: i32): u64 {
    const known = this.publishQuestion.recallOther(pointer, length);
    return known != NO_ANSWER ? known : this.decideAnew(pointer, length);
  }

  /** The number under which answers about publishes are remembered (`newQuestion`), which no other `Permissions` has. */
  get publishNumber(): u32 {
    return this.publishQuestion.whole;
  }

  private decideAnew(pointer: usize, length: i32): u64 {
    const tokens = subjectTokens;
    const splits = tokens.split(pointer, length);
    if (splits && isPattern(tokens)) return this.decidePattern(pointer, length);
    const answer = this.decideLiteral(pointer, length, splits);
    this.publishQuestion.remember(pointer, length, tokens.looked, answer);
    return answer;
  }

  /** The answer about a subject that `subjectTokens` hold, if it splits. Leaves `looked` there as far as the whole answer holds. */
  private decideLiteral(pointer: usize, length: i32, splits: bool): u64 {
    const tokens = subjectTokens;
    const reason = this.decidePublish(splits);
    tokens.holdBack(this.publishDeny.hasOdd || (tokens.looked > STREAM_TOKENS && mayNameSubject(pointer, length)));
    // The first token alone tells that, so that it too holds for all subjects that begin with the tokens looked at.
    const reserved = isReservedPublish(pointer, length);
    const answer = this.withClass(pointer, length, reason, this.decidedBy);
    return reserved ? markReserved(answer) : answer;
  }

  /** The class of any subject, by the configuration's list. */
  // @ts-ignore: decorator
  @inline
  classOf(pointer: usize, length: i32): i32 {
    const classes = this.classes;
    return classes == null ? OTHER_CLASS : classes.of(pointer, length);
  }

  /**
   * A subject that JetStream reads as a pattern (`isPattern`) must lie inside an allow entry and overlap no deny entry; one that
   * it misreads, all that it may find by it. The answer is not remembered: patterns come when a consumer is made, and a search
   * that was given up for want of steps may end another time.
   */
  private decidePattern(pointer: usize, length: i32): u64 {
    const subjectClass = this.classOf(pointer, length);
    const beyond = misreadFrom(subjectTokens);
    return beyond == 0
      ? answerToPattern(subjectTokens, this.publishAllow, this.publishDeny, this.publishAllBy, subjectClass)
      : answerToAllFrom(subjectTokens, beyond, this.publishAllow, this.publishDeny, this.publishAllBy, subjectClass);
  }

  private decidePublish(splits: bool): Reason {
    this.decidedBy = NONE;
    const tokens = subjectTokens;
    if (splits) {
      this.decidedBy = this.publishDeny.findRule(tokens);
      if (this.decidedBy != NONE) return Reason.DENIED;
      this.decidedBy = this.publishAllow.findRule(tokens);
      if (this.decidedBy != NONE) return Reason.ALLOWED;
    }
    if (this.publishAllBy == NONE) return Reason.NOT_ALLOWED;
    this.decidedBy = this.publishAllBy;
    return Reason.ALLOWED;
  }

  /** Is the subject allowed by a rule that has all of `flags`? Deny entries are not asked. */
  publishAllowsWith(pointer: usize, length: i32, flags: i32): bool {
    if ((this.publishAllFlags & flags) == flags && this.publishAllBy != NONE) return true;
    const tokens = subjectTokens;
    return tokens.split(pointer, length) && this.publishAllow.find(tokens, flags) != NONE;
  }

  /**
   * May the peer itself receive on this subject, or on all that it matches? Asked of reply subjects (`replies: OWN`) and of
   * `Nats-Schedule-Source`. Entries with a queue do not count, since a reply is not for a group.
   */
  receives(pointer: usize, length: i32): bool {
    return reasonOf(this.receiveAnswer(pointer, length)) == Reason.ALLOWED;
  }

  /** The same as a number (answer.ts), for those who ask for each message: ALLOWED or not. */
  // @ts-ignore: decorator
  @inline
  receiveAnswer(pointer: usize, length: i32): u64 {
    const known = this.receiveQuestion.recall(pointer, length);
    return known != NO_ANSWER ? known : this.decideReceive(pointer, length);
  }

  /**
   * nats-server's permissions take a subject with wildcards for a literal one. But a stream that takes the answer purges by the
   * wildcards, if the answer is a stored message with a rollup. And its `subject_transform` makes wildcards of parts of tokens
   * (2.15.2, tried). So the peer must be one that may receive everything from the first such token on. That answer is not
   * remembered. One that leading tokens have decided holds for such subjects too, except where a deny entry has odd tokens.
   */
  private decideReceive(pointer: usize, length: i32): u64 {
    const tokens = subjectTokens;
    if (!tokens.split(pointer, length)) return answerOf(Reason.NOT_ALLOWED, NONE, OTHER_CLASS);
    const beyond = wildcardIn(pointer, length);
    if (beyond != 0) {
      return answerToAllFrom(tokens, beyond, this.subscribeAllow, this.subscribeDeny, this.subscribeAllBy, OTHER_CLASS);
    }
    const receives =
      (this.subscribeAllBy != NONE || this.subscribeAllow.findRule(tokens) != NONE) &&
      this.subscribeDeny.findRule(tokens) == NONE;
    tokens.holdBack(this.subscribeDeny.hasOdd);
    const answer = answerOf(receives ? Reason.ALLOWED : Reason.NOT_ALLOWED, NONE, OTHER_CLASS);
    this.receiveQuestion.remember(pointer, length, tokens.looked, answer);
    return answer;
  }

  /** May be subscribed to the subject, in a queue group if `queueLength` is not 0? Leaves `decidedBy`. */
  subscribe(pointer: usize, length: i32, queue: usize, queueLength: i32): Reason {
    this.decidedBy = NONE;
    const tokens = subjectTokens;
    const splits = tokens.split(pointer, length);
    if (!splits && this.subscribeAllBy == NONE) return Reason.NOT_ALLOWED;
    const isSystemQueue = queueLength == SYSTEM_QUEUE.length && sameBytes(queue, SYSTEM_QUEUE.pointer, queueLength);
    if (isSystemQueue || isReservedSubscription(pointer, length)) return Reason.RESERVED;
    const queued = queueLength > 0;
    // nats-server itself answers `Invalid Subject`. No entry matches it.
    if (!splits) {
      this.decidedBy = this.subscribeAllBy;
      return Reason.ALLOWED;
    }
    // All entries that match are looked at where some name queues, which can be thousands for each line of a client.
    if (queued && (this.subscribeAllow.hasQueues || this.subscribeDeny.hasQueues) && !hasStepsLeft()) {
      return Reason.QUEUE_OVER_DENY;
    }
    let rule = queued
      ? queueAllowedBy(this.subscribeAllow, tokens, queue, queueLength)
      : this.subscribeAllow.findCovering(tokens);
    if (rule == NONE) rule = this.subscribeAllBy;
    if (rule == NONE) return Reason.NOT_ALLOWED;
    // A plain deny entry refuses both kinds, one with a queue only a queue subscription that fits it.
    const deny =
      queued && this.subscribeDeny.hasQueues
        ? this.subscribeDeny.findFor(tokens, false, queue, queueLength)
        : this.subscribeDeny.find(tokens, EntryFlag.NONE);
    if (deny != NONE) {
      this.decidedBy = this.subscribeDeny.rule(deny);
      return Reason.DENIED;
    }
    // A '>' that is not last can be subscribed to nowhere: nats-server answers `Invalid Subject`.
    if (queued && tokens.hasWildcard && !tokens.hasInnerGreater) {
      const overlapped = this.subscribeDeny.findOverlap(tokens, false, queue, queueLength);
      if (overlapped != NONE) {
        this.decidedBy = overlapped == TOO_MANY_STEPS ? NONE : this.subscribeDeny.rule(overlapped);
        return Reason.QUEUE_OVER_DENY;
      }
    }
    this.decidedBy = rule;
    return Reason.ALLOWED;
  }

  /**
   * Does an accepted subscription make deliveries worth filtering (nats-server client.go
   * `loadMsgDenyFilterIfNeeded`)? The queue plays no part in it there either.
   */
  needsDeliveryFilter(pointer: usize, length: i32, queued: bool): bool {
    const tokens = subjectTokens;
    if (this.subscribeDeny.isEmpty || !tokens.split(pointer, length)) return false;
    if (!queued && !tokens.hasWildcard) return false;
    return this.subscribeDeny.findOverlap(tokens, true, 0, 0) != NONE;
  }

  /**
   * Is a message on this subject kept from a subscription (client.go `checkDenySub`)? `queueLength` 0 means no
   * queue; `queueKnown` false means that we no longer know the subscription, and then every queue counts. It is kept where no steps
   * are left to look at entries with queues (search-steps.ts). Leaves `decidedBy`.
   */
  deliveryDenied(pointer: usize, length: i32, queue: usize, queueLength: i32, queueKnown: bool): bool {
    // Without a queue, entries with one play no part.
    if (!this.subscribeDeny.hasQueues || (queueKnown && queueLength == 0)) {
      const answer = this.deliveryAnswer(pointer, length);
      this.decidedBy = ruleOf(answer);
      return reasonOf(answer) == Reason.DENIED;
    }
    const tokens = subjectTokens;
    this.decidedBy = NONE;
    if (!tokens.split(pointer, length)) return false;
    // As in `subscribe`.
    if (!hasStepsLeft()) return true;
    const deny = this.subscribeDeny.findFor(tokens, !queueKnown, queue, queueLength);
    if (deny == NONE) return false;
    this.decidedBy = this.subscribeDeny.rule(deny);
    return true;
  }

  /** Do deny entries name queues? Then `deliveryAnswer` is not the whole answer. */
  get deniesQueues(): bool {
    return this.subscribeDeny.hasQueues;
  }

  /** `deliveryDenied` with rule and class in one number (answer.ts), by the deny entries without queue: DENIED or ALLOWED. */
  // @ts-ignore: decorator
  @inline
  deliveryAnswer(pointer: usize, length: i32): u64 {
    const known = this.deliveryQuestion.recall(pointer, length);
    return known != NO_ANSWER ? known : this.decideDelivery(pointer, length);
  }

  /** The same for a subject that is hardly the one asked for last, under the conditions of `otherPublishAnswer`. */
  // @ts-ignore: decorator
  @inline
  otherDeliveryAnswer(pointer: usize, length: i32): u64 {
    const known = this.deliveryQuestion.recallOther(pointer, length);
    return known != NO_ANSWER ? known : this.decideDelivery(pointer, length);
  }

  /**
   * The number of the question that a delivery asks: whether it is kept back if `filtering`, else for its class alone.
   * NO_QUESTION if neither is asked.
   */
  deliveryNumber(filtering: bool): u32 {
    if (filtering) return this.deliveryQuestion.whole;
    const classes = this.classes;
    return classes == null ? NO_QUESTION : classes.number;
  }

  private decideDelivery(pointer: usize, length: i32): u64 {
    const tokens = subjectTokens;
    const deny = tokens.split(pointer, length) ? this.subscribeDeny.findRule(tokens) : NONE;
    const answer = this.withClass(pointer, length, deny == NONE ? Reason.ALLOWED : Reason.DENIED, deny);
    this.deliveryQuestion.remember(pointer, length, tokens.looked, answer);
    return answer;
  }

  /**
   * The answer together with the subject's class, which is found here. The reason was found with `subjectTokens`, whose `looked` is as
   * many tokens as both follow from.
   */
  private withClass(pointer: usize, length: i32, reason: Reason, rule: i32): u64 {
    const classes = this.classes;
    if (classes == null) return answerOf(reason, rule, OTHER_CLASS);
    const subjectClass = classes.decide(pointer, length);
    const tokens = subjectTokens;
    if (tokens.looked != NOT_BY_TOKENS) tokens.looked = max(tokens.looked, classes.looked);
    return answerOf(reason, rule, subjectClass);
  }
}

/** Bytes of an entry's subject before its first token with a wildcard; not above 0 if that is the first token or there is none. */
function beginningOf(entries: SubjectMatcher, entry: i32): i32 {
  const subject = entries.subjectPointer(entry);
  return <i32>(wildcardIn(subject, entries.subjectLength(entry)) - subject);
}

/** How many entries have a beginning of more than HALF and at most LONGEST bytes. */
function longBeginningsOf(entries: SubjectMatcher): i32 {
  let count = 0;
  for (let entry = 0; entry < entries.entryCount; entry++) {
    const length = beginningOf(entries, entry);
    if (length > HALF && length <= LONGEST) count++;
  }
  return count;
}
