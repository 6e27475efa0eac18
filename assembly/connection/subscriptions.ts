import { BLOCK_HASH, BlockTable } from "../bytes/block-table";
import { giveBack, take } from "../bytes/budget";
import { hashBytes } from "../bytes/hash";
import { hasPassed } from "../proxy/clock";
import { enterRecent, forgetRecent, recentSubscription } from "./recent-subscriptions";
import {
  beginCount,
  bringsRevoked,
  hasSid,
  isLive,
  newSubscription,
  rankOf,
  serialOf,
  settleCount,
  setState,
  SID,
  sidLengthOf,
  sidOf,
  sizeOf,
  State,
  stateOf,
  uncertaintiesAfter,
} from "./subscription";

/** So many ended subscriptions are remembered, the newest. Messages of the others may still be under way (docs/adr/0006). */
const MAX_ENDED: i32 = 256;
/** Milliseconds in which no further subscription has ended, after which all ended ones are forgotten. */
const FORGET_AFTER: i64 = 10_000;
/** Milliseconds after which nats-server has taken a further CONNECT, where no PONG is going to show it. */
const TAKEN_AFTER: i64 = 10_000;

/**
 * The subscriptions of one connection by sid, as nats-server has them: a live sid is never replaced, its deliveries
 * count from its SUB on, and `UNSUB sid max` ends it at that count (client.go `processSub`, `processUnsub`). A
 * subscription is a pointer here (subscription.ts); 0 is none.
 */
@unmanaged
@final
export class Subscriptions {
  private table: BlockTable = new BlockTable(SID);
  liveCount: i32 = 0;
  /** Bytes of all subscriptions together, without the tables. */
  private bytes: i64 = 0;
  endedCount: i32 = 0;
  /** Addresses of ended subscriptions, as a ring of MAX_ENDED from `endedHead` on, the oldest first; 0 until one has ended. */
  private ended: usize = 0;
  private endedHead: i32 = 0;
  /** The subscription that was found last, or 0. */
  lastFound: usize = 0;
  /** The serial of the newest subscription. It begins anew only after 2^32 of them, which a connection can make within an hour. */
  private serial: u32 = 0;
  /**
   * Counts how many have ended, and what that count was at the last tick that saw a further one; both may wrap. `quietSince` is
   * when that tick was, in milliseconds.
   */
  private endings: u16 = 0;
  private endingsAtTick: u16 = 0;
  private quietSince: i64 = 0;
  /** The server has not taken a further CONNECT yet, as far as we know. */
  private isUnsettled: bool = false;
  /** The client has sent a PING after that CONNECT. */
  private hasPinged: bool = false;
  /** There are revoked subscriptions whose UNSUB has not gone to the server. All that are due go together. */
  hasUntoldRevocations: bool = false;
  /** The first tick that saw it `isUnsettled`, in milliseconds; 0 before. */
  private unsettledSince: i64 = 0;
  /**
   * The largest sid (`rankOf`) of those that were forgotten since `begin` showed that nothing of any is under way; -1 without any.
   * And the newest serial when the last one was.
   */
  private largestForgotten: i32 = -1;
  private forgottenSerial: u32 = 0;
  /**
   * How many were added since the client sent its last PING, and since it sent the last one of those that are all answered. They stop at
   * the largest number, by which none begins: serials cannot tell that one from it.
   */
  private unpinged: u32 = 0;
  private unanswered: u32 = 0;
  /**
   * Subscriptions that were revoked before a further CONNECT, in a table of their own so that the next CONNECT does not walk
   * over them; null while there are none.
   */
  private apart: BlockTable | null = null;
  /** PINGs after UNSUBs of revoked subscriptions that the server has not answered yet. */
  private revokedPings: i32 = 0;
  /** No PING has gone behind the last UNSUBs of revoked subscriptions, for want of memory. */
  private hasUnpingedRevocations: bool = false;

  /** Bytes of the VM's budget that all of it holds. The tables stay as large as they once had to be. */
  get heldBytes(): i64 {
    const apart = this.apart;
    const ended: i64 = this.ended == 0 ? 0 : MAX_ENDED << 2;
    return this.bytes + this.table.bytes + (apart == null ? 0 : apart.bytes) + ended;
  }

  /** Bytes of gaps behind all subscriptions that are smaller than `size` (`BlockTable.gapsBehind`). */
  gapsBehind(size: usize): i64 {
    const apart = this.apart;
    return this.table.gapsBehind(size) + (apart == null ? 0 : apart.gapsBehind(size));
  }

  /** The subscription of this sid, live or ended, or 0. Quick if it is the one that was found last, or one of few. */
  // @ts-ignore: decorator
  @inline
  findAgain(sid: usize, length: i32): usize {
    const last = this.lastFound;
    if (last != 0 && hasSid(last, sid, length)) return last;
    return this.findRecent(sid, length);
  }

