import { BLOCK_HASH, BLOCK_KEY_LENGTH, BlockTable } from "../bytes/block-table";
import { giveBack, take } from "../bytes/budget";
import { equalBytes, hashBytes } from "../bytes/compare";

/** Offsets into the block of one subscription, whose key is the sid; sid, subject and queue follow the fields. */
const SUBJECT_LENGTH: usize = 8;
const QUEUE_LENGTH: usize = 12;
const RECEIVED: usize = 16;
const MAX: usize = 20;
/** One byte each. */
const STATE: usize = 24;
const REUSE: usize = 25;
const COUNTED_HERE: usize = 26;
const SERIAL: usize = 28;
const PENDING_MAXIMA: usize = 32;
const KEPT_BACK: usize = 36;
const BYTES: usize = 40;

/** In REUSE: while it was live its sid was used again; that was with another subject; with another queue. */
const AGAIN: u8 = 1;
const OTHER_SUBJECT: u8 = 2;
const OTHER_QUEUE: u8 = 4;
/** Messages of a former subscription with its sid, or from before a further CONNECT, may still come. */
const FORMER: u8 = 8;
const UNSETTLED: u8 = 16;
/** Those of the former one must not reach the client. */
const WITHHELD: u8 = 32;

/** The largest maximum that nats-server takes (util.go `parseSize`, nine digits); a longer one means "now". */
const LARGEST_MAXIMUM: i32 = 999_999_999;

const enum State {
  LIVE = 0,
  /** Ended by the client or by its maximum; kept a while, since messages of it are still under way. */
  ENDED = 1,
  /** Its maximum was counted here and is reached; the server delivers on until it hears of it. */
  COUNTED_OUT = 2,
  /** The same, and the server has been told. */
  TOLD = 3,
  /** A newer policy does not allow it; nothing of it may reach the client any more, however much is under way. */
  REVOKED = 4,
}

/** Ended subscriptions that are remembered. Messages are not under way for longer than this many UNSUBs. */
const MAX_ENDED: i32 = 256;
/** Milliseconds without a further ended one after which they are forgotten. */
const FORGET_AFTER: i64 = 10_000;
const NOT_TOLD: i32 = -1;
/**
 * The subscriptions of one connection by sid, as nats-server has them: a live sid is never replaced, its deliveries
 * count from its SUB on, and `UNSUB sid max` ends it at that count (client.go `processSub`, `processUnsub`). A
 * subscription is a pointer here; 0 is none.
 */
@unmanaged
@final
export class Subscriptions {
  private readonly table: BlockTable = new BlockTable(BYTES);
  liveCount: i32 = 0;
  /** Of all subscriptions together. */
  bytes: i64 = 0;
  endedCount: i32 = 0;
  /** Oldest ended subscriptions leave first; 0 until one has ended. */
  private ended: usize = 0;
  private endedHead: i32 = 0;
  private lastFound: usize = 0;
  /** The serial of the newest subscription; never begins anew, so that none has that of one that is gone. */
  private serial: u32 = 0;
  /** How many have ended, now and at the last tick that saw a further one, and when that was. */
  private endings: u16 = 0;
  private endingsAtTick: u16 = 0;
  private quietSince: i64 = 0;
  /** The server has not taken a further CONNECT yet; since when, as ticks have seen it, 0 before the first. */
  private isUnsettled: bool = false;
  private unsettledSince: i64 = 0;
  private revokedCount: i32 = 0;
  /** The second in which the tick saw that their UNSUBs have gone, which go together; 0 before that, NOT_TOLD before these. */
  private revokedSince: i32 = NOT_TOLD;

  /** The subscription of this sid, live or ended; quick if it is the one that was found before. */
  // @ts-ignore: decorator
  @inline
  findAgain(sid: usize, length: i32): usize {
    const last = this.lastFound;
    if (last != 0 && load<i32>(last, BLOCK_KEY_LENGTH) == length && equalBytes(last + BYTES, sid, length)) return last;
    return this.find(sid, length, hashBytes(sid, length));
  }

