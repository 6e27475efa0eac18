/** Of WebAssembly. */
const PAGE: usize = 65_536;

/**
 * Lets the linear memory have so many bytes at least. AssemblyScript's allocator doubles it when it must grow, which for what is
 * needed for a moment may be twice too much for ever; what is asked for in one piece it grows by that (std/assembly/rt/tlsf.ts,
 * growMemory). Pages that nothing is written to cost the machine nothing.
 */
export function growTo(bytes: usize): void {
  const present = <usize>memory.size() * PAGE;
  if (bytes > present) heap.free(heap.alloc(bytes - present));
}
