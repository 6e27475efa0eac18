import { ClientLine } from "../nats/client-line";
import { isApiRequest } from "../nats/jetstream-subjects";
import { isReservedPublish, isReservedReply } from "../nats/reserved";
import { Violation } from "../nats/texts";
import { reasonOf } from "../policy/answer";
import { EntryFlag } from "../policy/matcher-entries";
import { NONE } from "../policy/none";
import { Permissions } from "../policy/permissions";
import { Reason } from "../policy/reason";
import { UNKNOWN } from "../telemetry/names";
import { judgeHeaders, refusedName, refusedNameLength, refusedViolation, refusesTraceDest } from "./header-judgement";
import { PeerGrants } from "./peer-grants";

/**
 * What one connection may do: the permissions of its principal, which it shares with others, and what only it has: its
 * reply grants (peer-grants.ts) and whether its deliveries are filtered. Every question answers a `Reason`; for a refusal
 * the fields tell what its text names.
 */
@unmanaged
@final
export class Access extends PeerGrants {
  // Fields of one or two bytes stand together, behind that of `PeerGrants`. Each connection has such an object, in a block of 48
  // bytes; a word more makes it 64.
  /** A number of `Names`, of which there are fewer than 65,536. */
  label: u16 = <u16>UNKNOWN;
  /** A `Violation`: how the text of the last refusal begins. */
  violation: u8 = <u8>Violation.PUBLISH;
  /**
   * Deliveries are filtered, from the first accepted subscription that overlaps a deny entry until the next CONNECT (client.go
   * `mperms`).
   */
  filtering: bool = false;
  /** A subscription that was accepted after the last CONNECT needs the filter. */
  private filterNeededSince: bool = false;
  /**
   * The connection was under an older policy before. Messages may come for subscriptions of that time that nobody has judged by
   * this policy.
   */
  succeeds: bool = false;

  /** What the text of the last refusal names. Only valid until the callback ends. */
  name: usize = 0;
  nameLength: i32 = 0;
  /** The rule that decided last, or NONE when none did. */
  rule: i32 = NONE;
  /** The rule whose name was counted in stats last. `label` is the number of that name (report.ts). */
  labelled: i32 = NONE;

  /** Further CONNECTs that the server has not taken yet, as far as we know (`beginReset`). */
  private resets: i32 = 0;

  constructor(
    readonly permissions: Permissions,
    grantBound: i32,
  ) {
    super(permissions, grantBound);
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
    this.inheritGrants(grantor);
  }

  /**
   * Turns the filter on if a subscription that the policy allows needs it. All live subscriptions were made after the last CONNECT,
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
    this.destroyGrants();
    heap.free(changetype<usize>(this));
  }

  /**
   * May this PUB or HPUB pass? Of an HPUB the `line.headerLength` bytes behind the line are there if `headersHeld`; otherwise
   * it is refused for that. The order is nats-server's: trace destination, subject, reply (client.go
   * `processInboundClientMsg`). The other headers, which it would not check, come last. Uses a grant if one is needed, also
   * where the reply subject or one of these headers is refused then, as nats-server does where it refuses a reply subject.
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
   * grant does, of which this check is one use (client.go deliverMsg). Over a deny entry nothing is granted (docs/reference/parity.md).
   * Answers the subject's `hashBytes64` if that was needed, else 0.
   */
  noteReply(reply: usize, length: i32): u64 {
    return this.mayGrant(reply, length) ? this.grantReply(reply, length) : 0;
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

  /** Messages from before a further CONNECT may still come. */
  get isResetting(): bool {
    return this.resets > 0;
  }

  /**
   * The server has taken a further CONNECT: everything that now comes was sent after it, unless there may be a subscription that no
   * CONNECT ends (stray-subscriptions.ts). Then a filter that is on stays on.
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