  /** The subscription of this sid, live or ended. */
  find(sid: usize, length: i32, hash: u32): usize {
    const last = this.lastFound;
    if (
      last != 0 &&
      load<u32>(last, BLOCK_HASH) == hash &&
      load<i32>(last, BLOCK_KEY_LENGTH) == length &&
      equalBytes(last + BYTES, sid, length)
    ) {
      return last;
    }
    const sub = this.table.find(sid, length, hash);
    if (sub != 0) this.lastFound = sub;
    return sub;
  }

  /**
   * Adds a subscription whose sid is not live. Answers 0 when the budget has no room. Where it `hasFormer`, `beginCount`
   * must follow, or messages of a former one that must not reach the client keep its own from it: unless `observed`, in
   * DRY_RUN, where nothing is kept.
   */
  add(
    sid: usize,
    sidLength: i32,
    subject: usize,
    subjectLength: i32,
    queue: usize,
    queueLength: i32,
    observed: bool = false,
  ): usize {
    const hash = hashBytes(sid, sidLength);
    const old = this.find(sid, sidLength, hash);
    let reuse: u8 = this.isUnsettled ? UNSETTLED : 0;
    if (old != 0) reuse |= FORMER | (!observed && (endedByCount(old) || isWithheld(old)) ? WITHHELD : 0);
    if (old != 0) this.remove(old);
    if (!this.table.makeRoom()) return 0;
    const sub = take(BYTES + <usize>(sidLength + subjectLength + queueLength));
    if (sub == 0) return 0;
    this.bytes += <i64>BYTES + <i64>(sidLength + subjectLength + queueLength);
    store<u32>(sub, hash, BLOCK_HASH);
    store<i32>(sub, sidLength, BLOCK_KEY_LENGTH);
    store<i32>(sub, subjectLength, SUBJECT_LENGTH);
    store<i32>(sub, queueLength, QUEUE_LENGTH);
    store<i32>(sub, 0, RECEIVED);
    store<i32>(sub, 0, MAX);
    store<u8>(sub, State.LIVE, STATE);
    store<u8>(sub, reuse, REUSE);
    store<u8>(sub, 0, COUNTED_HERE);
    store<u32>(sub, ++this.serial, SERIAL);
    store<i32>(sub, 0, PENDING_MAXIMA);
    store<i32>(sub, 0, KEPT_BACK);
    const text = sub + BYTES;
    memory.copy(text, sid, <usize>sidLength);
    memory.copy(text + <usize>sidLength, subject, <usize>subjectLength);
    memory.copy(text + <usize>(sidLength + subjectLength), queue, <usize>queueLength);
    this.table.enter(sub);
    this.liveCount++;
    return sub;
  }

  /** The subscription has ended; messages that are under way still belong to it. */
  end(sub: usize): void {
    this.endAs(sub, State.ENDED);
  }

  /**
   * Its maximum is reached by our own count: what still comes is too much. It is remembered until the server has been
   * told (`tellEnd`), however long that takes.
   */
  endByCount(sub: usize): void {
    if (stateOf(sub) != State.LIVE) return;
    store<u8>(sub, State.COUNTED_OUT, STATE);
    this.liveCount--;
  }

  /** The first subscription of a walk over all, live or ended; 0 when there is none. Add and remove none on the way. */
  first(): usize {
    return this.table.nextBlock(0);
  }

  next(): usize {
    return this.table.nextBlock(this.table.nextSlot);
  }

  /** A newer policy does not allow it. It is remembered until nothing of it can be under way any more. */
  revoke(sub: usize): void {
    if (stateOf(sub) != State.LIVE) return;
    store<u8>(sub, State.REVOKED, STATE);
    this.liveCount--;
    this.revokedCount++;
    this.revokedSince = NOT_TOLD;
  }

