/** Bytes of a page of linear memory (WebAssembly's constant). */
const PAGE: usize = 65_536;

/**
 * Lets linear memory grow to `bytes`, or to a sixteenth more, if it has less than half of them; else does nothing.
 * AssemblyScript's allocator grows it by what one allocation lacks, and at least doubles it (std/assembly/rt/tlsf.ts,
 * growMemory): so one large block, freed at once, gives it the wanted size, where small blocks would double it beyond that.
 * Pages that nothing is written to cost the machine nothing. Traps if the host refuses the memory.
 */
export function growTo(bytes: usize): void {
  const present = <usize>memory.size() * PAGE;
  if (bytes > present * 2) heap.free(heap.alloc(bytes - present));
}
