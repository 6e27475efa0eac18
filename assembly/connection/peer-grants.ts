import { shareBytes } from "../bytes/budget";
import { hashBytes, hashBytes64, shortHash } from "../bytes/hash";
import { Words } from "../bytes/words";
import { NONE } from "../policy/none";
import { Permissions } from "../policy/permissions";
import { ResponseLimit } from "../policy/response-limit";
import { callbackTime } from "./callback-time";
import { ReplyGrants } from "./reply-grants";

/**
 * The grants of one connection may hold one part in so many of what the connection may hold itself of the VM's budget
 * (`shareBytes`).
 */
const GRANTS_PART: i64 = 4;

/**
 * The reply grants of one connection, by each `allow_responses` of its peer as if that rule stood alone: what one of them allows is
 * allowed. It is a part of `Access`, in the same block.
 */
@unmanaged
export class PeerGrants {
  /** The rule whose grant has allowed the publish in hand. */
  protected grantedBy: i32 = NONE;
  private readonly grantCount: i32;
  /** Addresses of `ReplyGrants`, one for each `allow_responses` that the peer has. */
  private readonly grants: Words = new Words();
  /** Was it allowed by a grant of a rule with `replies: ANY`? Behind it `Access` has its own small fields. */
  protected grantedRepliesAny: bool = false;

  constructor(permissions: Permissions, grantBound: i32) {
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

  /** Takes over the reply grants of `grantor`, as far as the peer may still answer at all (docs/adr/0008). */
  protected inheritGrants(grantor: PeerGrants): void {
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

  /** Gives back all memory of the grants, but not the object's own. */
  protected destroyGrants(): void {
    for (let i = 0; i < this.grantCount; i++) this.grantsAt(i).destroy();
    this.grants.destroy();
  }

  /** Bytes of the VM's budget that the grants hold, with their tables. */
  get heldBytes(): i64 {
    let bytes: i64 = 0;
    for (let i = 0; i < this.grantCount; i++) bytes += this.grantsAt(i).heldBytes;
    return bytes;
  }

  /** Bytes of gaps behind the grants that are smaller than `size`. */
  gapsBehind(size: usize): i64 {
    let bytes: i64 = 0;
    for (let i = 0; i < this.grantCount; i++) bytes += this.grantsAt(i).gapsBehind(size);
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
   * A delivery has brought a reply subject that the lists do not allow. The peer is granted an answer, unless a live grant allows it
   * anyway, of which this check is one use (client.go deliverMsg). Answers the subject's `hashBytes64`.
   */
  // @ts-ignore: decorator
  @inline
  protected grantReply(reply: usize, length: i32): u64 {
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

  /** Forgets all grants, so that nothing that was asked before may be answered by them. */
  forgetGrants(): void {
    for (let i = 0; i < this.grantCount; i++) this.grantsAt(i).release();
  }
}
