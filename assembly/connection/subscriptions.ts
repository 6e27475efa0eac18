import { BLOCK_HASH, BlockTable } from "../bytes/block-table";
import { giveBack, take } from "../bytes/budget";
import { hashBytes } from "../bytes/hash";
import { hasPassed } from "../proxy/clock";
import {
  bringsRevoked,
  hasSid,
  newSubscription,
  settleCount,
  setState,
  SID,
  sidLengthOf,
  sidOf,
  sizeOf,
  State,
  stateOf,
  uncertaintiesBehind,
} from "./subscription";

/** Ended subscriptions that are remembered. Messages are not under way for longer than this many UNSUBs. */
const MAX_ENDED: i32 = 256;
/** Milliseconds without a further ended one after which they are forgotten. */
const FORGET_AFTER: i64 = 10_000;

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
  /** Of all subscriptions together, without the tables. */
  private bytes: i64 = 0;
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
  /** A PING of the client's has gone behind that CONNECT. */
  private hasPinged: bool = false;
  /** Of a PING there was no room to expect the PONG, so which is answered last nobody knows. */
  private isMiscounted: bool = false;
  /** What was revoked before a further CONNECT, kept apart so that the next CONNECT does not walk over it; null until then. */
  private apart: BlockTable | null = null;
  /** Of some the UNSUB has not gone to the server yet; they go together. */
  private revokedUntold: bool = false;
  /** PINGs behind their UNSUBs that the server has not answered. */
  private revokedPings: i32 = 0;

  /** The subscription of this sid, live or ended; quick if it is the one that was found before. */
  // @ts-ignore: decorator
  @inline
  findAgain(sid: usize, length: i32): usize {
    const last = this.lastFound;
    if (last != 0 && hasSid(last, sid, length)) return last;
    return this.find(sid, length);
  }

  /** Bytes of the VM's budget that all of it holds: the tables too, which stay as large as they were once needed. */
  get heldBytes(): i64 {
    const apart = this.apart;
    const ended: i64 = this.ended == 0 ? 0 : MAX_ENDED << 2;
    return this.bytes + this.table.bytes + (apart == null ? 0 : apart.bytes) + ended;
  }

  /** The one that was found last, or 0. */
  // @ts-ignore: decorator
  @inline
  get foundLast(): usize {
    return this.lastFound;
  }

  /** The subscription of this sid, live or ended. */
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
    const old = this.findHashed(sid, sidLength, hash);
    const uncertainties = uncertaintiesBehind(old, this.isUnsettled, observed);
    if (old != 0) this.remove(old);
    if (!this.table.makeRoom()) return 0;
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

  /** The subscription has ended; messages that are under way still belong to it. */
  end(sub: usize): void {
    this.endAs(sub, State.ENDED);
  }

  /**
   * Its maximum is reached by our own count: what still comes is too much. It is remembered until the server has been
   * told (`tellEnd`), however long that takes.
   */
  endByCount(sub: usize): void {
    this.endUntold(sub, State.COUNTED_OUT);
  }

  /** Its maximum is reached by the server's count, which has ended it; what still comes was sent before the maximum. */
  reach(sub: usize): void {
    this.endUntold(sub, State.REACHED);
  }

  private endUntold(sub: usize, state: State): void {
    if (stateOf(sub) != State.LIVE) return;
    setState(sub, state);
    this.liveCount--;
  }

  /**
   * The first subscription of a walk over all, live or ended, but what was revoked before a further CONNECT; 0 when there is none.
   * Add and remove none on the way.
   */
  first(): usize {
    return this.table.nextBlock(0);
  }

  next(): usize {
    return this.table.nextBlock(this.table.nextSlot);
  }

  /**
   * A newer policy does not allow it. It is remembered until nothing of it can be under way any more (`revocationsTaken`): a
   * client that does not read makes the server keep what it is owed for as long as that has room.
   */
  revoke(sub: usize): void {
    if (stateOf(sub) == State.LIVE) this.liveCount--;
    else this.leaveEnded(sub);
    setState(sub, State.REVOKED);
    this.revokedUntold = true;
  }

  /** Have some been revoked whose UNSUBs have not all gone to the server yet? */
  get hasUntoldRevocations(): bool {
    return this.revokedUntold;
  }

  /**
   * All UNSUBs of revoked ones have gone to the server, and a PING behind them, whose PONG is to be told to `revocationsTaken`.
   * Without one (`pinged`) they are remembered until the PONG for a later one, or as long as the connection lasts.
   */
  tellRevocations(pinged: bool): void {
    this.revokedUntold = false;
    this.revokedPings += i32(pinged);
  }

  /** The server has taken the UNSUBs before such a PING: all that it had delivered by then is here. */
  revocationsTaken(): void {
    this.revokedPings--;
    if (this.revokedPings > 0 || this.revokedUntold) return;
    this.takeOutAll(this.table, true);
    const apart = this.apart;
    if (apart == null) return;
    this.takeOutAll(apart, true);
    apart.destroy();
    this.apart = null;
  }

  /** The UNSUB of one that ended by a count goes to the server now. */
  tellEnd(sub: usize): void {
    const state = stateOf(sub);
    if (state != State.COUNTED_OUT && state != State.REACHED) return;
    setState(sub, state == State.REACHED ? State.ENDED : State.TOLD);
    this.rememberEnded(sub);
  }

  /** Has it ended here, and the server does not know yet? */
  isUntold(sub: usize): bool {
    return stateOf(sub) == State.COUNTED_OUT || (stateOf(sub) == State.REVOKED && this.revokedUntold);
  }

  private endAs(sub: usize, state: State): void {
    if (stateOf(sub) != State.LIVE) return;
    this.liveCount--;
    // What comes for its sid may be of a revoked one, which no number of further UNSUBs and no time makes forgotten.
    if (bringsRevoked(sub)) return setState(sub, State.REVOKED);
    setState(sub, state);
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

  /**
   * Once none has ended for a while, nothing of the ended ones can be under way any more. `awaitsConnect`: a PONG is to show when
   * the server has taken a further CONNECT.
   */
  tick(now: i64, awaitsConnect: bool = false): void {
    if (this.isUnsettled && !awaitsConnect) this.tickUnsettled(now);
    if (this.ended == 0) return;
    if (this.endings != this.endingsAtTick) {
      this.endingsAtTick = this.endings;
      this.quietSince = now;
    } else if (hasPassed(now, this.quietSince, FORGET_AFTER)) this.forgetEnded();
  }

  /** In DRY_RUN no PING of ours goes behind a further CONNECT, and the client may send none. */
  private tickUnsettled(now: i64): void {
    if (this.unsettledSince == 0) this.unsettledSince = now;
    if (hasPassed(now, this.unsettledSince, FORGET_AFTER)) this.settle();
  }

  private forgetEnded(): void {
    while (this.endedCount > 0) this.remove(load<usize>(this.endedSlot(this.endedHead)));
    this.releaseEnded();
  }

  private releaseEnded(): void {
    giveBack(this.ended, (<usize>MAX_ENDED) << 2);
    this.ended = 0;
    this.endedCount = 0;
    this.endedHead = 0;
  }

  /** All of a table that were revoked, or all others. */
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

  /** Drops everything, as a second CONNECT does, but what was revoked, of which messages may be under way. */
  beginAnew(): void {
    this.takeOutAll(this.table, false);
    this.setApart();
    this.releaseEnded();
    // The CONNECT has ended them there: no UNSUB goes any more. Only where it began in DRY_RUN were there some.
    this.revokedUntold = false;
    this.liveCount = 0;
    this.isUnsettled = true;
    this.unsettledSince = 0;
    this.hasPinged = false;
  }

  /** A PING of the client's goes to the server; `expected`: its PONG is among those that `allAnswered` waits for. */
  pinged(expected: bool): void {
    this.hasPinged = true;
    if (!expected) this.isMiscounted = true;
  }

  /** The server has answered all PINGs: it has taken a further CONNECT if one of them went behind that. */
  allAnswered(): void {
    if (this.isUnsettled && this.hasPinged && !this.isMiscounted) this.settle();
  }

  /** Leaves an empty table, for nothing but what was revoked is in it. */
  private setApart(): void {
    const table = this.table;
    const apart = this.apart;
    if (apart == null && table.count > 0) {
      this.apart = table;
      this.table = new BlockTable(SID);
      return;
    }
    if (apart != null) {
      // By a still newer policy. What there is no room for stays.
      let sub = table.nextBlock(0);
      while (sub != 0 && apart.makeRoom()) {
        table.takeOut(sub);
        apart.enter(sub);
        sub = table.nextBlock(table.nextSlot - 1);
      }
    }
    if (table.count == 0) table.release();
  }

  /** The server has taken that CONNECT: all that comes from here on is of what was subscribed behind it. */
  settle(): void {
    this.isUnsettled = false;
    for (let sub = this.first(); sub != 0; sub = this.next()) settleCount(sub);
  }

  /** Gives back all memory, the object's own too. */
  destroy(): void {
    giveBackAll(this.table);
    giveBackAll(this.apart);
    this.releaseEnded();
    heap.free(changetype<usize>(this));
  }

  // @ts-ignore: decorator
  @inline
  private endedSlot(index: i32): usize {
    return this.ended + ((<usize>index) << 2);
  }

  /** Takes a subscription out of the table, and an ended one out of the row of these. */
  private remove(sub: usize): void {
    this.leaveEnded(sub);
    this.takeOut(sub);
  }

  private leaveEnded(sub: usize): void {
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
    giveBack(sub, sizeOf(sub));
  }
}

/** With the table. */
function giveBackAll(table: BlockTable | null): void {
  if (table == null) return;
  for (let sub = table.nextBlock(0); sub != 0; sub = table.nextBlock(table.nextSlot)) giveBack(sub, sizeOf(sub));
  table.destroy();
}