  private findRecent(sid: usize, length: i32): usize {
    const owner = changetype<usize>(this);
    let sub = recentSubscription(owner, sid, length);
    if (sub == 0) {
      sub = this.find(sid, length);
      if (sub != 0) enterRecent(owner, sub);
    } else this.lastFound = sub;
    return sub;
  }

  /** The subscription of this sid, live or ended, or 0. */
  find(sid: usize, length: i32): usize {
    return this.findHashed(sid, length, hashBytes(sid, length));
  }

  /** The same where the sid's `hashBytes` is known. */
  findHashed(sid: usize, length: i32, hash: u32): usize {
    const last = this.lastFound;
    if (last != 0 && load<u32>(last, BLOCK_HASH) == hash && hasSid(last, sid, length)) return last;
    const apart = this.apart;
    let sub = this.table.find(sid, length, hash);
    if (sub == 0 && apart != null) sub = apart.find(sid, length, hash);
    if (sub != 0) this.lastFound = sub;
    return sub;
  }

  /**
   * Adds a subscription whose sid is not live. Answers it, or 0 when the budget has no room. Where it `hasFormer`, a PING must
   * go before its SUB and `beginCount` follow when that is answered. Otherwise messages of the former one that must not reach
   * the client would keep its own from it for ever. That does not hold for one that is `observed`, in DRY_RUN, from which
   * nothing is kept: for that see `beginIfAnswered`.
   */
  add(
    sid: usize,
    sidLength: i32,
    subject: usize,
    subjectLength: i32,
    queue: usize,
    queueLength: i32,
    observed: bool,
  ): usize {
    const hash = hashBytes(sid, sidLength);
    const old = this.findHashed(sid, sidLength, hash);
    const mayHaveForgotten = rankOf(sid, sidLength) <= this.largestForgotten;
    const uncertainties = uncertaintiesAfter(old, mayHaveForgotten, this.isUnsettled, observed);
    if (old != 0) this.remove(old);
    if (!this.table.makeRoom()) return 0;
    if (this.unpinged < u32.MAX_VALUE) this.unpinged++;
    if (this.unanswered < u32.MAX_VALUE) this.unanswered++;
    const sub = newSubscription(
      hash,
      sid,
      sidLength,
      subject,
      subjectLength,
      queue,
      queueLength,
      uncertainties,
      ++this.serial,
    );
    if (sub == 0) return 0;
    this.bytes += <i64>sizeOf(sub);
    this.table.enter(sub);
    this.liveCount++;
    return sub;
  }

  /**
   * The client has ended it, or the server by a maximum. Messages that are under way still belong to it, unless the budget has no
   * room for that: then it is gone.
   */
  end(sub: usize): void {
    if (!isLive(sub)) return;
    this.liveCount--;
    // Messages for its sid may be of a revoked subscription. So it is remembered like that one, or until `begin`.
    if (bringsRevoked(sub)) return setState(sub, State.REVOKED);
    setState(sub, State.ENDED);
    this.rememberEnded(sub);
  }

  /**
   * Its maximum is reached by our own count, and what still comes is too much. It is remembered until the server has been told
   * (`tellEnd`) and has answered (`begin`), however long that takes.
   */
  endByCount(sub: usize): void {
    this.endUntold(sub, State.COUNTED_OUT);
  }

  /** Its maximum is reached by the server's count, which has ended it there. It is remembered until `tellEnd` too. */
  reach(sub: usize): void {
    this.endUntold(sub, State.REACHED);
  }

  private endUntold(sub: usize, state: State): void {
    if (!isLive(sub)) return;
    setState(sub, state);
    this.liveCount--;
  }

  /**
   * Begins a walk over all subscriptions, live or ended, except those revoked before a further CONNECT. Answers the first one,
   * 0 without any. None may be added or removed on the way.
   */
  first(): usize {
    return this.table.nextBlock(0);
  }

  /** The next one of the walk, 0 at its end. */
  next(): usize {
    return this.table.nextBlock(this.table.nextSlot);
  }

  /**
   * A newer policy does not allow it. It is remembered until nothing of it can be under way any more (`revocationsTaken`): a
   * client that does not read makes the server keep what it is owed for as long as that has room.
   */
  revoke(sub: usize): void {
    if (isLive(sub)) this.liveCount--;
    else this.leaveEnded(sub);
    setState(sub, State.REVOKED);
    this.hasUntoldRevocations = true;
  }

