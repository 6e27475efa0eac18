import { shareBytes } from "../bytes/budget";
import { hashBytes, hashBytes64, shortHash } from "../bytes/hash";
import { Words } from "../bytes/words";
import { ClientLine } from "../nats/client-line";
import { isReservedPublish, isReservedReply } from "../nats/reserved";
import { isApiRequest } from "../nats/jetstream-subjects";
import { Violation } from "../nats/texts";
import { reasonOf } from "../policy/answer";
import { EntryFlag } from "../policy/matcher";
import { NONE } from "../policy/none";
import { Permissions } from "../policy/permissions";
import { Reason } from "../policy/reason";
import { ResponseLimit } from "../policy/response-limit";
import { UNKNOWN } from "../telemetry/names";
import { callbackTime } from "./callback-time";
import { judgeHeaders, refusedName, refusedNameLength, refusedViolation, refusesTraceDest } from "./header-judgement";
import { ReplyGrants } from "./reply-grants";

/**
 * The grants of one connection may hold one part in so many of what the connection may hold itself of the VM's budget
 * (`shareBytes`).
 */
const GRANTS_PART: i64 = 4;

/**
 * What one connection may do: the permissions of its principal, which it shares with others, and what only it has: its
 * reply grants and whether its deliveries are filtered. Every question answers a `Reason`; for a refusal the fields
 * tell what its text names.
 */
@unmanaged
@final
export class Access {
  /** What the text of the last refusal names. Only valid until the callback ends. */
  name: usize = 0;
  nameLength: i32 = 0;
  /** The rule that decided last, or NONE when none did. */
  rule: i32 = NONE;
  /** The rule whose name was counted in stats last. `label` is the number of that name (report.ts). */
  labelled: i32 = NONE;

  /** Further CONNECTs that the server has not taken yet, as far as we know (`beginReset`). */
  private resets: i32 = 0;
  /** The rule whose grant has allowed the publish in hand. */
  private grantedBy: i32 = NONE;

  // Fields of one or two bytes stand together. Each connection has such an object, in a block of 48 bytes; a word more makes it 64.
  /** A number of `Names`, of which there are fewer than 65,536. */
  label: u16 = <u16>UNKNOWN;
  /** A `Violation`: how the text of the last refusal begins. */
  violation: u8 = <u8>Violation.PUBLISH;
  /**
   * Deliveries are filtered, from the first accepted subscription that overlaps a deny entry until the next CONNECT (client.go
   * `mperms`).
   */
  filtering: bool = false;
  /** A subscription that was accepted behind the last CONNECT needs the filter. */
  private filterNeededSince: bool = false;
  /**
   * The connection was under an older policy before. Messages may come for subscriptions of that time that nobody has judged by
   * this policy.
   */
  succeeds: bool = false;
  /** Was it allowed by a grant of a rule with `replies: ANY`? */
  private grantedRepliesAny: bool = false;

  private readonly grantCount: i32;
  /** Addresses of `ReplyGrants`, one for each `allow_responses` that the peer has. */
  private readonly grants: Words = new Words();

  constructor(
    readonly permissions: Permissions,
    grantBound: i32,
  ) {
    const count = permissions.responseCount;
    this.grantCount = count;
    this.grants.reserve(count);
    for (let i = 0; i < count; i++) {
      const grants = new ReplyGrants(permissions.response(i), grantBound);
      this.grants.set(i, <i32>changetype<usize>(grants));
    }
  }

  // @ts-ignore: decorator
  @inline
  private grantsAt(index: i32): ReplyGrants {
    return changetype<ReplyGrants>(<usize>this.grants.get(index));
  }

  /**
   * Takes over what the connection had under an older policy: the reply grants of `grantor`, as far as the peer may still answer
   * at all (docs/adr/0008), and CONNECTs that are under way. A filter that is on stays on, since maxima of subscriptions have
   * been counted here meanwhile.
   */
  inherit(former: Access, grantor: Access): void {
    this.filtering = former.filtering;
    this.resets = former.resets;
    this.filterNeededSince = former.filterNeededSince;
    this.succeeds = true;
    for (let i = 0; i < this.grantCount; i++) {
      const grants = this.grantsAt(i);
      grants.copyFrom(grantor.likestGrants(grants.limit));
      this.boundGrants();
    }
  }

  /** The grants that had the same limits, or without such the most: those that end first have only a part of the others'. */
  private likestGrants(limit: ResponseLimit): ReplyGrants | null {
    let likest: ReplyGrants | null = null;
    for (let i = 0; i < this.grantCount; i++) {
      const grants = this.grantsAt(i);
      if (grants.limit.is(limit.max, limit.expires, limit.repliesAny)) return grants;
      if (likest == null || grants.bytes > likest.bytes) likest = grants;
    }
    return likest;
  }

