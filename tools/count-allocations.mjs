/**
 * A transform of the AssemblyScript compiler that counts what the filter's runtime allocates and frees, in globals that the module
 * exports. All memory, for the collector's objects as well as for `heap.alloc`, goes through two functions of the TLSF allocator
 * (std/assembly/rt/tlsf.ts). So an allocation counts even if it is freed at once and never shows as growth. The counters are added
 * before the optimiser runs, which keeps every call that has an effect.
 */
const ALLOCATE = "~lib/rt/tlsf/allocateBlock";
const FREE = "~lib/rt/tlsf/freeBlock";
const REALLOCATE = "~lib/rt/tlsf/reallocateBlock";

/** Blocks allocated since the module was started, and the bytes that were requested for them. */
const ALLOCATIONS = "allocations";
const ALLOCATED_BYTES = "allocated_bytes";
/** Bytes of all blocks that are not free, including the allocator's rounding and its header. */
const LIVE_BYTES = "live_bytes";

/** A block begins with its size, whose two lowest bits have another meaning. The header has four bytes. */
const TAGS = 3;
const HEADER = 4;

export default class CountAllocations {
  /** The compiler has put its `binaryen` on the prototype. */
  afterCompile(module) {
    const { binaryen } = this;
    const { i32, local } = module;

    const functionOf = (name) => {
      const found = module.getFunction(name);
      if (!found) throw new Error(`The runtime no longer has ${name}: find out where it allocates memory now.`);
      return { found, ...binaryen.getFunctionInfo(found) };
    };
    const add = (name, value) => module.global.set(name, i32.add(module.global.get(name, binaryen.i32), value));
    const sizeOf = (block) => i32.add(i32.and(i32.load(0, 4, block), i32.const(~TAGS)), i32.const(HEADER));
    const parameter = (index) => local.get(index, binaryen.i32);

    for (const name of [ALLOCATIONS, ALLOCATED_BYTES, LIVE_BYTES]) {
      module.addGlobal(name, binaryen.i32, true, i32.const(0));
      module.addGlobalExport(name, name);
    }
    if (module.getFunction(REALLOCATE)) throw new Error(`${REALLOCATE} is used: count here what it grows in place.`);

    // The runtime's own function returns early, so another one is put in its place and calls it.
    const allocate = functionOf(ALLOCATE);
    const own = `${ALLOCATE}:own`;
    module.addFunction(own, allocate.params, allocate.results, allocate.vars, allocate.body);
    const block = binaryen.Function.getNumLocals(allocate.found) - 1;
    if (allocate.vars.length === 0) throw new Error(`${ALLOCATE} has no local for its result.`);
    const counted = [
      add(ALLOCATIONS, i32.const(1)),
      add(ALLOCATED_BYTES, parameter(1)),
      local.set(block, module.call(own, [parameter(0), parameter(1)], binaryen.i32)),
      add(LIVE_BYTES, sizeOf(parameter(block))),
      parameter(block),
    ];
    binaryen.Function.setBody(allocate.found, module.block(null, counted, binaryen.i32));

    const free = functionOf(FREE);
    const given = add(LIVE_BYTES, i32.sub(i32.const(0), sizeOf(parameter(1))));
    binaryen.Function.setBody(free.found, module.block(null, [given, free.body], binaryen.none));
  }
}
