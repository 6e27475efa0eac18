import { BLOCK_HASH, BLOCK_KEY_LENGTH, BlockTable } from "../bytes/block-table";
import { giveBack, giveBackShortLived, SHORT_LIVED, take, takeShortLived } from "../bytes/budget";
import { copyShort } from "../bytes/copy";
import { ResponseLimit } from "../policy/response-limit";

/** Offsets into the block of one grant, whose key is the reply subject, from BYTES on. USES: how often it was used, i32. */
const USES: usize = 8;
/** The next newer and the next older grant of the same table, 0 without one. */
const NEWER: usize = 12;
const OLDER: usize = 16;
const GRANTED_AT: usize = 24;
const BYTES: usize = 32;

/**
 * Bytes of the longest reply subject for which a SHORT_LIVED block has room, as those that clients make do. A block for a
 * longer one is as long as that needs.
 */
const USUAL_KEY: i32 = <i32>(SHORT_LIVED - BYTES);

function sizeOf(length: i32): usize {
  return BYTES + <usize>max(length, USUAL_KEY);
}

function takeBlock(length: i32): usize {
  return length <= USUAL_KEY ? takeShortLived() : take(sizeOf(length));
}

function giveBackBlock(block: usize): void {
  const length = load<i32>(block, BLOCK_KEY_LENGTH);
  if (length <= USUAL_KEY) giveBackShortLived(block);
  else giveBack(block, sizeOf(length));
}

/**
 * Has a grant been there for longer than `expires`? Also one of the future: the host's clock is that of the wall, and where it
 * is set back a grant ends rather than lasts for longer.
 */
function isOver(grant: usize, now: i64, expires: i64): bool {
  return <u64>(now - load<i64>(grant, GRANTED_AT)) > <u64>expires;
}

/**
 * The reply subjects on which one connection may answer (`allow_responses` of one rule), as nats-server keeps them
 * (client.go `deliverMsg`, `responseAllowed`): a delivery with a reply subject that the lists do not allow grants it;
 * each check uses it once; after `max` uses or `expires` it is gone.
 *
 * nats-server prunes used-up grants now and then; here they go at their last use, which no client can tell apart, and
 * the row is in order of time, so that expired ones are found at its old end. nats-server has no bound on their
 * number: past ours the oldest goes, which only refuses more.
 */
@unmanaged
@final
export class ReplyGrants {
  private table: BlockTable = new BlockTable(BYTES);
  /** Bytes of all grants together, without the table. */
  bytes: i64 = 0;
  private newest: usize = 0;
  private oldest: usize = 0;

  constructor(
    readonly limit: ResponseLimit,
    private readonly bound: i32,
  ) {}

  /**
   * A delivery has brought this reply subject, whose `hashBytes` is `hash`, at `now`, in milliseconds. It may be answered from
   * now on. Answers false when the budget has no room, and then grants nothing.
   */
  grant(reply: usize, length: i32, hash: u32, now: i64): bool {
    this.forgetExpired(now);
    const known = this.table.find(reply, length, hash);
    if (known != 0) this.remove(known);
    if (this.table.count >= this.bound) this.remove(this.oldest);
    if (!this.table.makeRoom()) return false;
    const grant = takeBlock(length);
    if (grant == 0) return false;
    this.bytes += <i64>sizeOf(length);
    store<u32>(grant, hash, BLOCK_HASH);
    store<i32>(grant, length, BLOCK_KEY_LENGTH);
    store<i32>(grant, 0, USES);
    store<i64>(grant, now, GRANTED_AT);
    copyShort(grant + BYTES, reply, length);
    store<usize>(grant, 0, NEWER);
    store<usize>(grant, this.newest, OLDER);
    if (this.newest != 0) store<usize>(this.newest, grant, NEWER);
    else this.oldest = grant;
    this.newest = grant;
    this.table.enter(grant);
    return true;
  }

  /** Bytes of the VM's budget that this holds, with the table, which becomes no smaller until `release`. */
  get heldBytes(): i64 {
    return this.bytes + this.table.bytes;
  }

  /** Bytes of gaps behind all grants that are smaller than `size` (`BlockTable.gapsBehind`). */
  gapsBehind(size: usize): i64 {
    return this.table.gapsBehind(size);
  }

  /** Is there a grant of this subject, which may be over? */
  has(subject: usize, length: i32, hash: u32): bool {
    return this.table.find(subject, length, hash) != 0;
  }

  /** Is a publish on `subject` at `now`, in milliseconds, an answer that is allowed? If so that is one use; else the grant ends. */
  use(subject: usize, length: i32, hash: u32, now: i64): bool {
    if (this.table.count == 0) return false;
    const grant = this.table.find(subject, length, hash);
    if (grant == 0) return false;
    const uses = load<i32>(grant, USES) + 1;
    store<i32>(grant, uses, USES);
    const max = this.limit.max;
    const expires = this.limit.expires;
    if ((max > 0 && uses > max) || (expires > 0 && isOver(grant, now, expires))) {
      this.remove(grant);
      return false;
    }
    if (max > 0 && uses == max) this.remove(grant);
    return true;
  }

  /**
   * Grants what `other` has granted and when, as often used; the oldest go where the budget has no room. From now on the limits of
   * this object hold for it.
   */
  copyFrom(other: ReplyGrants | null): void {
    if (other == null) return;
    for (let grant = other.oldest; grant != 0; grant = load<usize>(grant, NEWER)) {
      const length = load<i32>(grant, BLOCK_KEY_LENGTH);
      while (!this.grant(grant + BYTES, length, load<u32>(grant, BLOCK_HASH), load<i64>(grant, GRANTED_AT))) {
        if (this.oldest == 0) return;
        this.remove(this.oldest);
      }
      store<i32>(this.newest, load<i32>(grant, USES), USES);
    }
  }

  /** Gives back the object itself too. */
  destroy(): void {
    this.release();
    this.table.destroy();
    heap.free(changetype<usize>(this));
  }

  /** Forgets the oldest grant, if there is any. */
  forgetOldest(): void {
    if (this.oldest != 0) this.remove(this.oldest);
  }

  /** Forgets all grants. */
  release(): void {
    let grant = this.oldest;
    while (grant != 0) {
      const next = load<usize>(grant, NEWER);
      giveBackBlock(grant);
      grant = next;
    }
    this.table.release();
    this.bytes = 0;
    this.newest = 0;
    this.oldest = 0;
  }

  private forgetExpired(now: i64): void {
    const expires = this.limit.expires;
    if (expires <= 0) return;
    while (this.oldest != 0 && isOver(this.oldest, now, expires)) this.remove(this.oldest);
  }

  private remove(grant: usize): void {
    const newer = load<usize>(grant, NEWER);
    const older = load<usize>(grant, OLDER);
    if (newer != 0) store<usize>(newer, older, OLDER);
    else this.newest = older;
    if (older != 0) store<usize>(older, newer, NEWER);
    else this.oldest = newer;
    this.table.takeOut(grant);
    this.bytes -= <i64>sizeOf(load<i32>(grant, BLOCK_KEY_LENGTH));
    giveBackBlock(grant);
  }
}
