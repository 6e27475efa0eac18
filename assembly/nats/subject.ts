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
  private base: usize = 0;
  /** Tokens in the subject, also those beyond MAX_TOKENS. */
  count: i32 = 0;
  /** Tokens that can be read: `count`, or MAX_TOKENS if the subject has more. */
  recorded: i32 = 0;
  /** A whole token is '*' or '>'. */
  hasWildcard: bool = false;
  /** '>' stands anywhere but last. */
  hasInnerGreater: bool = false;

  /** Answers false when a token is empty: such a subject matches nothing anywhere (nats-server sublist.go). */
  split(pointer: usize, length: i32): bool {
    this.base = pointer;
    this.hasWildcard = false;
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
        if (only == STAR) this.hasWildcard = true;
        else if (only == GREATER) {
          this.hasWildcard = true;
          sawGreater = true;
        }
      }
      if (record <= lastRecord) {
        store<u32>(record, <u32>(start - this.base));
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
    return this.base + load<u32>(this.records + <usize>index * STRIDE);
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

/** Beginnings of subjects that nats-server keeps for itself, packed with the first byte lowest. */
const GATEWAY_REPLY: u64 = 0x2e5f52475f; // _GR_.
const OLD_GATEWAY_REPLY: u64 = 0x2e524724; // $GR.
const RAFT: u64 = 0x2e47524e24; // $NRG.
const SERVICE_REPLY: u64 = 0x2e5f525f; // _R_.
const JETSTREAM_ACK: u64 = 0x2e4b43412e534a24; // $JS.ACK.

function startsWith(pointer: usize, length: i32, word: u64, wordLength: i32): bool {
  if (length < wordLength) return false;
  for (let i = 0; i < wordLength; i++) {
    if (<u64>load<u8>(pointer + <usize>i) != (word & 0xff)) return false;
    word >>= 8;
  }
  return true;
}

/** Something must follow the dot (nats-server gateway.go `hasGWRoutedReplyPrefix`). */
export function isGatewayReply(pointer: usize, length: i32): bool {
  return (
    (length > 5 && startsWith(pointer, length, GATEWAY_REPLY, 5)) ||
    (length > 4 && startsWith(pointer, length, OLD_GATEWAY_REPLY, 4))
  );
}

/** Subjects of nats-server's own Raft groups (client.go `clientNRGPrefix`). */
export function isRaftSubject(pointer: usize, length: i32): bool {
  return startsWith(pointer, length, RAFT, 5);
}

/** Replies that a client may not name (client.go `isReservedReply`; `_R_.` alone is reserved, the others need a byte more). */
export function isReservedReply(pointer: usize, length: i32): bool {
  if (length == 0) return false;
  const first = load<u8>(pointer);
  if (first != 0x5f && first != 0x24) return false;
  return (
    startsWith(pointer, length, SERVICE_REPLY, 4) ||
    (length > 8 && startsWith(pointer, length, JETSTREAM_ACK, 8)) ||
    isGatewayReply(pointer, length)
  );
}
