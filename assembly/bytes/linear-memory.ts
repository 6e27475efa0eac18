/** Of WebAssembly. */
const PAGE: usize = 65_536;

/**
 * Lets the linear memory have so many bytes, or up to a sixteenth more, where it has less than half of them: AssemblyScript's
 * allocator doubles it when it must grow, but for what is asked for in one piece it grows by that, if it is more
 * (std/assembly/rt/tlsf.ts, growMemory). Where it has half of them already, nothing is changed. Pages that nothing is written to cost
 * the machine nothing.
 */
export function growTo(bytes: usize): void {
  const present = <usize>memory.size() * PAGE;
  if (bytes > present * 2) heap.free(heap.alloc(bytes - present));
}