  /**
   * Turns the filter on if a subscription that the policy allows needs it. All live subscriptions are behind the last CONNECT,
   * so that the filter also stays on when the server has taken that.
   */
  noteSubscription(subject: usize, length: i32, queued: bool): void {
    if (this.filtering && (this.resets == 0 || this.filterNeededSince)) return;
    if (!this.permissions.needsDeliveryFilter(subject, length, queued)) return;
    this.filtering = true;
    this.filterNeededSince = true;
  }

  /** Gives back all memory, the object's own too; the permissions are not ours. */
  destroy(): void {
    for (let i = 0; i < this.grantCount; i++) this.grantsAt(i).destroy();
    this.grants.destroy();
    heap.free(changetype<usize>(this));
  }

  /** Bytes of the VM's budget that the grants hold, with their tables. */
  get heldBytes(): i64 {
    let bytes: i64 = 0;
    for (let i = 0; i < this.grantCount; i++) bytes += this.grantsAt(i).heldBytes;
    return bytes;
  }

  /** Bytes of the grants without their tables, which become fewer with each grant that is forgotten. */
  private get grantedBytes(): i64 {
    let bytes: i64 = 0;
    for (let i = 0; i < this.grantCount; i++) bytes += this.grantsAt(i).bytes;
    return bytes;
  }

  /** May deliveries grant answers at all? */
  get grantsReplies(): bool {
    return this.grantCount > 0;
  }

  /**
   * May this PUB or HPUB pass? Of an HPUB the `line.headerLength` bytes behind the line are there if `headersHeld`; otherwise
   * it is refused for that. The order is nats-server's: trace destination, subject, reply (client.go
   * `processInboundClientMsg`). The other headers, which it would not check, come last. Uses a grant if one is needed.
   * `largestPayload` is what a message may have in bytes, 0 while nats-server has not told.
   */
  publish(line: ClientLine, headersHeld: bool, largestPayload: i32): Reason {
    if (!headersHeld) {
      this.refuse(Violation.PUBLISH, line.subject, line.subjectLength, NONE);
      return Reason.HEADERS_TOO_LARGE;
    }
    const headers = line.headerLength > 0 ? judgeHeaders(this.permissions, line, largestPayload) : Reason.ALLOWED;
    if (headers == Reason.ALLOWED || !refusesTraceDest) {
      const subject = this.judgeSubject(line);
      if (subject != Reason.ALLOWED) return subject;
      const allowedBy = this.rule;
      if (line.replyLength > 0) {
        const reply = this.judgeReply(line);
        if (reply != Reason.ALLOWED) return reply;
      }
      this.rule = allowedBy;
    }
    if (headers != Reason.ALLOWED) {
      this.refuse(refusedViolation, refusedName, refusedNameLength, NONE);
    }
    return headers;
  }

  /** May this SUB pass? Turns the filter on if it needs it. */
  subscribe(line: ClientLine): Reason {
    const reason = this.permissions.subscribe(line.subject, line.subjectLength, line.queue, line.queueLength);
    this.refuse(Violation.SUBSCRIPTION, line.subject, line.subjectLength, this.permissions.decidedBy);
    if (reason == Reason.ALLOWED) this.noteSubscription(line.subject, line.subjectLength, line.queueLength > 0);
    return reason;
  }

  /** Has the peer no right any more to a delivery whose subscription is not known? Its subject alone tells then. */
  hasLost(subject: usize, length: i32): bool {
    return this.succeeds && !this.permissions.receives(subject, length);
  }

  /**
   * Is a delivery kept back by a deny entry? Ask only while deliveries are filtered. The other arguments are those of
   * `Permissions.deliveryDenied`.
   */
  keepsBack(subject: usize, length: i32, queue: usize, queueLength: i32, queueKnown: bool): bool {
    const denied = this.permissions.deliveryDenied(subject, length, queue, queueLength, queueKnown);
    if (denied) this.refuse(Violation.SUBSCRIPTION, subject, length, this.permissions.decidedBy);
    return denied;
  }

  /**
   * A delivery with this reply subject has passed. The peer is granted an answer unless the lists allow it anyway, or a live
   * grant does, of which this check is one use (client.go deliverMsg). Over a deny entry nothing is granted (docs/parity.md).
   * Answers the subject's `hashBytes64` if that was needed, else 0.
   */
  noteReply(reply: usize, length: i32): u64 {
    if (!this.mayGrant(reply, length)) return 0;
    const now = callbackTime();
    const name = hashBytes64(reply, length);
    const hash = shortHash(name);
    if (this.useHashed(reply, length, hash, now)) return name;
    for (let i = 0; i < this.grantCount; i++) this.grantsAt(i).grant(reply, length, hash, now);
    this.boundGrants();
    return name;
  }

