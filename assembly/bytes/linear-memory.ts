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