  /** The UNSUB of one that ended by count, or was revoked, goes to the server now. */
  tellEnd(sub: usize): void {
    if (stateOf(sub) == State.REVOKED) this.revokedSince = 0;
    if (stateOf(sub) != State.COUNTED_OUT) return;
    store<u8>(sub, State.TOLD, STATE);
    this.rememberEnded(sub);
  }

  /** Has it ended here, and the server does not know yet? */
  isUntold(sub: usize): bool {
    // The UNSUBs of all that are revoked go together.
    return stateOf(sub) == State.COUNTED_OUT || (stateOf(sub) == State.REVOKED && this.revokedSince == NOT_TOLD);
  }

  private endAs(sub: usize, state: State): void {
    if (stateOf(sub) != State.LIVE) return;
    store<u8>(sub, state, STATE);
    this.liveCount--;
    this.rememberEnded(sub);
  }

  private rememberEnded(sub: usize): void {
    this.endings++;
    if (this.ended == 0) this.ended = take((<usize>MAX_ENDED) << 2);
    if (this.ended == 0) {
      this.takeOut(sub);
      return;
    }
    if (this.endedCount == MAX_ENDED) this.remove(load<usize>(this.endedSlot(this.endedHead)));
    store<usize>(this.endedSlot((this.endedHead + this.endedCount) & (MAX_ENDED - 1)), sub);
    this.endedCount++;
  }

  /** Once none has ended for a while, nothing of the ended ones can be under way any more. */
  tick(now: i64): void {
    if (this.isUnsettled) this.tickUnsettled(now);
    if (this.revokedCount > 0 && this.revokedSince != NOT_TOLD) this.tickRevoked(now);
    if (this.ended == 0) return;
    if (this.endings != this.endingsAtTick) {
      this.endingsAtTick = this.endings;
      this.quietSince = now;
    } else if (now - this.quietSince > FORGET_AFTER) this.forgetEnded();
  }

  /** In DRY_RUN no PONG shows when the server has taken a further CONNECT. */
  private tickUnsettled(now: i64): void {
    if (this.unsettledSince == 0) this.unsettledSince = now;
    if (now - this.unsettledSince > FORGET_AFTER) this.settle();
  }

  private tickRevoked(now: i64): void {
    const second = <i32>(now / 1000);
    if (this.revokedSince == 0) this.revokedSince = second;
    if (second - this.revokedSince <= <i32>(FORGET_AFTER / 1000)) return;
    let sub = this.table.nextBlock(0);
    while (sub != 0) {
      let next = this.table.nextSlot;
      if (stateOf(sub) == State.REVOKED) {
        this.takeOut(sub);
        next--;
      }
      sub = this.table.nextBlock(next);
    }
    this.revokedSince = NOT_TOLD;
  }

  private forgetEnded(): void {
    while (this.endedCount > 0) this.remove(load<usize>(this.endedSlot(this.endedHead)));
    giveBack(this.ended, (<usize>MAX_ENDED) << 2);
    this.ended = 0;
    this.endedHead = 0;
  }

  /** Drops everything, as a second CONNECT does. */
  beginAnew(): void {
    this.release();
    this.isUnsettled = true;
    this.unsettledSince = 0;
  }

  /** The server has taken that CONNECT: all that comes from here on is of what was subscribed behind it. */
  settle(): void {
    this.isUnsettled = false;
    for (let sub = this.first(); sub != 0; sub = this.next()) countAnew(sub, UNSETTLED);
  }

  /** Drops everything, and all memory. */
  release(): void {
    let sub = this.table.nextBlock(0);
    while (sub != 0) {
      giveBack(sub, sizeOf(sub));
      sub = this.table.nextBlock(this.table.nextSlot);
    }
    this.table.release();
    giveBack(this.ended, (<usize>MAX_ENDED) << 2);
    this.liveCount = 0;
    this.bytes = 0;
    this.ended = 0;
    this.endedCount = 0;
    this.endedHead = 0;
    this.lastFound = 0;
    this.revokedCount = 0;
    this.revokedSince = NOT_TOLD;
  }