  /** Those who send requests choose how long reply subjects are: so nobody is closed for them, but the oldest grants go. */
  private boundGrants(): void {
    while (this.grantedBytes > shareBytes() / GRANTS_PART) {
      for (let i = 0; i < this.grantCount; i++) this.grantsAt(i).forgetOldest();
    }
  }

  /** Is this publish, which the lists do not allow, an answer that was granted? If so, the grant is used once. */
  useGrants(subject: usize, length: i32): bool {
    return this.grantCount != 0 && this.useGrantsOf(subject, length, hashBytes64(subject, length));
  }

  /** The same where answers are granted at all and the subject's `hashBytes64` is known. */
  // @ts-ignore: decorator
  @inline
  useGrantsOf(subject: usize, length: i32, name: u64): bool {
    return this.useHashed(subject, length, shortHash(name), callbackTime());
  }

  /** Could `useGrants` answer true for this subject? Asking uses nothing; a grant that is over counts too. */
  hasGrantOf(subject: usize, length: i32): bool {
    if (this.grantCount == 0) return false;
    const hash = hashBytes(subject, length);
    for (let i = 0; i < this.grantCount; i++) {
      if (this.grantsAt(i).has(subject, length, hash)) return true;
    }
    return false;
  }

  /** Uses the grants of each rule as if that rule stood alone. What one of them allows is allowed. */
  private useHashed(subject: usize, length: i32, hash: u32, now: i64): bool {
    let granted = false;
    this.grantedRepliesAny = false;
    for (let i = 0; i < this.grantCount; i++) {
      const grants = this.grantsAt(i);
      if (!grants.use(subject, length, hash, now)) continue;
      if (!granted) this.grantedBy = grants.limit.rule;
      if (grants.limit.repliesAny) this.grantedRepliesAny = true;
      granted = true;
    }
    return granted;
  }

  /**
   * Would a delivery with this reply subject be granted an answer, if it has none? An answer to JetStream's API would be a request
   * that whoever asked may not send (client.go deliverMsg, 2.14.10 and 2.15.3).
   */
  // @ts-ignore: decorator
  @inline
  private mayGrant(reply: usize, length: i32): bool {
    return (
      this.resets == 0 &&
      !isApiRequest(reply, length) &&
      reasonOf(this.permissions.publishAnswer(reply, length)) == Reason.NOT_ALLOWED
    );
  }

  /**
   * The client sent a further CONNECT, with which grants and filter begin anew (client.go processConnect). Messages that
   * the server had queued before are still to come, and nats-server has filtered those: so the filter stays until
   * `finishReset`, and what they bring is granted nothing.
   */
  beginReset(): void {
    this.resets++;
    this.filterNeededSince = false;
    this.forgetGrants();
  }

  /** Forgets all grants, so that nothing that was asked before may be answered by them. */
  forgetGrants(): void {
    for (let i = 0; i < this.grantCount; i++) this.grantsAt(i).release();
  }

  /** Messages from before a further CONNECT may still come. */
  get isResetting(): bool {
    return this.resets > 0;
  }

  /**
   * The server has taken a further CONNECT: everything that now comes is behind it, unless there may be a subscription that no CONNECT
   * ends (stray-subscriptions.ts). Then a filter that is on stays on.
   */
  finishReset(mayHaveStray: bool): void {
    this.resets--;
    if (this.resets == 0) this.filtering = this.filterNeededSince || (this.filtering && mayHaveStray);
  }

  /** Notes what the text of a refusal names, and the rule that decided. */
  refuse(violation: Violation, name: usize, length: i32, rule: i32): void {
    this.violation = <u8>violation;
    this.name = name;
    this.nameLength = length;
    this.rule = rule;
  }

  private judgeSubject(line: ClientLine): Reason {
    this.refuse(Violation.PUBLISH, line.subject, line.subjectLength, NONE);
    if (isReservedPublish(line.subject, line.subjectLength)) return Reason.RESERVED;
    const reason = this.permissions.publish(line.subject, line.subjectLength);
    this.rule = this.permissions.decidedBy;
    this.grantedRepliesAny = false;
    if (reason != Reason.NOT_ALLOWED || !this.useGrants(line.subject, line.subjectLength)) return reason;
    this.rule = this.grantedBy;
    return Reason.ALLOWED;
  }

  private judgeReply(line: ClientLine): Reason {
    this.refuse(Violation.REPLY, line.reply, line.replyLength, NONE);
    if (isReservedReply(line.reply, line.replyLength)) return Reason.REPLY_RESERVED;
    if (
      this.grantedRepliesAny ||
      this.permissions.receives(line.reply, line.replyLength) ||
      this.permissions.publishAllowsWith(line.subject, line.subjectLength, EntryFlag.REPLIES_ANY)
    ) {
      return Reason.ALLOWED;
    }
    return Reason.REPLY_NOT_OWN;
  }
}
