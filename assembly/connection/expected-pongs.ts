import { Buffer } from "../bytes/buffer";
import { equalBytes } from "../bytes/compare";
import { Embedded, embeddedIn } from "../bytes/embedded";

/** What becomes of the PONG that answers a PING. */
export const enum Pong {
  /** There is no record: no PING of ours or of the client's is unanswered. */
  NONE = 0,
  /** The client's own: it passes. */
  CLIENT = 1,
  /** Shows that the +OK that follows answers an UNSUB of ours. Both are swallowed. */
  SWALLOW_OK = 2,
  /** Shows that the server has taken a further CONNECT, and is swallowed. */
  CONNECT_TAKEN = 3,
  /** Shows that all is here that the server delivered before an UNSUB with a maximum, and is swallowed. */
  MAXIMUM = 4,
  /** The same, and becomes `+OK`. */
  MAXIMUM_OK = 5,
  /**
   * Shows that all is here that the server delivered before a SUB whose sid another one had, or before the UNSUB of one whose
   * maximum was counted here, and is swallowed.
   */
  BEGINS = 6,
  /** Shows that the server has taken the UNSUBs of all that a newer policy has revoked, and is swallowed. */
  REVOCATIONS_TAKEN = 7,
  /** Becomes the text of a violation with the name that the record holds. */
  PUBLISH_VIOLATION = 8,
  /** The same, after `Invalid Publish Subject` (pedantic mode). */
  PEDANTIC_PUBLISH_VIOLATION = 9,
  REPLY_VIOLATION = 10,
  PEDANTIC_REPLY_VIOLATION = 11,
  SUBSCRIPTION_VIOLATION = 12,
  /** The same with a queue beside the subject. */
  QUEUE_VIOLATION = 13,
  SUBSCRIPTIONS_EXCEEDED = 14,
  /** From here on: becomes the last line that the client gets, after which the connection ends. */
  AUTHORIZATION_VIOLATION = 15,
  CONTROL_LINE_EXCEEDED = 16,
  PAYLOAD_VIOLATION = 17,
  /**
   * The text of CONTROL_LINE_EXCEEDED, in place of the first CONNECT. A server that waits for one refuses the PING (to-client.ts
   * `takeError`).
   */
  LONG_CONNECT = 18,
}

/**
 * Bytes of a record's head: kind << 24 | length of the name. Behind it a QUEUE_VIOLATION has the length of the queue, and a
 * record about a subscription its serial and a maximum, a WORD each. Then come the bytes of the name, and those of the queue.
 */
const HEAD: i32 = 4;
const WORD: i32 = 4;
const LENGTH_MASK: u32 = 0xffffff;
/**
 * PINGs of the client's own that follow each other are one record, which has their number in place of a length. A record counts
 * so many at most.
 */
const MAX_RUN: u32 = LENGTH_MASK;
/**
 * Bytes of records taken off before the others are moved to the front, and only if they are half of all: so a long queue costs
 * O(1) for each record.
 */
const COMPACT: i32 = 4096;

/**
 * The PINGs that are under way to the server, in order, with what their PONGs become: one record for each PING,
 * whoever sent it. nats-server answers PINGs in the order of all other operations, so a refusal's text takes the place
 * that nats-server's own would have.
 */
@unmanaged
@final
export class ExpectedPongs {
  private get records(): Buffer {
    return embeddedIn<Buffer>(changetype<usize>(this), offsetof<ExpectedPongs>("recordsEmbedded"));
  }
  private readonly recordsEmbedded: Embedded;
  /** Where the oldest record begins. */
  private head: i32 = 0;
  /** Where the newest record begins, if there is any. */
  private last: i32 = 0;

  /** Bytes of the records that wait. The caller bounds them (`limits.outstandingReplies`). */
  get size(): i32 {
    return this.records.length - this.head;
  }

  /** Bytes of the VM's budget that this holds, which become fewer only when nothing waits. */
  get heldBytes(): i64 {
    return <i64>this.records.capacity;
  }

  /** The block in which they lie, 0 without any. */
  get block(): usize {
    return this.records.pointer;
  }

  /** Bytes of the newest record. */
  get lastSize(): i32 {
    return this.isEmpty ? 0 : this.records.length - this.last;
  }

  /** Does nothing wait? */
  get isEmpty(): bool {
    return this.records.length == this.head;
  }

  /**
   * A PING of the client's own goes to the server. As all that push, answers false when the budget has no room, and then has
   * changed nothing.
   */
  pushClient(): bool {
    if (!this.isEmpty) {
      const at = this.records.pointer + <usize>this.last;
      const record = load<u32>(at);
      if (record >> 24 == <u32>Pong.CLIENT && (record & LENGTH_MASK) < MAX_RUN) {
        store<u32>(at, record + 1);
        return true;
      }
    }
    return this.begin(Pong.CLIENT, 1, HEAD);
  }

  /** A PING of ours goes to the server, whose PONG becomes what `kind` says. For kinds without a name. */
  push(kind: Pong): bool {
    return this.begin(kind, 0, HEAD);
  }

  /** The same for a violation that names a subject. */
  pushName(kind: Pong, name: usize, length: i32): bool {
    if (!this.begin(kind, length, HEAD + length)) return false;
    this.records.append(name, length);
    return true;
  }

