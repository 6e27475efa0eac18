/**
 * A transform of the AssemblyScript compiler that counts the filter's work, in a global that the module exports: one step for each
 * entry into a function, each return, each round of a loop, and each 16 bytes that an instruction copies or fills. The count is the
 * same on every machine and in every run, where a measured time is not.
 */
const STEPS = "steps";

/** The function that Binaryen's pass has called at each of these places, and imports. */
const REPORTER = "log_execution";

/** The functions that another pass puts in the place of the instructions of bulk memory. Their last parameter is the size in bytes. */
const BULK = ["__memory_copy", "__memory_fill"];
const SIZE = 2;
const BYTES_PER_STEP_LOG2 = 4;

export default class CountSteps {
  /** The compiler has put its `binaryen` on the prototype. */
  afterCompile(module) {
    const { binaryen } = this;
    const { i32 } = module;
    const functionOf = (name) => {
      const found = module.getFunction(name);
      if (!found) throw new Error(`Binaryen no longer makes ${name}: find out how its pass counts now.`);
      return { found, ...binaryen.getFunctionInfo(found) };
    };
    const add = (value) => module.global.set(STEPS, i32.add(module.global.get(STEPS, binaryen.i32), value));

    module.addGlobal(STEPS, binaryen.i32, true, i32.const(0));
    module.addGlobalExport(STEPS, STEPS);
    // The order matters: the rounds of the loops that stand for bulk instructions do not count.
    module.runPasses(["log-execution", "llvm-memory-copy-fill-lowering"]);
    const { params } = functionOf(REPORTER);
    module.removeFunction(REPORTER);
    module.addFunction(REPORTER, params, binaryen.none, [], add(i32.const(1)));
    for (const name of BULK) {
      const { found, body } = functionOf(name);
      const counted = add(i32.shr_u(module.local.get(SIZE, binaryen.i32), i32.const(BYTES_PER_STEP_LOG2)));
      binaryen.Function.setBody(found, module.block(null, [counted, body], binaryen.none));
    }
  }
}
