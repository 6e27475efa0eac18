import { Ascii } from "../bytes/ascii";
import { quickHash } from "../bytes/hash";
import { VECTOR_BYTES } from "../bytes/vector";

/** '.' separates tokens, '*' and '>' are wildcards when they are a whole token (NATS docs, "Subject-Based Messaging"). */
export const DOT: u8 = <u8>Ascii.DOT;
export const STAR: u8 = <u8>Ascii.STAR;
export const GREATER: u8 = <u8>Ascii.GREATER;

/**
 * Tokens that are recorded for one subject. No permission entry has more (policy/rules-entry.ts), so a longer subject can only be
 * matched by an entry that ends in '>': its further tokens are counted, not kept.
 */
export const MAX_TOKENS: i32 = 259;

/**
 * In place of a number of leading tokens: what is answered about the subject does not follow from its leading tokens, since one
 * of all its tokens is empty, or for the reason of `holdBack`.
 */
export const NOT_BY_TOKENS: i32 = -1;

/** One record: offset u32, length u32. */
const STRIDE: usize = 8;

/**
 * The tokens of one subject, found in a single pass and without allocation. `split` overwrites what an earlier
 * `split` found.
 */
@unmanaged
@final
export class Tokens {
  private readonly records: usize = heap.alloc(<usize>MAX_TOKENS * STRIDE);
  /** The subject that was split. */
  subject: usize = 0;
  subjectLength: i32 = 0;
  /** Tokens in the subject, also those beyond MAX_TOKENS. */
  count: i32 = 0;
  /** Tokens that can be read: `count`, or MAX_TOKENS if the subject has more. */
  recorded: i32 = 0;
  /** A whole token is '*' or '>'. */
  hasWildcard: bool = false;
  hasGreater: bool = false;
  /** '>' stands anywhere but last. */
  hasInnerGreater: bool = false;
  /**
   * How many leading tokens `hash` has been asked of since `split`, so that the answer that was found depends on no others;
   * else NOT_BY_TOKENS.
   */
  looked: i32 = NOT_BY_TOKENS;

  /**
   * Splits the `length` bytes at `pointer`. Answers false when a token is empty: such a subject matches nothing anywhere
   * (nats-server sublist.go).
   */
  split(pointer: usize, length: i32): bool {
    this.subject = pointer;
    this.subjectLength = length;
    this.hasWildcard = false;
    this.hasGreater = false;
    this.hasInnerGreater = false;
    this.looked = NOT_BY_TOKENS;
    this.count = 0;
    const end = pointer + <usize>length;
    let start = pointer;
    for (let block = pointer; block < end; block += VECTOR_BYTES) {
      let dots = dotsIn(block, pointer, end);
      while (dots != 0) {
        const dot = block + <usize>ctz(dots);
        if (!this.take(start, dot)) return false;
        start = dot + 1;
        dots &= dots - 1;
      }
    }
    if (!this.take(start, end)) return false;
    this.recorded = min(this.count, MAX_TOKENS);
    this.looked = 0;
    return true;
  }

  // @ts-ignore: decorator
  @inline
  private take(start: usize, end: usize): bool {
    const size = <i32>(end - start);
    if (size == 0) return false;
    if (this.hasGreater) this.hasInnerGreater = true;
    if (size == 1) {
      const only = load<u8>(start);
      if (only == GREATER) this.hasGreater = true;
      if (only == STAR || only == GREATER) this.hasWildcard = true;
    }
    if (this.count < MAX_TOKENS) {
      const record = this.records + <usize>this.count * STRIDE;
      store<u32>(record, <u32>(start - this.subject));
      store<u32>(record, <u32>size, 4);
    }
    this.count++;
    return true;
  }

  /** Where the token begins; `index` is below `recorded`, as for all that asks for one token. */
  // @ts-ignore: decorator
  @inline
  pointer(index: i32): usize {
    return this.subject + load<u32>(this.records + <usize>index * STRIDE);
  }

  /** Bytes of the token. */
  // @ts-ignore: decorator
  @inline
  length(index: i32): i32 {
    return <i32>load<u32>(this.records + <usize>index * STRIDE, 4);
  }

  /**
   * The token's `quickHash`. It is computed when it is asked for, since most subjects are decided by their first tokens, and
   * asking is noted in `looked`.
   */
  // @ts-ignore: decorator
  @inline
  hash(index: i32): u32 {
    if (index >= this.looked) this.looked = index + 1;
    return quickHash(this.pointer(index), this.length(index));
  }

  /** Is the token '*'? */
  isStar(index: i32): bool {
    return this.length(index) == 1 && load<u8>(this.pointer(index)) == STAR;
  }

  /** Is the token '>'? */
  isGreater(index: i32): bool {
    return this.length(index) == 1 && load<u8>(this.pointer(index)) == GREATER;
  }

  /** nats-server's `tokensCanMatch` takes any token that merely *begins* with a wildcard for one. */
  beginsWithWildcard(index: i32): bool {
    const first = load<u8>(this.pointer(index));
    return first == STAR || first == GREATER;
  }

  /**
   * Keeps the answer about this subject from being taken for that about all others that begin with the tokens looked at. That is
   * done if one of these tokens only begins with a wildcard, as `*a` does, or (`isOdd`) one of an entry that may deny them does.
   * Where a later token is a real wildcard, nats-server takes `*a` for a wildcard too (sublist.go `isSubsetMatchTokenized`,
   * `tokensCanMatch`). So another subject may have another answer.
   */
  holdBack(isOdd: bool): void {
    if (isOdd) this.looked = NOT_BY_TOKENS;
    for (let i = 0; i < this.looked; i++) {
      if (!this.beginsWithWildcard(i)) continue;
      this.looked = NOT_BY_TOKENS;
      return;
    }
  }
}

