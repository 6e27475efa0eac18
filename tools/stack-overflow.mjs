/**
 * A transform of the AssemblyScript compiler that lets the filter's functions share what they do when the collector's stack is
 * full. The compiler makes one function that compares and aborts (src/passes/shadowstack.ts, `makeStackCheck`), and its optimiser
 * puts that whole into each function that holds objects of the collector, nearly 400. Here only the comparison is put there, and
 * the abort is called: as quick, and 4 KiB less.
 */
const CHECK = "~stack_check";
const OVERFLOW = "~stack_overflow";

export default class StackOverflow {
  /** The compiler has put its `binaryen` on the prototype. */
  afterCompile(module) {
    const { binaryen } = this;
    const check = module.getFunction(CHECK);
    if (!check)
      throw new Error(`The compiler no longer makes ${CHECK}: find out where it compares the stack pointer now.`);
    const { condition, ifTrue } = binaryen.getExpressionInfo(binaryen.getFunctionInfo(check).body);
    module.addFunction(OVERFLOW, binaryen.none, binaryen.none, [], ifTrue);
    const overflows = module.block(null, [module.call(OVERFLOW, [], binaryen.none), module.unreachable()]);
    binaryen.Function.setBody(check, module.if(condition, overflows));
    binaryen.setPassArgument("no-inline", OVERFLOW);
    module.runPasses(["no-inline"]);
  }
}