  /** Gives back the object itself too. */
  destroy(): void {
    this.release();
    this.table.destroy();
    heap.free(changetype<usize>(this));
  }

  // @ts-ignore: decorator
  @inline
  private endedSlot(index: i32): usize {
    return this.ended + ((<usize>index) << 2);
  }

  /** Takes an ended subscription out of the table and of the row of ended ones. */
  private remove(sub: usize): void {
    for (let i = 0; i < this.endedCount; i++) {
      if (load<usize>(this.endedSlot((this.endedHead + i) & (MAX_ENDED - 1))) != sub) continue;
      for (let j = i; j > 0; j--) {
        store<usize>(
          this.endedSlot((this.endedHead + j) & (MAX_ENDED - 1)),
          load<usize>(this.endedSlot((this.endedHead + j - 1) & (MAX_ENDED - 1))),
        );
      }
      this.endedHead = (this.endedHead + 1) & (MAX_ENDED - 1);
      this.endedCount--;
      break;
    }
    this.takeOut(sub);
  }

  private takeOut(sub: usize): void {
    if (stateOf(sub) == State.REVOKED) this.revokedCount--;
    this.table.takeOut(sub);
    if (this.lastFound == sub) this.lastFound = 0;
    this.bytes -= <i64>sizeOf(sub);
    giveBack(sub, sizeOf(sub));
  }
}

function sizeOf(sub: usize): usize {
  return (
    BYTES + <usize>(load<i32>(sub, BLOCK_KEY_LENGTH) + load<i32>(sub, SUBJECT_LENGTH) + load<i32>(sub, QUEUE_LENGTH))
  );
}

/**
 * The sid of a live subscription was used again. If it is live at the server too, nats-server keeps the old one; if it
 * has ended there without our knowledge, the new one counts. We do not know which, nor what the server has counted.
 */
export function noteReuse(sub: usize, subject: usize, subjectLength: i32, queue: usize, queueLength: i32): void {
  let reuse = load<u8>(sub, REUSE) | AGAIN;
  if (subjectLength != subjectLengthOf(sub) || !equalBytes(subject, subjectOf(sub), subjectLength)) {
    reuse |= OTHER_SUBJECT;
  }
  if (queueLength != queueLengthOf(sub) || !equalBytes(queue, queueOf(sub), queueLength)) reuse |= OTHER_QUEUE;
  store<u8>(sub, reuse, REUSE);
}

/** Is `queueOf` the queue that the server delivers by? */
export function isQueueKnown(sub: usize): bool {
  return (load<u8>(sub, REUSE) & OTHER_QUEUE) == 0;
}

/** Are `subjectOf` and `queueOf` what the server has under this sid? */
export function isNameKnown(sub: usize): bool {
  return (load<u8>(sub, REUSE) & (OTHER_SUBJECT | OTHER_QUEUE)) == 0;
}

/**
 * Is what was counted for this sid, passed or kept back, what the server has delivered to this subscription? What it
 * sent to a former one may have been under way.
 */
export function isCountKnown(sub: usize): bool {
  return (load<u8>(sub, REUSE) & (AGAIN | FORMER | UNSETTLED)) == 0;
}

/** Is what comes for this sid still withheld, because a former subscription had no right to it or had had its maximum? */
export function isWithheld(sub: usize): bool {
  return (load<u8>(sub, REUSE) & WITHHELD) != 0;
}

/** Live, and nobody else has had its sid lately: nothing about it needs a closer look but its maximum. */
// @ts-ignore: decorator
@inline
export function isPlain(sub: usize): bool {
  // STATE and REUSE.
  return load<u16>(sub, STATE) == 0;
}

export function hasFormer(sub: usize): bool {
  return (load<u8>(sub, REUSE) & FORMER) != 0;
}

