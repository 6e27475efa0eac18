// @solo-io/proxy-runtime 0.1.8 was written for the reference-counting runtime of AssemblyScript 0.14 and imports
// `rt/index-full`, which today's compiler no longer has. Pinning is what retaining has become.

/** Keeps the object at `ptr` alive until `__release`; returns `ptr`. */
export function __retain(ptr: usize): usize {
  return __pin(ptr);
}

/** Lets the collector have the object at `ptr` again. */
export function __release(ptr: usize): void {
  __unpin(ptr);
}
