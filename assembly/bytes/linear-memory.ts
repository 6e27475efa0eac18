/** Bytes of a page of linear memory (WebAssembly's constant). */
const PAGE: usize = 65_536;

/** Bytes of linear memory. */
export function linearBytes(): usize {
  return <usize>memory.size() * PAGE;
}

/**
 * Lets linear memory grow to `bytes`, or to a sixteenth more, if it has less than half of them; else does nothing.
 * AssemblyScript's allocator grows it by what one allocation lacks, and at least doubles it (std/assembly/rt/tlsf.ts,
 * growMemory): so one large block, freed at once, gives it the wanted size, where small blocks would double it beyond that.
 * Pages that nothing is written to cost the machine nothing. Traps if the host refuses the memory.
 */
export function growTo(bytes: usize): void {
  const present = linearBytes();
  if (bytes > present * 2) heap.free(heap.alloc(bytes - present));
}

/**
 * Is there a free block of `size` bytes, so that linear memory need not grow for one? Answers false where none of the next power of
 * two is left, though one between may fit. The allocator's first word has a bit for each power of two of which it has free blocks,
 * the lowest for those below 256 bytes (std/assembly/rt/tlsf.ts, `Root` and `searchBlock`).
 */
export function hasFreeBlock(size: usize): bool {
  const powers = load<u32>((__heap_base + 15) & ~15);
  return powers >> (25 - clz<u32>(max<u32>(<u32>size, 128))) != 0;
}

/** Flags of the word before a block, beside its size: it is free, or the block before it is. */
const FREE: usize = 1;
const LEFT_FREE: usize = 2;
const FLAGS: usize = FREE | LEFT_FREE;

/**
 * Bytes of the gap behind a block if that is smaller than `size`, and 0 otherwise: a free block, which the allocator has joined with
 * others that it met (std/assembly/rt/tlsf.ts, "Block layout"). 0 for the block 0. Each gap is behind one block, so none counts twice.
 */
export function gapBehind(block: usize, size: usize): usize {
  if (block == 0) return 0;
  const behind = load<usize>(block + (load<usize>(block - 4) & ~FLAGS));
  const gap = behind & ~FLAGS;
  return (behind & FREE) != 0 && gap < size ? gap : 0;
}