/** All that the server delivered before its SUB is here. */
export function beginCount(sub: usize): void {
  countAnew(sub, FORMER | WITHHELD);
}

/** Begins the count where one of these has made it uncertain until now. */
function countAnew(sub: usize, uncertainties: u8): void {
  const reuse = load<u8>(sub, REUSE);
  if ((reuse & uncertainties) == 0) return;
  store<u8>(sub, reuse & ~uncertainties, REUSE);
  store<i32>(sub, 0, RECEIVED);
  store<i32>(sub, 0, KEPT_BACK);
}

function stateOf(sub: usize): State {
  return <State>load<u8>(sub, STATE);
}

export function isLive(sub: usize): bool {
  return stateOf(sub) == State.LIVE;
}

export function endedByCount(sub: usize): bool {
  return stateOf(sub) >= State.COUNTED_OUT;
}

export function subjectOf(sub: usize): usize {
  return sub + BYTES + <usize>load<i32>(sub, BLOCK_KEY_LENGTH);
}

export function subjectLengthOf(sub: usize): i32 {
  return load<i32>(sub, SUBJECT_LENGTH);
}

export function queueOf(sub: usize): usize {
  return sub + BYTES + <usize>(load<i32>(sub, BLOCK_KEY_LENGTH) + load<i32>(sub, SUBJECT_LENGTH));
}

export function queueLengthOf(sub: usize): i32 {
  return load<i32>(sub, QUEUE_LENGTH);
}

export function sidOf(sub: usize): usize {
  return sub + BYTES;
}

export function sidLengthOf(sub: usize): i32 {
  return load<i32>(sub, BLOCK_KEY_LENGTH);
}

/** Deliveries counted since the SUB. */
export function receivedOf(sub: usize): i32 {
  return load<i32>(sub, RECEIVED);
}

export function countReceived(sub: usize): i32 {
  const received = load<i32>(sub, RECEIVED) + 1;
  store<i32>(sub, received, RECEIVED);
  return received;
}

/** Deliveries that were kept back since the SUB. The server counts them too. */
export function keptBackOf(sub: usize): i32 {
  return load<i32>(sub, KEPT_BACK);
}

export function countKeptBack(sub: usize): void {
  store<i32>(sub, load<i32>(sub, KEPT_BACK) + 1, KEPT_BACK);
}

/** What counts for a maximum that is counted here; for one of the server's, what was kept back too. */
export function countedOf(sub: usize, here: bool): i32 {
  return here ? receivedOf(sub) : receivedOf(sub) + keptBackOf(sub);
}

/**
 * The maximum to tell the server, with what was kept back, which that has counted; 0 where there is none to tell any more.
 */
export function maximumToTell(sub: usize): i32 {
  if (!isLive(sub) || !isCountedHere(sub)) return 0;
  return min(maxOf(sub) + keptBackOf(sub), LARGEST_MAXIMUM);
}

/** The count at which the subscription ends; 0 is never. */
export function maxOf(sub: usize): i32 {
  return load<i32>(sub, MAX);
}

/** `here`: the server knows nothing of it, and must be told of the end. */
export function setMax(sub: usize, count: i32, here: bool): void {
  store<i32>(sub, count, MAX);
  store<u8>(sub, u8(here), COUNTED_HERE);
}

/** UNSUBs with a maximum that the server has not reached yet. */
export function pendingMaximaOf(sub: usize): i32 {
  return load<i32>(sub, PENDING_MAXIMA);
}

export function addPendingMaxima(sub: usize, count: i32): void {
  store<i32>(sub, pendingMaximaOf(sub) + count, PENDING_MAXIMA);
}

/** Is its maximum one that the server knows nothing of? */
export function isCountedHere(sub: usize): bool {
  return load<u8>(sub, COUNTED_HERE) != 0;
}

/** Tells it from an earlier or later one with the same sid. */
export function serialOf(sub: usize): u32 {
  return load<u32>(sub, SERIAL);
}
