import { giveBack, limitBytes, take, usedBytes } from "../bytes/budget";
import { GOLDEN_64 } from "../bytes/golden-ratio";
import { hasPassed } from "../proxy/clock";
import { Meter } from "../telemetry/meter";
import { Unanswered } from "../telemetry/series";

/**
 * Bytes of a record, which is one message that waits for another one: its key u64; since when i64, in nanoseconds; the
 * `OpenRequests` of its connection u32; its class u32; the numbers of the next newer and the next older record of the table,
 * and of the next and the previous one of the connection, u32 each.
 */
const STRIDE: usize = 40;
const SINCE: usize = 8;
const OWNER: usize = 16;
const CLASS: usize = 20;
const NEWER: usize = 24;
const OLDER: usize = 28;
const NEXT: usize = 32;
const PREVIOUS: usize = 36;

const FIRST_CAPACITY: i32 = 64;
/**
 * Messages that one tick gives up at most; the others wait for the next one. A million that expired at once, and as many deliveries,
 * kept a worker for 135 to 145 ms; so many take 4 (Node host).
 */
const MAX_EXPIRED: i32 = 65_536;
/** The same of one message that waits anew where a policy has made the bound smaller. */
const MAX_EVICTED: i32 = 64;
/** In place of a record's number: there is none. Records are numbered from 1. */
const NO_RECORD: u32 = 0;
/** A place of the table has the number of its record, u32, or NO_RECORD. */
const PLACE_SHIFT: usize = 2;
/** The upper half of a record's key, which tells its home. */
const UPPER: usize = 4;
/**
 * There are 1 << SPARSENESS_SHIFT places for each record. With two, no processor foresees how far a search or a removal goes,
 * even where places tell homes apart without the records (an answered request ×0.93).
 */
const SPARSENESS_SHIFT: usize = 2;

/** Bytes of the places for so many records. */
// @ts-ignore: decorator
@inline
function placeBytes(capacity: i32): usize {
  return (<usize>capacity) << (PLACE_SHIFT + SPARSENESS_SHIFT);
}

/** The records of one connection in one table. It lies in the connection (bytes/embedded.ts), and zeros are one without records. */
@unmanaged
@final
export class OpenRequests {
  /** The newest of them. */
  first: u32;
  count: i32;
  /** Who counts those that are not answered; null before the peer is known, when there are none. */
  meter: Meter;
}

/**
 * Messages of one plugin's connections that wait for another one: requests for their answer, or deliveries for the reply.
 * They are found by a seeded hash of 64 bits over the reply subject, which is not kept: the worst that two of the same hash
 * could do is one wrong duration. A row in order of time finds the oldest, which makes room at the bound.
 */
@unmanaged
@final
export class RequestTable {
  /** So many may wait at most; 0: none is to be opened. */
  bound: i32 = 0;
  count: i32 = 0;
  /** Of the message that `close` has found last, in nanoseconds. */
  since: i64 = 0;
  subjectClass: i32 = 0;

  private capacity: i32 = 0;
  private records: usize = 0;
  /** Open addressing over the records' numbers. */
  private places: usize = 0;
  /** The first free record, with the others behind it by NEXT. Records from number `used` + 1 on have never been used. */
  private free: u32 = NO_RECORD;
  private used: u32 = 0;
  private newest: u32 = NO_RECORD;
  private oldest: u32 = NO_RECORD;

  /** `counts`: messages that are given up are counted as unanswered. */
  constructor(private readonly counts: bool) {}

  /** Gives back all memory until a message waits again. None may wait any more. */
  clear(): void {
    this.giveBackAll(this.records, this.places, this.capacity);
    this.records = 0;
    this.places = 0;
    this.capacity = 0;
    this.free = NO_RECORD;
    this.used = 0;
  }