/** The dots among the up to sixteen bytes from `block` on, as bits. No byte outside of `start` to `end` is read. */
// @ts-ignore: decorator
@inline
function dotsIn(block: usize, start: usize, end: usize): i32 {
  if (end - block >= VECTOR_BYTES) return dotsAt(block);
  // The last sixteen bytes are read, and those that were in the block before are shifted away.
  const before = <i32>(block + VECTOR_BYTES - end);
  if (end - start >= VECTOR_BYTES) return dotsAt(end - VECTOR_BYTES) >> before;
  if (end - start >= 8) {
    const between = <i32>(end - start) - 8;
    const both = dotsOf(v128.load64_lane(end - 8, v128.load64_zero(start), 1));
    return (both & 0xff) | ((both >> 8) << between);
  }
  let dots = 0;
  for (let i = 0; i < <i32>VECTOR_BYTES - before; i++) dots |= i32(load<u8>(block + <usize>i) == DOT) << i;
  return dots;
}

// @ts-ignore: decorator
@inline
function dotsAt(p: usize): i32 {
  return dotsOf(v128.load(p));
}

// @ts-ignore: decorator
@inline
function dotsOf(bytes: v128): i32 {
  return i8x16.bitmask(i8x16.eq(bytes, i8x16.splat(DOT)));
}

/**
 * Bytes of the first `count` tokens (at least 1) with the dot behind the last of them; 0 if no token follows it, or if any
 * token of the whole subject is empty.
 */
// @ts-ignore: decorator
@inline
export function leadingTokens(pointer: usize, length: i32, count: i32): i32 {
  return length >= <i32>VECTOR_BYTES && length <= 4 * <i32>VECTOR_BYTES
    ? leadingTokensAtOnce(pointer, length, count)
    : leadingTokensByBlocks(pointer, length, count);
}

function leadingTokensByBlocks(pointer: usize, length: i32, count: i32): i32 {
  const end = pointer + <usize>length;
  let leading = 0;
  // A dot at the beginning, behind another one or at the end has an empty token beside it.
  let before = 1;
  for (let block = pointer; block < end; block += VECTOR_BYTES) {
    let dots = dotsIn(block, pointer, end);
    if ((dots & ((dots << 1) | before)) != 0) return 0;
    before = dots >> 15;
    if (leading > 0) continue;
    while (dots != 0 && count > 1) {
      dots &= dots - 1;
      count--;
    }
    if (dots != 0) leading = <i32>(block - pointer) + ctz(dots) + 1;
  }
  return load<u8>(end - 1) == DOT ? 0 : leading;
}

/**
 * The same for a subject of one to four times VECTOR_BYTES, as inboxes and acknowledgements are, which are mostly decided by
 * their leading tokens.
 */
// @ts-ignore: decorator
@inline
function leadingTokensAtOnce(pointer: usize, length: i32, count: i32): i32 {
  // The last block overlaps the one before.
  let dots =
    (<u64>dotsAt(pointer)) | ((<u64>dotsAt(pointer + <usize>length - VECTOR_BYTES)) << (length - <i32>VECTOR_BYTES));
  if (length > 2 * <i32>VECTOR_BYTES) dots |= (<u64>dotsAt(pointer + VECTOR_BYTES)) << VECTOR_BYTES;
  if (length > 3 * <i32>VECTOR_BYTES) dots |= (<u64>dotsAt(pointer + 2 * VECTOR_BYTES)) << (2 * VECTOR_BYTES);
  // A dot at the beginning, behind another one or at the end has an empty token beside it.
  if ((dots & ((dots << 1) | 1)) != 0) return 0;
  if (load<u8>(pointer + <usize>length - 1) == DOT) return 0;
  for (; count > 1; count--) dots &= dots - 1;
  return dots == 0 ? 0 : <i32>ctz(dots) + 1;
}

/** The first dot from `pointer` on, or `end`. */
export function endOfToken(pointer: usize, end: usize): usize {
  while (pointer < end && load<u8>(pointer) != DOT) pointer++;
  return pointer;
}

/** Has the subject no empty token and no wildcard (nats-server `IsValidLiteralSubject`)? Leaves it split in `tokens`. */
export function isLiteral(tokens: Tokens, pointer: usize, length: i32): bool {
  return tokens.split(pointer, length) && !tokens.hasWildcard;
}

/**
 * May it be subscribed to? nats-server answers `-ERR 'Invalid Subject'` to all others (sublist.go `Insert`). Leaves it split in
 * `tokens`.
 */
export function isInsertable(tokens: Tokens, pointer: usize, length: i32): bool {
  return tokens.split(pointer, length) && !tokens.hasInnerGreater;
}

/**
 * Where the first token begins that is a wildcard or has one among its bytes, of which a stream's `subject_transform` may make one: by
 * `split` or `right` it makes a token of a part of another. 0 where there is none.
 */
export function wildcardIn(pointer: usize, length: i32): usize {
  const end = pointer + <usize>length;
  let token = pointer;
  for (let at = pointer; at < end; at++) {
    const b = load<u8>(at);
    if (b == DOT) token = at + 1;
    else if (b == STAR || b == GREATER) return token;
  }
  return 0;
}
