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
/**
 * The most that these have ever been, which is within a callback, where nobody else can look. A block that is freed before anything
 * else happens was never used and does not count: so linear memory is made to grow (assembly/bytes/linear-memory.ts).
 */
const MOST_LIVE_BYTES = "most_live_bytes";
/** The block that was allocated last. */
const LAST_BLOCK = "last_block";

/** A block begins with its size, whose two lowest bits have another meaning. The header has four bytes. */
const TAGS = 3;
const HEADER = 4;

export default class CountAllocations {
  /** The compiler has put its `binaryen` on the prototype. */
  afterCompile(module) {
    const { binaryen } = this;
    const { i32, local, global } = module;

    const functionOf = (name) => {
      const found = module.getFunction(name);
      if (!found) throw new Error(`The runtime no longer has ${name}: find out where it allocates memory now.`);
      return { found, ...binaryen.getFunctionInfo(found) };
    };
    const add = (name, value) => global.set(name, i32.add(global.get(name, binaryen.i32), value));
    const sizeOf = (block) => i32.add(i32.and(i32.load(0, 4, block), i32.const(~TAGS)), i32.const(HEADER));
    const parameter = (index) => local.get(index, binaryen.i32);
    const keepMost = () =>
      module.if(
        i32.gt_u(global.get(LIVE_BYTES, binaryen.i32), global.get(MOST_LIVE_BYTES, binaryen.i32)),
        global.set(MOST_LIVE_BYTES, global.get(LIVE_BYTES, binaryen.i32)),
      );

    for (const name of [ALLOCATIONS, ALLOCATED_BYTES, LIVE_BYTES, MOST_LIVE_BYTES, LAST_BLOCK]) {
      module.addGlobal(name, binaryen.i32, true, i32.const(0));
      if (name !== LAST_BLOCK) module.addGlobalExport(name, name);
    }
    if (module.getFunction(REALLOCATE)) throw new Error(`${REALLOCATE} is used: count here what it grows in place.`);

    // The runtime's own function returns early, so another one is put in its place and calls it.
    const allocate = functionOf(ALLOCATE);
    const own = `${ALLOCATE}:own`;
    module.addFunction(own, allocate.params, allocate.results, allocate.vars, allocate.body);
    const block = binaryen.Function.getNumLocals(allocate.found) - 1;
    if (allocate.vars.length === 0) throw new Error(`${ALLOCATE} has no local for its result.`);
    const counted = [
      keepMost(),
      add(ALLOCATIONS, i32.const(1)),
      add(ALLOCATED_BYTES, parameter(1)),
      local.set(block, module.call(own, [parameter(0), parameter(1)], binaryen.i32)),
      add(LIVE_BYTES, sizeOf(parameter(block))),
      global.set(LAST_BLOCK, parameter(block)),
      parameter(block),
    ];
    binaryen.Function.setBody(allocate.found, module.block(null, counted, binaryen.i32));

    const free = functionOf(FREE);
    const given = add(LIVE_BYTES, i32.sub(i32.const(0), sizeOf(parameter(1))));
    const unlessUnused = module.if(i32.ne(parameter(1), global.get(LAST_BLOCK, binaryen.i32)), keepMost());
    binaryen.Function.setBody(free.found, module.block(null, [unlessUnused, given, free.body], binaryen.none));
  }
}