  /**
   * A message waits from `now` on, in nanoseconds. `name` is the 64-bit hash of the subject on which its answer will come. One
   * that waits for the same already stays as it is. At the bound the oldest of the table is given up.
   */
  // @ts-ignore: decorator
  @inline
  open(owner: OpenRequests, name: u64, subjectClass: i32, now: i64): void {
    const key = keyOf(owner, name);
    let place = this.find(key);
    if (place >= 0) return;
    if (this.count >= this.bound || !this.hasFree) {
      if (!this.makeRoom()) {
        if (this.counts) owner.meter.unanswered(subjectClass, Unanswered.EVICTED);
        return;
      }
      place = this.search(key);
    }
    const number = this.newRecord();
    const record = this.at(number);
    store<u64>(record, key);
    store<i64>(record, now, SINCE);
    store<usize>(record, changetype<usize>(owner), OWNER);
    store<u32>(record, <u32>subjectClass, CLASS);
    store<u32>(record, NO_RECORD, NEWER);
    store<u32>(record, this.newest, OLDER);
    if (this.newest != NO_RECORD) store<u32>(this.at(this.newest), number, NEWER);
    else this.oldest = number;
    this.newest = number;
    store<u32>(record, NO_RECORD, PREVIOUS);
    store<u32>(record, owner.first, NEXT);
    if (owner.first != NO_RECORD) store<u32>(this.at(owner.first), number, PREVIOUS);
    owner.first = number;
    owner.count++;
    this.count++;
    this.setPlace(~place, number);
  }

  /**
   * Was a message on the subject of this hash waited for? If so, it is not any more, and `since` and `subjectClass` are those
   * of the one that waited.
   */
  // @ts-ignore: decorator
  @inline
  close(owner: OpenRequests, name: u64): bool {
    const place = this.find(keyOf(owner, name));
    if (place < 0) return false;
    const number = this.numberAt(place);
    const record = this.at(number);
    this.since = load<i64>(record, SINCE);
    this.subjectClass = <i32>load<u32>(record, CLASS);
    this.remove(number, place);
    return true;
  }

  /** Gives up what has waited for `timeout` or longer, MAX_EXPIRED at most; both are in nanoseconds. */
  expire(now: i64, timeout: i64): void {
    for (let left = MAX_EXPIRED; left > 0 && this.oldest != NO_RECORD; left--) {
      if (!hasPassed(now, load<i64>(this.at(this.oldest), SINCE), timeout)) return;
      this.giveUp(this.oldest, Unanswered.EXPIRED);
    }
  }

  /** The connection is gone, or is read no more: gives up all its records. */
  giveUpAll(owner: OpenRequests, why: Unanswered): void {
    while (owner.first != NO_RECORD) this.giveUp(owner.first, why);
  }

  private giveUp(number: u32, why: Unanswered): void {
    const record = this.at(number);
    if (this.counts && why != Unanswered.UNSEEN) {
      changetype<OpenRequests>(load<usize>(record, OWNER)).meter.unanswered(<i32>load<u32>(record, CLASS), why);
    }
    this.remove(number, this.search(load<u64>(record)));
  }

  private remove(number: u32, place: i32): void {
    const record = this.at(number);
    const newer = load<u32>(record, NEWER);
    const older = load<u32>(record, OLDER);
    if (newer != NO_RECORD) store<u32>(this.at(newer), older, OLDER);
    else this.newest = older;
    if (older != NO_RECORD) store<u32>(this.at(older), newer, NEWER);
    else this.oldest = newer;
    const owner = changetype<OpenRequests>(load<usize>(record, OWNER));
    const next = load<u32>(record, NEXT);
    const previous = load<u32>(record, PREVIOUS);
    if (next != NO_RECORD) store<u32>(this.at(next), previous, PREVIOUS);
    if (previous != NO_RECORD) store<u32>(this.at(previous), next, NEXT);
    else owner.first = next;
    owner.count--;
    this.count--;
    this.takeOut(place);
    store<u32>(record, this.free, NEXT);
    this.free = number;
  }

  /** Is a record free? */
  // @ts-ignore: decorator
  @inline
  private get hasFree(): bool {
    return this.free != NO_RECORD || <i32>this.used < this.capacity;
  }

  /**
   * Makes room for one more record, by giving up the oldest where need be. Answers false when there is none. Places and records
   * may have moved.
   */
  private makeRoom(): bool {
    for (let left = MAX_EVICTED; left > 0 && this.count >= this.bound && this.oldest != NO_RECORD; left--) {
      this.giveUp(this.oldest, Unanswered.EVICTED);
    }
    if (this.hasFree || this.grow()) return true;
    if (this.oldest == NO_RECORD) return false;
    this.giveUp(this.oldest, Unanswered.EVICTED);
    return true;
  }