  /**
   * All UNSUBs of revoked ones have gone to the server, and if `pinged` a PING after them. At its PONG `revocationsTaken` is to
   * be called. Without it they are remembered until a later such PONG, or as long as the connection lasts.
   */
  tellRevocations(pinged: bool): void {
    this.hasUntoldRevocations = false;
    this.hasUnpingedRevocations = !pinged;
    this.revokedPings += i32(pinged);
  }

  /**
   * The server has answered such a PING. Once it has answered all of them, all that it delivered to revoked subscriptions is
   * here, and they are forgotten.
   */
  revocationsTaken(): void {
    this.revokedPings--;
    if (this.awaitsRevocations) return;
    this.takeOutAll(this.table, true);
    const apart = this.apart;
    if (apart == null) return;
    this.takeOutAll(apart, true);
    apart.destroy();
    this.apart = null;
  }

  /**
   * The UNSUB of one that ended by a count goes to the server now. Answers whether a PING must follow it, since what the server
   * has delivered beyond a maximum that is counted here must not reach the client: the subscription is remembered until `begin`.
   * Others are remembered like those that the client has ended, and may be gone likewise.
   */
  tellEnd(sub: usize): bool {
    const state = stateOf(sub);
    if (state == State.REACHED) {
      setState(sub, State.ENDED);
      this.rememberEnded(sub);
    } else if (state == State.COUNTED_OUT) setState(sub, State.TOLD);
    return state == State.COUNTED_OUT;
  }

  /** Has it ended here while the server does not know yet? */
  isUntold(sub: usize): bool {
    return stateOf(sub) == State.COUNTED_OUT || (stateOf(sub) == State.REVOKED && this.hasUntoldRevocations);
  }

  /**
   * All that the server delivered before its SUB is here, or all that it delivered before the UNSUB of one that is TOLD, which is
   * forgotten. One that the client has ended meanwhile, while its sid could bring messages of a revoked one, is forgotten too:
   * from here on the subject of a message alone tells whether it passes.
   */
  begin(sub: usize): void {
    if (<i32>(serialOf(sub) - this.forgottenSerial) > 0) this.largestForgotten = -1;
    beginCount(sub);
    const state = stateOf(sub);
    if (state == State.TOLD || (state == State.REVOKED && !this.awaitsRevocations)) this.takeOut(sub);
  }

  /** May the server not have taken the UNSUB of some revoked subscription yet, as far as we know? */
  private get awaitsRevocations(): bool {
    return this.revokedPings > 0 || this.hasUntoldRevocations || this.hasUnpingedRevocations;
  }

  private rememberEnded(sub: usize): void {
    this.endings++;
    if (this.ended == 0) this.ended = take((<usize>MAX_ENDED) << 2);
    if (this.ended == 0) return this.forget(sub);
    if (this.endedCount == MAX_ENDED) this.forgetOldest();
    store<usize>(this.endedSlot(this.endedCount), sub);
    this.endedCount++;
  }

  /**
   * To be called by each tick, with the time in milliseconds. Once none has ended for a while, the ended ones are forgotten,
   * since hardly any message of them can be under way any more. `awaitsConnect`: a PONG is going to show when the server has taken a
   * further CONNECT.
   */
  tick(now: i64, awaitsConnect: bool): void {
    if (this.isUnsettled && !awaitsConnect) this.tickUnsettled(now);
    if (this.ended == 0) return;
    if (this.endings != this.endingsAtTick) {
      this.endingsAtTick = this.endings;
      this.quietSince = now;
    } else if (hasPassed(now, this.quietSince, FORGET_AFTER)) this.forgetEnded();
  }

  /**
   * In DRY_RUN no PING of ours follows a further CONNECT, and the client may send none, or not read its PONG: so time tells when the
   * server has taken it.
   */
  private tickUnsettled(now: i64): void {
    if (this.unsettledSince == 0) this.unsettledSince = now;
    if (hasPassed(now, this.unsettledSince, TAKEN_AFTER)) this.settle();
  }

  private forgetOldest(): void {
    this.forget(load<usize>(this.endedSlot(0)));
  }

  private forgetEnded(): void {
    while (this.endedCount > 0) this.forgetOldest();
    this.releaseEnded();
  }

  /** Takes out one that has ended. What of it is under way may be taken for the next one's with its sid, which `add` is to know. */
  private forget(sub: usize): void {
    this.largestForgotten = max(this.largestForgotten, rankOf(sidOf(sub), sidLengthOf(sub)));
    this.forgottenSerial = this.serial;
    this.remove(sub);
  }

  private releaseEnded(): void {
    giveBack(this.ended, (<usize>MAX_ENDED) << 2);
    this.ended = 0;
    this.endedCount = 0;
    this.endedHead = 0;
  }

