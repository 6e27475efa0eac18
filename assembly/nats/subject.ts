import { hashStart, hashStep, mixHash } from "../bytes/compare";

/** '.' separates tokens, '*' and '>' are wildcards when they are a whole token (NATS docs, "Subject-Based Messaging"). */
export const DOT: u8 = 0x2e;
export const STAR: u8 = 0x2a;
export const GREATER: u8 = 0x3e;

/**
 * Tokens that are recorded for one subject. A permission entry may have no more (a fault of the configuration),
 * so a longer subject can only be matched by an entry that ends in '>': its further tokens are counted, not kept.
 */
export const MAX_TOKENS: i32 = 256;

/** One record: offset u32, length u32, hash u32. */
const STRIDE: usize = 12;

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
  hasStar: bool = false;
  hasGreater: bool = false;
  /** '>' stands anywhere but last. */
  hasInnerGreater: bool = false;

  /** Answers false when a token is empty: such a subject matches nothing anywhere (nats-server sublist.go). */
  split(pointer: usize, length: i32): bool {
    this.subject = pointer;
    this.subjectLength = length;
    this.hasWildcard = false;
    this.hasStar = false;
    this.hasGreater = false;
    this.hasInnerGreater = false;
    const end = pointer + <usize>length;
    let record = this.records;
    const lastRecord = record + <usize>(MAX_TOKENS - 1) * STRIDE;
    let count = 0;
    let start = pointer;
    let h = hashStart();
    let sawGreater = false;
    while (true) {
      const b = pointer < end ? load<u8>(pointer) : DOT;
      if (b != DOT) {
        h = hashStep(h, b);
        pointer++;
        continue;
      }
      const size = pointer - start;
      if (size == 0) return false;
      if (sawGreater) this.hasInnerGreater = true;
      if (size == 1) {
        const only = load<u8>(start);
        if (only == STAR) {
          this.hasStar = true;
          this.hasWildcard = true;
        } else if (only == GREATER) {
          this.hasGreater = true;
          this.hasWildcard = true;
          sawGreater = true;
        }
      }
      if (record <= lastRecord) {
        store<u32>(record, <u32>(start - this.subject));
        store<u32>(record, <u32>size, 4);
        store<u32>(record, mixHash(h), 8);
        record += STRIDE;
      }
      count++;
      if (pointer >= end) break;
      pointer++;
      start = pointer;
      h = hashStart();
    }
    this.count = count;
    this.recorded = min(count, MAX_TOKENS);
    return true;
  }

  // @ts-ignore: decorator
  @inline
  pointer(index: i32): usize {
    return this.subject + load<u32>(this.records + <usize>index * STRIDE);
  }

  // @ts-ignore: decorator
  @inline
  length(index: i32): i32 {
    return <i32>load<u32>(this.records + <usize>index * STRIDE, 4);
  }

  // @ts-ignore: decorator
  @inline
  hash(index: i32): u32 {
    return load<u32>(this.records + <usize>index * STRIDE, 8);
  }

  isStar(index: i32): bool {
    return this.length(index) == 1 && load<u8>(this.pointer(index)) == STAR;
  }

  isGreater(index: i32): bool {
    return this.length(index) == 1 && load<u8>(this.pointer(index)) == GREATER;
  }

  /** nats-server's `tokensCanMatch` takes any token that merely *begins* with a wildcard for one. */
  beginsWithWildcard(index: i32): bool {
    const first = load<u8>(this.pointer(index));
    return first == STAR || first == GREATER;
  }
}

/** No empty token and no wildcard (nats-server `IsValidLiteralSubject`). */
export function isLiteral(tokens: Tokens, pointer: usize, length: i32): bool {
  return tokens.split(pointer, length) && !tokens.hasWildcard;
}

/** What a subscription's subject must be, else `-ERR 'Invalid Subject'` (nats-server sublist.go `Insert`). */
export function isInsertable(tokens: Tokens, pointer: usize, length: i32): bool {
  return tokens.split(pointer, length) && !tokens.hasInnerGreater;
}