  /**
   * All records are in use: asks the VM's budget for twice as many. No table becomes smaller before `clear`, and none belongs to
   * a connection that could give it back. So they grow only while half of the budget is left for connections.
   */
  private grow(): bool {
    const capacity = max(this.capacity * 2, FIRST_CAPACITY);
    if (usedBytes() + <usize>capacity * STRIDE + placeBytes(capacity) > limitBytes() / 2) return false;
    const records = take(<usize>capacity * STRIDE);
    const places = take(placeBytes(capacity));
    if (records == 0 || places == 0) {
      this.giveBackAll(records, places, capacity);
      return false;
    }
    memory.fill(places, 0, placeBytes(capacity));
    if (this.records != 0) memory.copy(records, this.records, <usize>this.capacity * STRIDE);
    this.giveBackAll(this.records, this.places, this.capacity);
    this.records = records;
    this.places = places;
    this.capacity = capacity;
    for (let number: u32 = 1; number <= this.used; number++) {
      this.setPlace(~this.search(load<u64>(this.at(number))), number);
    }
    return true;
  }

  private giveBackAll(records: usize, places: usize, capacity: i32): void {
    giveBack(records, <usize>capacity * STRIDE);
    giveBack(places, placeBytes(capacity));
  }

  private newRecord(): u32 {
    const free = this.free;
    if (free == NO_RECORD) return ++this.used;
    this.free = load<u32>(this.at(free), NEXT);
    return free;
  }

  // @ts-ignore: decorator
  @inline
  private at(number: u32): usize {
    return this.records + <usize>(number - 1) * STRIDE;
  }

  // @ts-ignore: decorator
  @inline
  private placeAt(place: i32): usize {
    return this.places + ((<usize>place) << PLACE_SHIFT);
  }

  // @ts-ignore: decorator
  @inline
  private numberAt(place: i32): u32 {
    return load<u32>(this.placeAt(place));
  }

  // @ts-ignore: decorator
  @inline
  private get mask(): i32 {
    return (this.capacity << (<i32>SPARSENESS_SHIFT)) - 1;
  }

  /** The place where the search for a key begins, by its upper half, which all bytes of a name reach. */
  // @ts-ignore: decorator
  @inline
  private homeOf(upper: u32): i32 {
    return (<i32>upper) & this.mask;
  }

  /**
   * The place that has the key. Otherwise the complement of the place where it belongs, which is negative; -1 while there are
   * no places.
   */
  // @ts-ignore: decorator
  @inline
  private find(key: u64): i32 {
    if (this.capacity == 0) return -1;
    let place = this.homeOf(<u32>(key >> 32));
    while (true) {
      const number = this.numberAt(place);
      if (number == NO_RECORD) return ~place;
      if (load<u64>(this.at(number)) == key) return place;
      place = (place + 1) & this.mask;
    }
  }

  /**
   * The same by a call, for what a message seldom needs. Each function that a lone message calls is one more page of code,
   * which a processor that has slept must fetch: so `open`, `close` and `find` are inlined (docs/explanation/performance.md).
   */
  private search(key: u64): i32 {
    return this.find(key);
  }

  // @ts-ignore: decorator
  @inline
  private setPlace(place: i32, number: u32): void {
    store<u32>(this.placeAt(place), number);
  }

  /**
   * Frees a place. Those behind it move up, as if it had never been used (Knuth 6.4, Algorithm R), so that searches do not slow
   * down.
   */
  private takeOut(place: i32): void {
    let hole = place;
    for (let at = (place + 1) & this.mask; ; at = (at + 1) & this.mask) {
      const number = this.numberAt(at);
      if (number == NO_RECORD) break;
      const home = this.homeOf(load<u32>(this.at(number), UPPER));
      if (((at - home) & this.mask) < ((at - hole) & this.mask)) continue;
      this.setPlace(hole, number);
      hole = at;
    }
    this.setPlace(hole, NO_RECORD);
  }
}

/** The key of a record: a subject may be waited for on several connections. */
// @ts-ignore: decorator
@inline
function keyOf(owner: OpenRequests, name: u64): u64 {
  return name ^ (<u64>changetype<usize>(owner) * GOLDEN_64);
}