  /** Takes all that were revoked out of a table, or all others. */
  private takeOutAll(table: BlockTable, revoked: bool): void {
    let sub = table.nextBlock(0);
    while (sub != 0) {
      let next = table.nextSlot;
      if ((stateOf(sub) == State.REVOKED) == revoked) {
        this.takeOutOf(table, sub);
        next--;
      }
      sub = table.nextBlock(next);
    }
  }

  /**
   * Forgets all subscriptions, as the server does at a further CONNECT, except those that were revoked, of which messages may
   * be under way.
   */
  beginAnew(): void {
    this.takeOutAll(this.table, false);
    this.setApart();
    this.releaseEnded();
    // The CONNECT ends them at the server, so no UNSUB need go. One can only have been due where the CONNECT began in DRY_RUN.
    this.hasUntoldRevocations = false;
    this.liveCount = 0;
    this.isUnsettled = true;
    this.unsettledSince = 0;
    this.hasPinged = false;
  }

  /** The client sends a PING to the server, whose PONG is among those for which `allAnswered` waits. */
  pinged(): void {
    this.hasPinged = true;
    this.unpinged = 0;
  }

  /** The server has answered all PINGs. If one of them was sent after a further CONNECT, it has taken that. */
  allAnswered(): void {
    this.unanswered = this.unpinged;
    if (this.isUnsettled && this.hasPinged) this.settle();
  }

  /**
   * A message comes for it. Where its SUB passed in DRY_RUN, no PING of ours went before that. What its former one was delivered
   * is here once a PING that the client has sent since is answered.
   */
  beginIfAnswered(sub: usize): void {
    const unanswered = this.unanswered;
    if (unanswered != u32.MAX_VALUE && this.serial - serialOf(sub) >= unanswered) beginCount(sub);
  }

  /** Moves all that is left in the table, which has been revoked, into `apart`, so that the table is empty. */
  private setApart(): void {
    const table = this.table;
    const apart = this.apart;
    if (apart == null && table.count > 0) {
      this.apart = table;
      this.table = new BlockTable(SID);
      return;
    }
    if (apart != null) {
      // These were revoked by a still newer policy. Those for which there is no room stay in the table.
      let sub = table.nextBlock(0);
      while (sub != 0 && apart.makeRoom()) {
        table.takeOut(sub);
        apart.enter(sub);
        sub = table.nextBlock(table.nextSlot - 1);
      }
    }
    if (table.count == 0) table.release();
  }

  /** The server has taken a further CONNECT: all that comes from here on is of subscriptions made after it. */
  settle(): void {
    this.isUnsettled = false;
    for (let sub = this.first(); sub != 0; sub = this.next()) settleCount(sub);
  }

  /** Gives back all memory, the object's own too. */
  destroy(): void {
    this.giveBackAll(this.table);
    this.giveBackAll(this.apart);
    this.releaseEnded();
    heap.free(changetype<usize>(this));
  }

  /** Where in the ring the ended one lies that is the `index`-th from the oldest on. */
  // @ts-ignore: decorator
  @inline
  private endedSlot(index: i32): usize {
    return this.ended + ((<usize>((this.endedHead + index) & (MAX_ENDED - 1))) << 2);
  }

  /** Takes a subscription out of the table, and out of the ring of ended ones if it is there. */
  private remove(sub: usize): void {
    this.leaveEnded(sub);
    this.takeOut(sub);
  }

  private leaveEnded(sub: usize): void {
    for (let i = 0; i < this.endedCount; i++) {
      if (load<usize>(this.endedSlot(i)) != sub) continue;
      for (let j = i; j > 0; j--) store<usize>(this.endedSlot(j), load<usize>(this.endedSlot(j - 1)));
      this.endedHead = (this.endedHead + 1) & (MAX_ENDED - 1);
      this.endedCount--;
      return;
    }
  }

  private takeOut(sub: usize): void {
    const apart = this.apart;
    let table = this.table;
    if (apart != null && apart.find(sidOf(sub), sidLengthOf(sub), load<u32>(sub, BLOCK_HASH)) == sub) table = apart;
    this.takeOutOf(table, sub);
  }

  private takeOutOf(table: BlockTable, sub: usize): void {
    table.takeOut(sub);
    if (this.lastFound == sub) this.lastFound = 0;
    this.bytes -= <i64>sizeOf(sub);
    this.giveBackOne(sub);
  }

  /** Gives back a table with all its subscriptions. */
  private giveBackAll(table: BlockTable | null): void {
    if (table == null) return;
    for (let sub = table.nextBlock(0); sub != 0; sub = table.nextBlock(table.nextSlot)) this.giveBackOne(sub);
    table.destroy();
  }

  private giveBackOne(sub: usize): void {
    forgetRecent(changetype<usize>(this), sub);
    giveBack(sub, sizeOf(sub));
  }
}
