import { hasFreeBlock, linearBytes } from "./linear-memory";

/**
 * All memory that grows with what clients send is taken here, so that one number bounds it for the whole VM.
 * A failing `memory.grow` is a trap, and a trap ends every connection of the worker.
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

/** Bytes beyond which V8 refuses to let linear memory grow: 16,133 pages (measured on Envoy 1.40). */
const GRANTED_BY_V8: usize = 16_133 << 16;
/** Bytes that linear memory has for all that is not taken here: policies, remembered decisions, and connections themselves. */
const BESIDE: usize = 64 << 20;
/** The same for meters, of which the configuration decides how many there are: 4,096 with 64 classes take 200 MiB. */
const MOST_METERED: usize = 208 << 20;
/** Bytes that meters take now (`noteMetered`). */
let metered: usize = 0;

/** See `mostToGrowTo`. */
let growsTo: usize = 0;
/**
 * No block lies beyond this address. What is above it is left to all that is not taken here, for which there is no other answer
 * than a trap: linear memory may double from what is half as large.
 */
let highest: usize = 0;
/** So often a block beyond it may be offered before a larger one is asked for, and at all. */
const TRIES: i32 = 16;
const MOST_TRIES: i32 = 1024;
/** Bytes of the largest block that a line with its headers needs, each of which has 64 KiB at most (policy/config-limits.ts). */
export const USUAL: usize = 256 << 10;
/** Linear memory that has more bytes grows for no block of USUAL any more. 0 where some block was refused for want of a gap. */
let scatteredFrom: usize = 0;

function setBounds(): void {
  const meters = min(metered, MOST_METERED);
  highest = GRANTED_BY_V8 - BESIDE - MOST_METERED + meters;
  growsTo = min(limit + limit / 2 + BESIDE + meters, highest);
  scatteredFrom = growsTo - USUAL - USUAL / 8;
}
setBounds();

/**
 * Bytes of linear memory up to which it grows for the budget. Gaps between blocks are room for smaller ones alone. So whoever
 * chooses their sizes makes the heap several times as large as what is in use, 2,156 MiB for 450 (Node host), where V8 refuses to
 * grow at 1,008. It is one and a half times the budget, and what lies beside it, as far as V8 has that. Exported for specs.
 */
export function mostToGrowTo(): usize {
  return growsTo;
}

/** Is there a free block of `size` bytes, or may linear memory grow for one, by an eighth more at most? */
function hasRoom(size: usize): bool {
  return linearBytes() + size + size / 8 <= growsTo || hasFreeBlock(cost(size));
}

/** Is there room beside the budget, in one piece, for blocks of `size` bytes together? */
export function hasRoomBeside(size: usize): bool {
  return linearBytes() + size <= GRANTED_BY_V8 || hasFreeBlock(size);
}

/**
 * Is what is free scattered over gaps of less than twice USUAL (`hasFreeBlock`), or was some block refused for want of a gap? Then
 * room in the budget is of no use.
 */
// @ts-ignore: decorator
@inline
export function isScattered(): bool {
  return linearBytes() > scatteredFrom && (scatteredFrom == 0 || !hasFreeBlock(USUAL));
}

/** Blocks may have become free since some was refused. */
export function forgetRefused(): void {
  setBounds();
}

/**
 * A block of `size` bytes that ends below `highest`, or 0. The allocator answers the newest block of the class that fits best,
 * wherever that lies. If a block that lies too high were given back, it would be answered again. So all these are held until the
 * search is over. While blocks lie too high, larger and larger ones are asked for. One that does not is given back, and smaller and
 * smaller ones are asked for, down to `size`. The search ends after too many tries. It also ends when no block is free, since memory
 * would grow for one.
 */
function allocate(size: usize): usize {
  let held: usize = 0;
  let asked = size;
  let rises = true;
  let block = heap.alloc(size);
  for (let tries = 1; block + size > highest || asked > size; tries++) {
    if (block + size > highest) {
      store<usize>(block, held);
      held = block;
      if (rises && tries % TRIES == 0) asked *= 2;
    } else {
      heap.free(block);
      rises = false;
      asked /= 2;
    }
    block = 0;
    if (tries == MOST_TRIES || !hasFreeBlock(cost(asked))) break;
    block = heap.alloc(asked);
  }
  while (held != 0) {
    const next = load<usize>(held);
    heap.free(held);
    held = next;
  }
  return block;
}

/** Meters have taken `bytes` more, or have given them back where that is less than 0. */
export function noteMetered(bytes: isize): void {
  metered += bytes;
  setBounds();
}

/** Do meters take no more than linear memory has for them? */
export function hasRoomForMeters(): bool {
  return metered <= MOST_METERED;
}

/**
 * Takes `size` bytes, or answers 0 when the VM's budget does not allow it, or when there is no such block and memory may not grow.
 * Every caller handles 0 by closing the connection that asked, or by doing without.
 */
export function take(size: usize): usize {
  if (!charge(size)) return 0;
  const block = hasRoom(size) ? allocate(size) : 0;
  if (block != 0) return block;
  used -= cost(size);
  scatteredFrom = 0;
  return 0;
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

/** Gives the kept blocks to the heap, since they lie between gaps. */
export function freeKept(): void {
  while (kept != 0) {
    const next = load<usize>(kept);
    heap.free(kept);
    kept = next;
  }
  keptCount = 0;
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
  if (bytes <= limit) return;
  limit = bytes;
  setBounds();
}
