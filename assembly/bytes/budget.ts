import { hasFreeBlock, linearBytes } from "./linear-memory";

/**
 * All memory that grows with what clients send is taken here, so that one number bounds it for the whole VM.
 * A failing `memory.grow` is a trap, and a trap ends every connection of the worker: V8 refuses to grow near
 * 16,133 pages (measured on Envoy 1.40), far above any limit that the configuration accepts.
 */

/** Bytes taken and not yet given back. */
let used: usize = 0;
/** Bytes that may be taken; configurations of one VM share it (see `raiseLimit`). */
let limit: usize = 0;

/** One connection may hold at most one part in so many of the budget, so that one alone cannot use it up. */
const CONNECTIONS_AT_LEAST: usize = 8;

/** What an allocation costs beside its bytes: TLSF's header and rounding to 16. */
const OVERHEAD: usize = 16;

/** Bytes that a block of `size` bytes takes of the heap. */
// @ts-ignore: decorator
@inline
function cost(size: usize): usize {
  return ((size + 15) & ~15) + OVERHEAD;
}

/** Counts an allocation of `size` bytes as used, if the VM's budget allows it. */
function charge(size: usize): bool {
  const all = cost(size);
  if (used + all > limit) return false;
  used += all;
  return true;
}

/** Bytes that linear memory has for all that is not taken here: policies, remembered decisions, and connections themselves. */
const BESIDE: usize = 64 << 20;
/** The same for meters, of which the configuration decides how many there are; at most MOST_METERED count. */
let metered: usize = 0;
const MOST_METERED: usize = 128 << 20;

/**
 * Bytes of linear memory from which on it does not grow for the budget. Gaps between blocks are room for smaller ones alone. So
 * whoever chooses their sizes makes the heap several times as large as what is in use, 2,156 MiB for 450 (Node host), where V8
 * refuses to grow at 1,008. It is one and a half times the budget, and what lies beside it: at most 960 MiB, which a last block may
 * exceed.
 */
export function mostToGrowFrom(): usize {
  return limit + limit / 2 + BESIDE + min(metered, MOST_METERED);
}

/** Is there a free block of `size` bytes, or may linear memory grow for one? */
function hasRoom(size: usize): bool {
  return linearBytes() < mostToGrowFrom() || hasFreeBlock(cost(size));
}

/** Meters have taken `bytes` more, or have given them back where that is less than 0. */
export function noteMetered(bytes: isize): void {
  metered += bytes;
}

/**
 * Takes `size` bytes, or answers 0 when the VM's budget does not allow it, or when there is no such block and memory may not grow.
 * Every caller handles 0 by closing the connection that asked, or by doing without.
 */
export function take(size: usize): usize {
  return hasRoom(size) && charge(size) ? heap.alloc(size) : 0;
}

/** Gives back the block `pointer` that `take(size)` answered, with the same `size`. Does nothing for 0. */
export function giveBack(pointer: usize, size: usize): void {
  if (pointer == 0) return;
  used -= cost(size);
  heap.free(pointer);
}

/**
 * Bytes of a block for something that lives only until a message is answered. Such blocks are not freed but kept for the next
 * taker, at most as many as one chunk of a busy socket brings, since taking one from the heap costs more than all else about
 * it. Kept blocks do not count as used.
 */
export const SHORT_LIVED: usize = 80;
const MAX_KEPT: i32 = 1024;
/** The first of the blocks that are kept, 0 without any. Each begins with the address of the next one. */
let kept: usize = 0;
let keptCount: i32 = 0;

/** Takes a block of SHORT_LIVED bytes, or answers 0 as `take` does. */
export function takeShortLived(): usize {
  if (kept == 0) return take(SHORT_LIVED);
  if (!charge(SHORT_LIVED)) return 0;
  const block = kept;
  kept = load<usize>(block);
  keptCount--;
  return block;
}

/** Gives back what `takeShortLived` answered. */
export function giveBackShortLived(block: usize): void {
  if (block == 0 || keptCount == MAX_KEPT) {
    giveBack(block, SHORT_LIVED);
    return;
  }
  used -= cost(SHORT_LIVED);
  store<usize>(block, kept);
  kept = block;
  keptCount++;
}

/** Bytes in use, overhead included. */
export function usedBytes(): usize {
  return used;
}

/** The budget in bytes. */
export function limitBytes(): usize {
  return limit;
}

/** Bytes that one connection may hold of the budget. */
export function shareBytes(): i64 {
  return <i64>(limit / CONNECTIONS_AT_LEAST);
}

/**
 * Several plugins of one image share one VM, so the budget is the largest that any of them asks for; it never
 * shrinks while the VM lives, because memory of WebAssembly never does either.
 */
export function raiseLimit(bytes: usize): void {
  if (bytes > limit) limit = bytes;
}