  /** The same for a violation that names a subject and a queue. */
  pushNameAndQueue(kind: Pong, name: usize, length: i32, queue: usize, queueLength: i32): bool {
    if (!this.begin(kind, length, HEAD + WORD + length + queueLength)) return false;
    this.appendWord(<u32>queueLength);
    this.records.append(name, length);
    this.records.append(queue, queueLength);
    return true;
  }

  /** The same for MAXIMUM, MAXIMUM_OK or BEGINS, which are about a subscription: its sid, its serial, and the maximum. */
  pushSubscription(kind: Pong, sid: usize, length: i32, serial: u32, maximum: i32 = 0): bool {
    if (!this.begin(kind, length, HEAD + WORD + WORD + length)) return false;
    this.appendWord(serial);
    this.appendWord(<u32>maximum);
    this.records.append(sid, length);
    return true;
  }

  /** Is no PING of ours under way? */
  get hasOnlyClients(): bool {
    // PINGs of the client's that follow each other are one record.
    return this.isEmpty || (this.kind == Pong.CLIENT && this.size == HEAD);
  }

  /** What the next PONG becomes: the kind of the oldest record. All that follows is of that record too. */
  get kind(): Pong {
    return this.isEmpty ? Pong.NONE : <Pong>(load<u32>(this.at) >> 24);
  }

  /** Where its name lies, until anything is pushed or popped. */
  get name(): usize {
    return this.at + <usize>(HEAD + wordsBeforeName(this.kind));
  }

  /** Bytes of it; 0 for kinds without a name, except that CLIENT has a number of PINGs here. */
  get nameLength(): i32 {
    return <i32>(load<u32>(this.at) & LENGTH_MASK);
  }

  /** Where its queue lies, which only a QUEUE_VIOLATION has. */
  get queue(): usize {
    return this.name + <usize>this.nameLength;
  }

  /** Bytes of it; 0 for other kinds. */
  get queueLength(): i32 {
    return this.kind == Pong.QUEUE_VIOLATION ? <i32>load<u32>(this.at, HEAD) : 0;
  }

  /** Of what `pushSubscription` has pushed, whose name is the sid: which subscription with that sid. */
  get serial(): u32 {
    return load<u32>(this.at, HEAD);
  }

  /** Of MAXIMUM and MAXIMUM_OK. */
  get maximum(): i32 {
    return load<i32>(this.at, HEAD + WORD);
  }

  /** Kind and length of the name as one number. Ask only where there is a record. */
  get kindAndLength(): u32 {
    return load<u32>(this.at);
  }

  /**
   * Has it the name of the record before it? Ask only where that was popped just now, had the same `kindAndLength`, and no
   * queue: its bytes still lie in front of this one.
   */
  get isNamedLikeFormer(): bool {
    const length = this.nameLength;
    return equalBytes(this.at - <usize>length, this.at + HEAD, length);
  }

  /** Takes one PONG off the oldest record, which goes with its last one. */
  pop(): void {
    if (this.isEmpty) return;
    const record = load<u32>(this.at);
    const length = <i32>(record & LENGTH_MASK);
    const kind = <Pong>(record >> 24);
    if (kind == Pong.CLIENT) {
      if (length > 1) {
        store<u32>(this.at, record - 1);
        return;
      }
      this.advance(HEAD);
    } else this.advance(HEAD + wordsBeforeName(kind) + length + this.queueLength);
  }

  /** Gives back all memory, the object's own too. */
  destroy(): void {
    this.records.release();
    heap.free(changetype<usize>(this));
  }

  private get at(): usize {
    return this.records.pointer + <usize>this.head;
  }

  private begin(kind: Pong, length: i32, bytes: i32): bool {
    if (this.head > COMPACT && this.head > this.records.length >> 1) this.compact();
    if (!this.records.reserve(bytes)) return false;
    this.last = this.records.length;
    store<u32>(this.records.pointer + <usize>this.records.length, ((<u32>kind) << 24) | (<u32>length));
    this.records.length += HEAD;
    return true;
  }

  private appendWord(word: u32): void {
    store<u32>(this.records.pointer + <usize>this.records.length, word);
    this.records.length += WORD;
  }

  private compact(): void {
    const size = this.size;
    memory.copy(this.records.pointer, this.at, <usize>size);
    this.records.length = size;
    this.last -= this.head;
    this.head = 0;
  }

  private advance(bytes: i32): void {
    this.head += bytes;
    if (!this.isEmpty) return;
    this.records.clear();
    this.head = 0;
  }
}

/** Does the PONG become the text of a permissions violation, so that the connection goes on after it? */
// @ts-ignore: decorator
@inline
export function becomesViolation(kind: Pong): bool {
  return kind >= Pong.PUBLISH_VIOLATION && kind <= Pong.QUEUE_VIOLATION;
}

/** Bytes between the head of a record and its name. */
function wordsBeforeName(kind: Pong): i32 {
  if (kind == Pong.QUEUE_VIOLATION) return WORD;
  return kind == Pong.MAXIMUM || kind == Pong.MAXIMUM_OK || kind == Pong.BEGINS ? WORD + WORD : 0;
}
